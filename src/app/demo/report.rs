//! What a demonstration tells when it is over.
//!
//! Owns the figures and their table. Promises: every figure is read from the database or from the small internet, none is
//! computed from a wish. `Display` is for people, `Serialize` for programs.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::Result;
use serde::Serialize;

use super::{Run, compare::Comparison};
use crate::{
    mail::Timestamp,
    net::SystemClock,
    port::Clock,
    sim::{SmallInternet, Tally},
    store::{HistoryLine, LetterView, PgStore, SuppressionFilter},
};

/// Suppressions shown by name.
const SUPPRESSED_SHOWN: usize = 8;

/// Characters shown of a piece of evidence; `postrider suppression show` has the whole.
const EVIDENCE_SHOWN: usize = 60;

/// Entries looked through.
const SUPPRESSED_MAX: u32 = 100_000;

/// The figures.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Letters in the database.
    pub letters: u64,
    /// From the first enqueue to the last final state, seconds.
    pub seconds: f64,
    /// Of these, until the last enqueue had committed.
    pub enqueue_seconds: f64,
    /// Letters by final state.
    pub states: BTreeMap<String, u64>,
    /// By provider: delivered, bounced, deferred events.
    pub providers: BTreeMap<String, ProviderLine>,
    /// Refusals and deferrals by class: events.
    pub classes: BTreeMap<String, u64>,
    /// Addresses that are not written to any more.
    pub suppressed: Vec<Suppressed>,
    /// How many there are in all.
    pub suppressed_total: u64,
    /// What both ends say.
    pub agreement: Agreement,
    /// The story of one letter.
    pub example: Vec<String>,
    /// The example's id.
    pub example_id: Option<String>,
}

/// One provider's line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ProviderLine {
    /// Letters delivered, as we believe.
    pub delivered: u64,
    /// Letters bounced.
    pub bounced: u64,
    /// Attempts put off.
    pub deferred: u64,
    /// Letters in doubt.
    pub in_doubt: u64,
    /// Letters given up.
    pub expired: u64,
}

/// One suppressed address.
#[derive(Clone, Debug, Serialize)]
pub struct Suppressed {
    /// Who.
    pub address: String,
    /// Why.
    pub reason: String,
    /// The words that prove it.
    pub evidence: String,
}

/// What both ends say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Agreement {
    /// Letters looked at.
    pub letters: u64,
    /// Letters that both ends agree on.
    pub agreed: u64,
    /// Letters that the providers took, copies included.
    pub taken: u64,
    /// Signatures and headers that the providers checked.
    pub verified: u64,
    /// What they found wrong.
    pub findings: Vec<String>,
    /// In doubt and arrived; in doubt and not.
    pub in_doubt: (u64, u64),
    /// The first disagreements, in words.
    pub disagreements: Vec<String>,
}

/// How long things took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    /// From the first enqueue to the last.
    pub(super) enqueued: Duration,
    /// From the first enqueue to the last final state.
    pub(super) took: Duration,
}

impl Report {
    pub(super) async fn gather(
        store: &PgStore,
        internet: &SmallInternet,
        comparison: Comparison,
        run: &Run,
        spans: Spans,
    ) -> Result<Self> {
        let mut report = Self {
            letters: comparison.letters,
            seconds: spans.took.as_secs_f64(),
            enqueue_seconds: spans.enqueued.as_secs_f64(),
            states: comparison.states.clone(),
            providers: BTreeMap::new(),
            classes: BTreeMap::new(),
            suppressed: Vec::new(),
            suppressed_total: 0,
            example: Vec::new(),
            example_id: None,
            agreement: agreement(&comparison, &internet.tally()),
        };
        report.count_events(store, run.since).await?;
        report.list_suppressed(store, run.since).await?;
        if let Some(view) = comparison.example {
            report.example_id = Some(view.id.to_string());
            report.example = story(&view, &store.history(view.id).await?);
        }
        Ok(report)
    }

    async fn count_events(&mut self, store: &PgStore, since: Timestamp) -> Result<()> {
        let until = SystemClock.now().plus(Duration::from_secs(1));
        for line in store.tally_events(since, until).await? {
            let events = count(line.events);
            if let Some(class) = line.class {
                *self.classes.entry(class).or_default() += events;
            }
            let provider = line.provider.unwrap_or_else(|| "(no attempt)".to_owned());
            let entry = self.providers.entry(provider).or_default();
            match line.kind.as_str() {
                "delivered" => entry.delivered += events,
                "bounced" => entry.bounced += events,
                "deferred" => entry.deferred += events,
                "in_doubt" => entry.in_doubt += events,
                "expired" => entry.expired += events,
                _ => {}
            }
        }
        Ok(())
    }

