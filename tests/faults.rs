//! Faults with real parts: a database that is restarted, killed or out of reach, a full disk, a frozen node, no DNS, too few
//! file descriptors, too little memory. After each, every letter is accounted for at both ends and nobody had to help.
//!
//! The stage is that of `tests/promises.rs`; each file here breaks one part of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what went wrong by stopping, and what it counted by printing"
)]

#[path = "faults/account.rs"]
mod account;
#[path = "faults/database.rs"]
mod database;
#[path = "promises/desk.rs"]
mod desk;
#[path = "faults/disk.rs"]
mod disk;
#[path = "promises/fates.rs"]
#[expect(dead_code, reason = "the tests of the promises use the rest")]
mod fates;
#[path = "faults/frozen.rs"]
mod frozen;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/names.rs"]
mod names;
#[path = "promises/process.rs"]
mod process;
#[path = "support/mod.rs"]
mod support;
#[path = "promises/world.rs"]
mod world;
