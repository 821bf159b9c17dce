//! Delivery reports: the machine part first, then the words for people.
//!
//! Owns the decision whether a mail is one, and the joining of what both say. Promises: a mail without a machine part is
//! a delivery report only where sender, subject and words together say so; a report inside of the returned letter is read
//! only where the outer one says nothing of its own.

use super::{
    any_of::AnyOf,
    code::Wording,
    draft::Draft,
    dsn,
    form::{self, Case},
    listed,
    part::{Kind, Part},
    phrase::Sign,
    sender::Sender,
};
use crate::mail::{Report, ReportKind};

/// Signs must weigh so much to make a delivery report of a mail without a machine part.
const WEIGHT_MIN: u32 = 3;

/// Reads a delivery report.
pub(super) fn read(case: &Case<'_, '_>) -> Option<Report> {
    let status = case.mail.of(Kind::Status).map(Part::text);
    let mut drafts: Vec<Draft> = status.flat_map(|text| dsn::read(&text)).collect();
    let mut form = "rfc3464";
    if drafts.is_empty() {
        if !is_bounce(case) {
            return None;
        }
        (form, drafts) = form::read(case).unwrap_or_default();
        form = case
            .notice
            .writer()
            .filter(|_| form == "listed")
            .unwrap_or(form);
        fill(&mut drafts, case, false);
    } else {
        name(&mut drafts, case);
        explain(&mut drafts, case);
        fill(&mut drafts, case, true);
    }
    rejected(&mut drafts, case);
    let otherwise = listed::action(case.notice);
    Some(Report {
        kind: ReportKind::Bounce,
        form,
        recipients: drafts
            .into_iter()
            .map(|draft| draft.finish(otherwise))
            .collect(),
        ..Report::default()
    })
}

/// Whether the sender of a mail looks like a mail system that reports.
pub(super) fn is_reported(sender: &Sender) -> bool {
    sender.daemon && sender.reports
}

/// Whether a mail without a machine part is a delivery report: enough signs of the sender, and words that only reports use.
fn is_bounce(case: &Case<'_, '_>) -> bool {
    let sender = &case.sender;
    let status =
        case.mail.of(Kind::Status).next().is_some() || case.mail.is_report("delivery-status");
    let said = [Sign::Failed, Sign::Delayed, Sign::Delivered, Sign::Report];
    let said = said.iter().any(|sign| case.notice.has(*sign));
    let signs = [
        (sender.daemon, 2),
        (sender.reports, 2),
        (sender.no_return, 1),
        (sender.names_failed, 3),
        (status, 3),
        (said, 1),
        (sender.automatic, 1),
    ];
    let here = signs.iter().filter(|(here, _)| *here);
    let weight: u32 = here.map(|(_, weight)| weight).sum();
    let answer = sender.answers && !sender.daemon && !status;
    let speaks = sender.reports || sender.names_failed || status || said;
    form::is_notification(case) || weight >= WEIGHT_MIN && speaks && !answer
}

/// Where a machine part names a recipient by what is no address, the words for people may know the address.
fn name(drafts: &mut [Draft], case: &Case<'_, '_>) {
    if drafts.iter().all(Draft::is_addressed) {
        return;
    }
    let listed = listed::read(case.notice, case.own, false);
    if listed.len() == drafts.len() {
        for (draft, listed) in drafts.iter_mut().zip(listed) {
            if !draft.is_addressed() {
                let bare = std::mem::replace(&mut draft.address, listed.address);
                draft.also.push(bare);
            }
        }
    }
}

/// Adds what the words for people say about each recipient of the machine part.
fn explain(drafts: &mut [Draft], case: &Case<'_, '_>) {
    for listed in listed::read(case.notice, case.own, false) {
        let about = drafts
            .iter_mut()
            .find(|draft| draft.is_about(&listed.address));
        if let Some(draft) = about {
            let words = listed.words.into_iter();
            draft
                .words
                .extend(words.map(|words| with_host(words, draft.host.as_deref())));
        }
    }
}

/// A refusal after the letter itself means something else at some hosts, so their rules want the name.
fn with_host(words: Wording, host: Option<&str>) -> Wording {
    match host {
        Some(host) if words.text.contains("end of DATA") => {
            format!("{} Remote-MTA: dns; {host}", words.text).into()
        }
        _ => words,
    }
}

/// Where one recipient is told, replies that stand apart are about it, and so is everything else where it has no words.
fn fill(drafts: &mut [Draft], case: &Case<'_, '_>, vague: bool) {
    if let [only] = drafts {
        if !only.is_coded() {
            let replies = form::replies(case.notice).into_iter();
            only.words.extend(replies.map(Wording::from));
        }
        if only.is_silent() || vague && only.is_vague() {
            only.words.push(form::words(case.notice).into());
        }
    }
}

/// Dovecot and Cyrus tell their own reason in a sentence, whatever code they put into the fields.
fn rejected(drafts: &mut [Draft], case: &Case<'_, '_>) {
    const SAYING: &str = "was automatically rejected:";
    static SAYS: AnyOf = AnyOf::new(&[SAYING]);
    let [only] = drafts else { return };
    if let Some(at) = SAYS.first(case.notice.text) {
        let reason = &case.notice.text[at + SAYING.len()..];
        let reason: Vec<&str> = reason.split_whitespace().take(60).collect();
        only.words.insert(0, reason.join(" ").into());
    }
}