    async fn list_suppressed(&mut self, store: &PgStore, since: Timestamp) -> Result<()> {
        let all = SuppressionFilter {
            max: SUPPRESSED_MAX,
            ..SuppressionFilter::default()
        };
        let mut entries = store.suppressions(&all).await?;
        entries.retain(|entry| entry.since >= since);
        self.suppressed_total = entries.len() as u64;
        let shown = entries.into_iter().take(SUPPRESSED_SHOWN);
        self.suppressed = shown
            .map(|entry| Suppressed {
                address: entry.address.to_string(),
                reason: entry.reason.name().to_owned(),
                evidence: entry.evidence,
            })
            .collect();
        Ok(())
    }

    /// Whether both ends agree on every letter and no signature was wrong.
    pub fn is_clean(&self) -> bool {
        let agreement = &self.agreement;
        agreement.agreed == agreement.letters && agreement.findings.is_empty()
    }
}

fn agreement(comparison: &Comparison, tally: &Tally) -> Agreement {
    let findings = tally.findings.iter();
    Agreement {
        letters: comparison.letters,
        agreed: comparison.agreed,
        taken: tally.accepted(),
        verified: tally.verified,
        findings: findings
            .map(|(finding, found)| format!("{finding:?}: {} ({:?})", found.count, found.examples))
            .collect(),
        in_doubt: (comparison.in_doubt_arrived, comparison.in_doubt_lost),
        disagreements: comparison.disagreements.clone(),
    }
}

/// The beginning of a text that may be long, on one line.
fn short(text: &str) -> String {
    let line: String = text.replace('\n', " ");
    match line.char_indices().nth(EVIDENCE_SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A letter's history, one line per event.
fn story(view: &LetterView, history: &[HistoryLine]) -> Vec<String> {
    let to = view.letter.as_ref().map_or_else(
        |broken| broken.fault.to_string(),
        |letter| letter.to.mailbox.address.to_string(),
    );
    let mut lines = vec![format!("{} to {to}: {}", view.id, view.state.name())];
    lines.extend(history.iter().map(line));
    lines
}

fn line(line: &HistoryLine) -> String {
    let event = &line.event;
    let mut words = vec![event.at.to_string(), event.kind.name().to_owned()];
    words.extend(line.host.clone());
    words.extend(event.stage.map(|stage| stage.name().to_owned()));
    words.extend(event.code.map(|code| code.to_string()));
    words.extend(
        event
            .text
            .as_ref()
            .map(|text| format!("\"{}\"", text.replace('\n', " "))),
    );
    if let (Some(class), Some(rule)) = (event.class, &event.rule) {
        words.push(format!("class {} by rule {rule}", class.name()));
    }
    words.join("  ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a demonstration has no 2^52 letters"
        )]
        let rate = self.letters as f64 / self.seconds.max(0.001);
        writeln!(
            f,
            "{} letters in {:.1} s ({rate:.0}/s; enqueued in {:.1} s)\n",
            self.letters, self.seconds, self.enqueue_seconds
        )?;
        self.write_providers(f)?;
        self.write_classes(f)?;
        self.write_suppressed(f)?;
        self.write_agreement(f)?;
        writeln!(f, "\nOne letter explained")?;
        self.example
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl Report {
    fn write_providers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>10} {:>8} {:>9} {:>9} {:>8}",
            "provider", "delivered", "bounced", "deferred", "in doubt", "expired"
        )?;
        for (name, line) in &self.providers {
            writeln!(
                f,
                "{name:<14} {:>10} {:>8} {:>9} {:>9} {:>8}",
                line.delivered, line.bounced, line.deferred, line.in_doubt, line.expired
            )?;
        }
        Ok(())
    }

    fn write_classes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<18} {:>8}", "refused because", "times")?;
        self.classes
            .iter()
            .try_for_each(|(class, times)| writeln!(f, "{class:<18} {times:>8}"))
    }

    fn write_suppressed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} addresses are not written to any more",
            self.suppressed_total
        )?;
        for entry in &self.suppressed {
            let evidence = short(&entry.evidence);
            writeln!(f, "  {:<44} {:<12} {evidence}", entry.address, entry.reason)?;
        }
        Ok(())
    }

    fn write_agreement(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both = &self.agreement;
        writeln!(
            f,
            "\nBoth ends agree on {} of {} letters",
            both.agreed, both.letters
        )?;
        writeln!(
            f,
            "  the providers took {} copies and verified {}; in doubt: {} had arrived, {} had not",
            both.taken, both.verified, both.in_doubt.0, both.in_doubt.1
        )?;
        for line in both.findings.iter().chain(&both.disagreements) {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}
