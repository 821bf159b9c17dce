//! The command line of Postrider. Everything is in the library, where it can be read and tested.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    postrider::cli::run(std::env::args_os())
}
