//! `postrider report`: what happened, by provider and by class.

mod statistics;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    out::{Out, say},
    session::{self, now},
    settings::Settings,
    table::Table,
    words::Since,
};
use crate::{mail::StatisticsKind, store::Tally};

/// The events that a column counts, in the order of the columns.
const COLUMNS: [&str; 5] = ["delivered", "deferred", "bounced", "expired", "in_doubt"];

/// Count what happened, by provider and by class of refusal.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Report {
    #[command(subcommand)]
    of: Option<Of>,
    /// Count since this moment, or the last 2h, 3d, ...
    #[arg(long, value_name = "MOMENT|SPAN", default_value = "1d")]
    since: Since,
}

/// What others report about us.
#[derive(Debug, Subcommand)]
enum Of {
    /// Show what receivers report about letters in our name (DMARC): which source fails alignment where, since when.
    Dmarc(statistics::Statistics),
    /// Show what senders report about encryption on the way to us (TLS-RPT).
    Tls(statistics::Statistics),
}

impl Report {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self.of {
            Some(Of::Dmarc(of)) => return of.run(StatisticsKind::Dmarc, settings, out).await,
            Some(Of::Tls(of)) => return of.run(StatisticsKind::Tls, settings, out).await,
            None => {}
        }
        let now = now();
        // Clocks of several nodes differ a little.
        let until = now.plus(Duration::from_mins(5));
        let tallies = session::with(settings, async |session| {
            let since = self.since.before(now);
            Ok(session.store.tally_events(since, until).await?)
        })
        .await?;
        if out.is_json() {
            tallies
                .iter()
                .try_for_each(|tally| out.json(&wire(tally)))?;
        } else {
            print(out, &tallies)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(out: &mut Out, tallies: &[Tally]) -> Result<()> {
    let (providers, classes) = (by_provider(tallies), by_class(tallies));
    if providers.is_empty() {
        say("Nothing has happened in that time; --since 30d looks further back.");
        return Ok(());
    }
    out.line(providers)?;
    if !classes.is_empty() {
        out.line(format!("\n{classes}"))?;
    }
    Ok(())
}

fn wire(tally: &Tally) -> serde_json::Value {
    json!({"provider": tally.provider, "kind": tally.kind, "class": tally.class, "events": tally.events,
        "letters": tally.letters})
}

fn by_provider(tallies: &[Tally]) -> Table {
    let mut providers: BTreeMap<&str, [i64; COLUMNS.len()]> = BTreeMap::new();
    for tally in tallies {
        let provider = tally.provider.as_deref().unwrap_or("none reached");
        if let Some(column) = COLUMNS.iter().position(|kind| *kind == tally.kind) {
            providers.entry(provider).or_default()[column] += tally.events;
        }
    }
    let mut table = Table::new(&[
        "provider",
        "delivered",
        "deferred",
        "bounced",
        "expired",
        "in doubt",
    ]);
    for (provider, counts) in providers {
        let counts = counts.map(|count| count.to_string());
        table.row(
            [provider]
                .into_iter()
                .chain(counts.iter().map(String::as_str)),
        );
    }
    table
}

fn by_class(tallies: &[Tally]) -> Table {
    let mut table = Table::new(&[
        "class",
        "what became of it",
        "provider",
        "events",
        "letters",
    ]);
    let refused = tallies
        .iter()
        .filter_map(|tally| Some((tally.class.as_deref()?, tally)));
    for (class, tally) in refused {
        table.row([
            class,
            &tally.kind.replace('_', " "),
            tally.provider.as_deref().unwrap_or("none reached"),
            &tally.events.to_string(),
            &tally.letters.to_string(),
        ]);
    }
    table
}
