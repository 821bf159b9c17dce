//! The record as a table in Markdown: what `docs/benchmarks.md` holds, and what the bench prints.
//!
//! Promises: nothing that is not in the record; medians with the lowest and the highest; ratios are taken within each
//! round, so that a busy moment of the machine does not pass for speed.

use std::fmt;

use crate::record::{Entry, Record};

/// Who everybody is compared to.
const BASE: &str = "ours";

/// A record to be shown.
pub(crate) struct Comparison<'a>(pub(crate) &'a Record);

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record) = self;
        let (machine, task) = (&record.machine, &record.task);
        let rounds = record.peers.iter().map(|entry| entry.runs.len()).max();
        writeln!(
            f,
            "Commit {}, {} cores ({}), {} MB, Linux {}, {}, spools on {}, load {} at the start, processor time by {}. \
             {} alternating runs of {} letters of {} octets before signing, {} domains, {}.{}\n",
            record.commit,
            machine.cores,
            machine.processor,
            machine.memory_mb,
            machine.kernel,
            machine.system,
            machine.disk,
            machine.load,
            machine.meter,
            rounds.unwrap_or(0),
            task.letters,
            task.octets,
            task.domains,
            task.signature,
            if task.optimised {
                ""
            } else {
                " **Built without optimisation: our figures mean nothing.**"
            },
        )?;
        writeln!(
            f,
            "| | letters/s | ours is faster by | CPU s per 1,000 letters | peak MB | durable |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for entry in &record.peers {
            self.line(f, entry)?;
        }
        writeln!(f)?;
        for entry in &record.peers {
            writeln!(f, "- {}: {}", entry.title, entry.version)?;
        }
        Ok(())
    }
}

impl Comparison<'_> {
    fn line(&self, f: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
        let runs = || entry.runs.iter().flatten();
        let rate = spread(runs().map(|run| run.letters_per_second), 0);
        let cost = spread(runs().map(|run| run.cpu_seconds_per_1000), 2);
        let memory = spread(runs().map(|run| run.memory_mb), 0);
        let ratio = if entry.word == BASE {
            "1".to_owned()
        } else {
            spread(self.ratios(entry), 1)
        };
        let durable = if entry.durable { "yes" } else { "no" };
        let failed = match entry.failures.len() {
            0 => String::new(),
            count => format!(" ({count} runs failed)"),
        };
        writeln!(
            f,
            "| {}{failed} | {rate} | {ratio} | {cost} | {memory} | {durable} |",
            entry.title
        )
    }

    /// Our rate in letters per second over theirs, round by round.
    fn ratios(&self, entry: &Entry) -> impl Iterator<Item = f64> {
        let ours = self.0.peers.iter().find(|entry| entry.word == BASE);
        let ours = ours.map_or(&[][..], |ours| &ours.runs);
        let pairs = ours.iter().zip(&entry.runs);
        pairs.filter_map(|(ours, theirs)| {
            Some(ours.as_ref()?.letters_per_second / theirs.as_ref()?.letters_per_second)
        })
    }
}

/// `median (lowest-highest)`.
fn spread(values: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (values.first(), values.last()) else {
        return "-".to_owned();
    };
    let median = values[values.len() / 2];
    format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})")
}
