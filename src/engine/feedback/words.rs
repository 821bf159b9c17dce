//! What a mail says, and how that is told.
//!
//! Owns the reading of a mail and the choice of the one word that it has for a letter. Promises: a report that names
//! somebody else has no word for this letter unless it came to the letter's own return path. Leaves the forms of reports to
//! `bounce::mail`.

use tokio::task::spawn_blocking;

use crate::{
    bounce,
    mail::{Address, Effect, LateWord, Report, ReportKind, Statistics, Told},
    port::inbound::{Kind, Proof, Understood},
};

/// A mail of so many octets is read in a few milliseconds at most.
const SMALL: usize = 256 << 10;

/// Reads a mail; a large one where nobody else waits for the thread.
pub(super) async fn understand(raw: &[u8]) -> Report {
    if raw.len() <= SMALL {
        return bounce::mail::read(raw);
    }
    let raw = raw.to_vec();
    let read = spawn_blocking(move || bounce::mail::read(&raw)).await;
    read.unwrap_or_else(|died| match died.try_into_panic() {
        // It ends this mail's task as if it had happened there.
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Report::default(),
    })
}

/// What the report says about this letter; `None` when it says nothing that may be believed.
pub(super) fn word(report: &Report, proof: Proof, recipient: &Address) -> Option<LateWord> {
    if report.kind == ReportKind::Complaint {
        let complaint = report.complaint.clone()?;
        return Some(LateWord::Complained(Box::new(complaint)));
    }
    let about = report.recipients.iter().find(|told| names(told, recipient));
    let told = match proof {
        Proof::Envelope => about.or_else(|| only_word(&report.recipients)),
        // Whoever has seen a letter can write such a report: it counts for the reader it names and for nobody else.
        Proof::ReturnedCopy | Proof::Reporter => about,
    };
    told.cloned().map(LateWord::Reported)
}

fn names(told: &Told, recipient: &Address) -> bool {
    let spellings = std::iter::once(&told.address).chain(&told.also);
    let mut keys = spellings.filter_map(|text| Some(Address::parse(text).ok()?.key()));
    keys.any(|key| key == recipient.key())
}

/// A letter that was sent on elsewhere comes back with other names. Where they fare differently, the kindest word counts.
fn only_word(recipients: &[Told]) -> Option<&Told> {
    recipients.iter().max_by_key(|told| told.action)
}

pub(super) fn strongest(effects: &[Effect]) -> Effect {
    effects.iter().copied().min().unwrap_or(Effect::Unproven)
}

pub(super) fn idle(kind: ReportKind, effect: Effect, detail: &str) -> Understood {
    Understood {
        kind: Kind::Report(kind),
        effect,
        proof: None,
        letter: None,
        detail: detail.to_owned(),
    }
}

/// A report in sum, read where a large one keeps nobody waiting.
pub(super) async fn in_sum(raw: &[u8]) -> Option<Statistics> {
    if !bounce::statistics::may_be_one(raw) {
        return None;
    }
    let raw = raw.to_vec();
    // A reader that panics has read nothing.
    spawn_blocking(move || bounce::statistics::read(&raw))
        .await
        .ok()?
}

/// What a list of mails shows: the form, and the first word about anybody.
pub(super) fn detail(report: &Report) -> String {
    let said = report.recipients.first().map_or_else(String::new, |told| {
        let class = told
            .finding
            .as_ref()
            .map_or("", |finding| finding.class.name());
        format!("{} {class} {}", told.action.name(), told.words)
    });
    let complaint = report.complaint.as_ref();
    let said = complaint.map_or(said, |complaint| complaint.feedback_type.clone());
    let mut text = format!("{}: {said}", report.form);
    let end = text.floor_char_boundary(500);
    text.truncate(end);
    text.trim().to_owned()
}
