//! Notices that name the recipient behind a label, as a mail program would: `To: a@b.example`, `RCPT TO: a@b.example`.

use super::Case;
use crate::bounce::mail::{address, draft::Draft};

/// Labels of a recipient, the surer first.
const LABELS: [&str; 9] = [
    "rcpt to:",
    "recipient:",
    "recipient address:",
    "original recipient:",
    "e-mail address:",
    "email address:",
    "кому:",
    "получатель:",
    "to:",
];

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    let found = LABELS.iter().find_map(|label| {
        let lines = case
            .notice
            .text
            .lines()
            .filter_map(|line| behind(line, label));
        let mut others =
            lines.filter(|address| !case.own.iter().any(|own| own.eq_ignore_ascii_case(address)));
        others.next()
    });
    let words = super::words(case.notice);
    found
        .map(|address| Draft::new(address, &words))
        .into_iter()
        .collect()
}

fn behind<'t>(line: &'t str, label: &str) -> Option<&'t str> {
    let line = line.trim_start();
    let start = line.get(..label.len())?;
    let labelled = start.to_lowercase() == label;
    labelled
        .then(|| address::first(&line[label.len()..]))
        .flatten()
        .map(|found| found.address)
}
