//! `postrider sim`: worlds that a seed decides, and whether the promises held in them.
//!
//! Owns options, progress and the words around a report. Leaves the worlds to `sim::world`.

use std::{collections::BTreeMap, ops::Range, process::ExitCode, sync::Mutex};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::out::{Out, say};
use crate::sim::world::{Report, simulate, simulate_all};

/// Live a world of simulated nodes, providers and hardships in virtual time, and judge whether every promise held.
///
/// The same seed and number of letters tell the same story, byte for byte. Nothing leaves this process.
#[derive(Debug, Args)]
pub(super) struct Sim {
    /// Live the world of this seed and tell its story.
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Live the worlds of many seeds instead, and tell only of broken laws.
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<Range<u64>>,
    /// Letters in each world.
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5_000))]
    letters: u16,
}

fn seeds(text: &str) -> Result<Range<u64>, &'static str> {
    let range = text.split_once("..").and_then(|(from, to)| {
        let range = from.parse().ok()?..to.parse().ok()?;
        (!range.is_empty()).then_some(range)
    });
    range.ok_or("seeds are given as A..B with A below B, such as 0..300")
}

impl Sim {
    pub(super) async fn run(self, out: &mut Out) -> Result<ExitCode> {
        let is_clean = match self.seeds.clone() {
            Some(seeds) => self.many(seeds, out).await?,
            None => self.one(out).await?,
        };
        // A script that looks for a broken law notices by this.
        Ok(if is_clean {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn one(&self, out: &mut Out) -> Result<bool> {
        let (seed, letters) = (self.seed, usize::from(self.letters));
        // A world has a runtime of its own.
        let report = spawn_blocking(move || simulate(seed, letters)).await??;
        let story = report.story.join("\n");
        out.thing(&report, format!("{story}\n\n{report}"))?;
        Ok(report.is_clean())
    }

    async fn many(&self, seeds: Range<u64>, out: &mut Out) -> Result<bool> {
        let count = seeds.end - seeds.start;
        let reports = self.live(seeds, count).await?;
        let broken: Vec<&Report> = reports
            .values()
            .filter(|report| !report.is_clean())
            .collect();
        if out.is_json() {
            for report in reports.values() {
                out.json(&wire(report))?;
            }
        } else {
            for report in &broken {
                out.line(format!("seed {}:\n{report}\n", report.seed))?;
            }
            out.line(summary(&reports, broken.len()))?;
        }
        for report in &broken {
            let (seed, letters) = (report.seed, self.letters);
            say(format!(
                "Seed {seed} breaks a law; see it again with `postrider sim --seed {seed} --letters {letters}`."
            ));
        }
        Ok(broken.is_empty())
    }

    async fn live(&self, seeds: Range<u64>, count: u64) -> Result<BTreeMap<u64, Report>> {
        let (letters, progress) = (usize::from(self.letters), ProgressBar::new(count));
        let done = spawn_blocking(move || {
            let reports = Mutex::new(BTreeMap::new());
            let lived = simulate_all(seeds, letters, |mut report| {
                // Thousands of stories are not told and would fill the memory.
                report.story = Vec::new();
                progress.inc(1);
                if let Ok(mut reports) = reports.lock() {
                    reports.insert(report.seed, report);
                }
            });
            progress.finish_and_clear();
            lived.map(|()| reports.into_inner().unwrap_or_default())
        });
        Ok(done.await.context("living the worlds")??)
    }
}

/// A report without its story.
fn wire(report: &Report) -> serde_json::Value {
    json!({"seed": report.seed, "letters": report.letters, "states": report.states, "copies": report.copies,
        "unheard": report.unheard, "laws": report.laws})
}

fn summary(reports: &BTreeMap<u64, Report>, broken: usize) -> String {
    let letters: usize = reports.values().map(|report| report.letters).sum();
    let unheard: usize = reports.values().map(|report| report.unheard).sum();
    let worlds = reports.len();
    let held = if broken == 0 {
        "every law held in every one".to_owned()
    } else {
        format!("{broken} broke a law")
    };
    format!("{worlds} worlds with {letters} letters, {unheard} copies that nobody heard of: {held}")
}
