//! `cargo bench --bench reading`: how fast one core reads what receivers say, and what bounds it.
//!
//! Owns the programme. Promises: only processor time of this one thread counts, so that neighbours change little; the parts
//! of a figure are measured in the same run as the figure; the inputs are made from `rules.toml` and
//! `tests/mails`, so nothing else is needed; `POSTRIDER_BOUNCES` may name a corpus of real mails besides. `READING_RUNS` (5)
//! is how often, `READING_LINES` (200000) how many replies, `READING_ONLY` (all) one of `replies`, `mails`, `letters`.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and times are far below 2^53"
)]

#[path = "../common/cost.rs"]
#[expect(dead_code, reason = "the bench of deliveries asks for more")]
mod cost;
mod letters;
mod mails;
mod replies;
mod table;

use std::{
    env, hint,
    io::{self, Write},
    str::FromStr,
};

use anyhow::{Context, Result};

use self::table::Table;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let runs: u32 = variable("READING_RUNS", 5)?;
    let lines: usize = variable("READING_LINES", 200_000)?;
    let only: String = variable("READING_ONLY", "all".to_owned())?;
    let is_asked = |part: &str| only == "all" || only == part;
    let mut table = Table::default();
    if is_asked("replies") {
        let replies = replies::mixed(lines);
        replies::describe(&replies, &mut table);
        for _ in 0..runs {
            replies::measure(&replies, &mut table)?;
        }
    }
    if is_asked("mails") {
        let post = mails::post()?;
        for _ in 0..runs {
            for post in &post {
                mails::measure(post, &mut table)?;
            }
        }
    }
    if is_asked("letters") {
        for _ in 0..runs {
            letters::measure(&mut table)?;
        }
    }
    writeln!(io::stdout().lock(), "{table}").context("printing the table")
}

fn variable<T: FromStr>(name: &str, usual: T) -> Result<T> {
    match env::var(name) {
        Err(_) => Ok(usual),
        Ok(text) => text
            .parse()
            .ok()
            .with_context(|| format!("{name} is not a number: {text}")),
    }
}

/// Processor seconds of one pass of `work` over everything, long enough for the system's clock of 10 ms.
fn seconds_per_pass(mut work: impl FnMut()) -> Result<f64> {
    let clock = || {
        cost::processor_time(std::process::id()).context("reading /proc: this bench needs Linux")
    };
    let begin = clock()?;
    let mut passes = 0_u32;
    loop {
        hint::black_box(&mut work)();
        passes += 1;
        let spent = clock()?.saturating_sub(begin).as_secs_f64();
        if spent >= 0.5 {
            return Ok(spent / f64::from(passes));
        }
    }
}
