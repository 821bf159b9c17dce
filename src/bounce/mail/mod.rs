//! What a mail that came back says: bytes in, a [`Report`] out.
//!
//! Owns the reading of bounces, feedback reports and auto-replies, in the forms of the standards and in those of the wild.
//! Promises: any bytes give some report; the time is linear in the mail; the same bytes give the same report, and LF and
//! CRLF are the same; recipients come only from words that say something about a delivery. Proves nothing: a token or a
//! known reporter does. Read `part` next, then `form`.

mod address;
mod any_of;
mod arf;
mod bounce;
mod code;
mod complaint;
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
mod reply;
mod sender;

use crate::mail::{Report, ReportKind};

use self::{
    field::Fields,
    form::Case,
    notice::Notice,
    part::{Kind, Mail, Part},
    sender::Sender,
};

/// A report inside a report is read, one inside that is not.
const DEPTH_MAX: usize = 1;

/// Reads one mail.
pub fn read(bytes: &[u8]) -> Report {
    read_at(bytes, 0)
}

fn read_at(bytes: &[u8], depth: usize) -> Report {
    let mail = Mail::take_apart(bytes);
    let text = notice::text_of(&mail);
    let notice = Notice::read(&text);
    let inside = mail.letter().map(Part::text);
    let inside = inside.as_deref().unwrap_or(notice.returned).trim_start();
    let (letter, _) = Fields::split(inside.as_bytes());
    let own = own_addresses(&mail.head);
    let case = Case {
        mail: &mail,
        sender: Sender::read(&mail.head),
        notice: &notice,
        letter: &letter,
        own: &own,
    };
    let report = complaint::read(&case).or_else(|| bounce::read(&case));
    let report = report.or_else(|| auto_reply(&case)).unwrap_or_default();
    if depth < DEPTH_MAX && is_wrapper(&report, &letter) {
        let inner = read_at(inside.as_bytes(), depth + 1);
        if inner.kind == ReportKind::Bounce && !inner.recipients.is_empty() {
            return inner;
        }
    }
    Report {
        original: original::read(&letter),
        ..report
    }
}

/// Whether a report says nothing of its own, and the letter that it returns is a report itself: a gateway passed it on.
fn is_wrapper(report: &Report, letter: &Fields<'_>) -> bool {
    let silent = report.recipients.is_empty() || report.form == "returned-letter";
    report.kind == ReportKind::Bounce && silent && bounce::is_reported(&Sender::read(letter))
}

/// The addresses that a report was sent to.
fn own_addresses(head: &Fields<'_>) -> Vec<String> {
    let names = ["To", "Delivered-To", "Envelope-To"];
    let found = names.iter().map(|name| original::addresses(head, name));
    found.flatten().collect()
}

/// What a program writes on behalf of a person: vacation notes, receipts, challenges (RFC 3834, RFC 8098).
fn auto_reply(case: &Case<'_, '_>) -> Option<Report> {
    let receipt = case.mail.of(Kind::Disposition).next().is_some();
    let automatic =
        case.sender.answers || case.sender.automatic || sender::challenges(case.notice.text);
    (automatic || receipt).then(|| Report {
        kind: ReportKind::AutoReply,
        form: if receipt { "rfc8098" } else { "auto-reply" },
        ..Report::default()
    })
}
