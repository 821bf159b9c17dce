//! The forms of bounces that no standard describes, one small file each.
//!
//! Owns the one list of forms and what they have in common. Promises: forms are tried in the order of the list, the
//! particular before the general, and the first that finds recipients wins. To add one, write a file with a `read` and
//! put it into [`FORMS`]; `docs/bounces.md` shows how.

mod amazon;
mod aol;
mod fields;
mod malformed;
mod returned;
mod smtpd;
mod transcript;

use std::borrow::Cow;

use super::{draft::Draft, field::Fields, listed, notice::Notice, part::Mail};

/// What a form may read.
pub(super) struct Case<'m, 'x> {
    /// The mail.
    pub(super) mail: &'m Mail<'x>,
    /// Its words for people.
    pub(super) notice: &'m Notice<'m>,
    /// The head of the returned letter.
    pub(super) letter: &'m Fields<'m>,
    /// The addresses that the report was sent to.
    pub(super) own: &'m [String],
}

/// A form: its name and its reader.
pub(super) struct Form {
    /// The name, for `explain`.
    pub(super) name: &'static str,
    read: fn(&Case<'_, '_>) -> Vec<Draft>,
}

/// The forms, in the order in which they are tried.
const FORMS: [Form; 8] = [
    Form {
        name: "amazon-sns",
        read: amazon::read,
    },
    Form {
        name: "fields-in-text",
        read: fields::read,
    },
    Form {
        name: "postfix-smtpd",
        read: smtpd::read,
    },
    Form {
        name: "exim-malformed",
        read: malformed::read,
    },
    Form {
        name: "sendmail-transcript",
        read: transcript::read,
    },
    Form {
        name: "listed",
        read: |case| listed::read(case.notice, case.own),
    },
    Form {
        name: "local-parts",
        read: aol::read,
    },
    Form {
        name: "returned-letter",
        read: returned::read,
    },
];

/// The recipients by the first form that finds some.
pub(super) fn read(case: &Case<'_, '_>) -> Option<(&'static str, Vec<Draft>)> {
    FORMS.iter().find_map(|form| {
        let drafts = (form.read)(case);
        (!drafts.is_empty()).then_some((form.name, drafts))
    })
}

/// Whether the mail is a notification for machines about a delivery.
pub(super) fn is_notification(case: &Case<'_, '_>) -> bool {
    amazon::notification(case.notice.text).is_some()
}

/// The reasons in a notice where they stand apart from the addresses: lines that look like replies, or else all its words.
pub(super) fn reasons(notice: &Notice<'_>) -> Vec<String> {
    let replies: Vec<&str> = notice
        .text
        .lines()
        .map(str::trim)
        .filter(|line| is_reply(line))
        .take(8)
        .collect();
    let mut reasons: Vec<String> = replies
        .iter()
        .map(|line| line.trim_start_matches("<<<").trim().to_owned())
        .collect();
    let words: Cow<'_, str> = notice
        .text
        .split_whitespace()
        .take(200)
        .collect::<Vec<_>>()
        .join(" ")
        .into();
    if !words.is_empty() {
        reasons.push(words.into_owned());
    }
    reasons
}

/// `550 5.1.1 ...`, `<<< 550 ...`, `550-...`.
fn is_reply(line: &str) -> bool {
    let line = line.trim_start_matches("<<<").trim_start();
    let bytes = line.as_bytes();
    bytes.len() > 4
        && matches!(bytes[0], b'4' | b'5')
        && bytes[1..3].iter().all(u8::is_ascii_digit)
        && matches!(bytes[3], b' ' | b'-')
}
