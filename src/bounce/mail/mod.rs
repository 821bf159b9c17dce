//! What a mail that came back says: bytes in, a [`Report`] out.
//!
//! Owns the reading of bounces, feedback reports and auto-replies, in the forms of the standards and in those of the wild.
//! Promises: any bytes give some report; the time is linear in the mail; the same bytes give the same report, and LF and
//! CRLF are the same; recipients come only from words that say something about a delivery. Proves nothing: a token or a
//! known reporter does. Read [`part`] next, then [`form`].

mod address;
mod arf;
mod code;
mod date;
mod decode;
mod draft;
mod dsn;
mod field;
mod form;
mod listed;
mod notice;
mod original;
mod part;
mod phrase;
mod sender;

use crate::mail::{Complaint, Report, ReportKind};

use self::{
    draft::Draft,
    field::Fields,
    form::Case,
    notice::Notice,
    part::{Kind, Mail, Part},
    phrase::Sign,
    sender::Sender,
};

/// Reads one mail.
pub fn read(bytes: &[u8]) -> Report {
    let mail = Mail::take_apart(bytes);
    let text = notice::text_of(&mail);
    let notice = Notice::read(&text);
    let letter = mail.of(Kind::Original).next().map(Part::text);
    let letter = letter.as_deref().unwrap_or(notice.returned);
    let (letter, _) = Fields::split(letter.trim_start().as_bytes());
    let own = own_addresses(&mail.head);
    let case = Case {
        mail: &mail,
        notice: &notice,
        letter: &letter,
        own: &own,
    };
    let report = complaint(&case)
        .or_else(|| bounce(&case))
        .or_else(|| auto_reply(&case));
    Report {
        original: original::read(&letter),
        ..report.unwrap_or_default()
    }
}

/// The addresses that a report was sent to.
fn own_addresses(head: &Fields<'_>) -> Vec<String> {
    let names = ["To", "Delivered-To", "X-Original-To", "Envelope-To"];
    names
        .iter()
        .flat_map(|name| original::addresses(head, name))
        .collect()
}

/// A delivery report: its machine part, else the words for people where the sender looks like a mail system.
fn bounce(case: &Case<'_, '_>) -> Option<Report> {
    let status = case.mail.of(Kind::Status).map(Part::text);
    let mut drafts: Vec<Draft> = status.flat_map(|text| dsn::read(&text)).collect();
    let mut form = "rfc3464";
    if drafts.is_empty() {
        if !is_bounce(case) {
            return None;
        }
        (form, drafts) = form::read(case).unwrap_or_default();
        form = case.notice.writer().unwrap_or(form);
    } else {
        explain(&mut drafts, case);
    }
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

/// Whether a mail without a machine part is a delivery report: enough signs of the sender, and words that only reports use.
fn is_bounce(case: &Case<'_, '_>) -> bool {
    let sender = Sender::read(&case.mail.head);
    let status = case.mail.of(Kind::Status).next().is_some();
    let said = [Sign::Failed, Sign::Delayed, Sign::Delivered, Sign::Report]
        .iter()
        .any(|sign| case.notice.has(*sign));
    let signs = [
        (sender.daemon, 2),
        (sender.reports, 2),
        (sender.no_return, 1),
        (sender.names_failed, 3),
        (case.mail.is_report("delivery-status") || status, 3),
        (said, 1),
        (sender.automatic, 1),
    ];
    let weight: u32 = signs
        .iter()
        .filter(|(here, _)| *here)
        .map(|(_, weight)| weight)
        .sum();
    let notification = form::is_notification(case);
    notification || weight >= 3 && !(sender.answers && !sender.daemon && !status)
}

/// Adds what the words for people say about each recipient of the machine part.
fn explain(drafts: &mut [Draft], case: &Case<'_, '_>) {
    for listed in listed::read(case.notice, case.own) {
        if let Some(draft) = drafts
            .iter_mut()
            .find(|draft| draft.is_about(&listed.address))
        {
            draft.words.extend(listed.words);
        }
    }
    if let [only] = drafts {
        let reasons = form::reasons(case.notice);
        only.words.extend(reasons);
    }
}

fn complaint(case: &Case<'_, '_>) -> Option<Report> {
    let feedback = case.mail.of(Kind::Feedback).next()?.text();
    let mut complaint: Complaint = arf::read(&feedback)?;
    arf::complete(&mut complaint, case.letter);
    Some(Report {
        kind: ReportKind::Complaint,
        form: "rfc5965",
        complaint: Some(complaint),
        ..Report::default()
    })
}

fn auto_reply(case: &Case<'_, '_>) -> Option<Report> {
    let sender = Sender::read(&case.mail.head);
    let receipt = case.mail.of(Kind::Disposition).next().is_some();
    (sender.answers || sender.automatic || receipt).then(|| Report {
        kind: ReportKind::AutoReply,
        form: if receipt { "rfc8098" } else { "auto-reply" },
        ..Report::default()
    })
}
