//! What shaping costs a letter: its way through limits and governor, and nothing else.

use std::process;

use anyhow::{Context, Result, anyhow};
use postrider::{engine::Drill, mail::Domain, policy::Shaping, route::Source};

use crate::{cost, table::Table};

/// The row.
pub(crate) const SHAPING: &str = "shaping, processor time";

/// Letters of a run, and of a lease.
const LETTERS: usize = 400_000;
const LEASE: usize = 300;

/// Sites, each with a lane of its own.
const SITES: u16 = 200;

/// Limits are counted and none is reached; letters of a daily limit would have to be drawn from the store.
const COUNTED: &str = "[default]\nconnections = 1000\nconnections_per_minute = 1000000\nmessages_per_second = 1000000\n\
    letters_per_connection = 1000000\nadaptive = false\n";

fn source() -> Result<Source> {
    Ok(Source {
        name: "drill".to_owned(),
        address: None,
        ehlo: Domain::parse("mail.example.com")?,
        weight: 1,
    })
}

/// One run.
pub(crate) async fn measure(table: &mut Table) -> Result<()> {
    let drill = Drill::new(
        Shaping::parse(COUNTED).map_err(|faults| anyhow!("{faults:?}"))?,
        &source()?,
        SITES,
    );
    let time = || cost::processor_time(process::id()).context("no processor time below /proc");
    let before = time()?;
    for first in (0..LETTERS).step_by(LEASE) {
        std::hint::black_box(drill.lease());
        for number in first..(first + LEASE).min(LETTERS) {
            drill.letter(number).await.context("a letter had to wait")?;
        }
    }
    let each = time()?.saturating_sub(before).as_secs_f64() * 1e6 / LETTERS as f64;
    table.add(SHAPING, "us/letter", each);
    table.at_most(SHAPING, 5.0);
    Ok(())
}
