//! The forms of bounces that no standard describes, one small file each.
//!
//! Owns the one list of forms and what they have in common. Promises: forms are tried in the order of the list, the
//! particular before the general, and the first that finds recipients wins. To add one, write a file with a `read` and
//! put it into [`FORMS`]; `docs/bounces.md` shows how.

mod amazon;
mod fields;
mod labelled;
mod local;
mod malformed;
mod returned;
mod sendgrid;
mod smtpd;
mod transcript;

pub(super) use sendgrid::complaint as sendgrid_complaint;

use super::{
    draft::Draft, field::Fields, listed, notice::Notice, part::Mail, reply, sender::Sender,
};

/// What a form may read.
pub(super) struct Case<'m, 'x> {
    /// The mail.
    pub(super) mail: &'m Mail<'x>,
    /// Who writes it.
    pub(super) sender: Sender,
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
const FORMS: [Form; 12] = [
    Form {
        name: "amazon-sns",
        read: amazon::read,
    },
    Form {
        name: "sendgrid",
        read: sendgrid::read,
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
        read: |case| listed::read(case.notice, case.own, false),
    },
    Form {
        name: "failed-recipients",
        read: returned::named_in_head,
    },
    Form {
        name: "leading",
        read: |case| listed::read(case.notice, case.own, true),
    },
    Form {
        name: "labelled",
        read: labelled::read,
    },
    Form {
        name: "local-parts",
        read: local::read,
    },
    Form {
        name: "returned-letter",
        read: returned::sent_to,
    },
];

/// The recipients by the first form that finds some.
pub(super) fn read(case: &Case<'_, '_>) -> Option<(&'static str, Vec<Draft>)> {
    FORMS.iter().find_map(|form| {
        let drafts = (form.read)(case);
        (!drafts.is_empty()).then_some((form.name, drafts))
    })
}

/// The notification for machines that the mail consists of, if it is one.
pub(super) fn notification(case: &Case<'_, '_>) -> Option<serde_json::Value> {
    amazon::notification(case.notice.text)
}

/// Whether the mail is a notification for machines about a delivery.
pub(super) fn is_notification(case: &Case<'_, '_>) -> bool {
    notification(case).is_some_and(|told| amazon::is_delivery(&told)) || sendgrid::is_delivery(case)
}

/// The first value of a text in JSON; SNS writes words for people behind it.
fn first_value(text: &str) -> Option<serde_json::Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .next()?
        .ok()
}

/// The replies in a notice that stand apart from the addresses.
pub(super) fn replies(notice: &Notice<'_>) -> Vec<String> {
    let lines = notice
        .text
        .lines()
        .map(|line| line.trim().trim_start_matches(['<', '-']).trim_start());
    let replies = lines.filter(|line| reply::begins(line)).take(8);
    replies.map(str::to_owned).collect()
}

/// All the words of a notice, as far as they can matter.
pub(super) fn words(notice: &Notice<'_>) -> String {
    let lines = notice
        .text
        .lines()
        .take_while(|line| !listed::is_footer(line.trim()));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).take(200).collect();
    words.join(" ")
}
