//! Variables that were not filled in, or with nothing.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Flaws, rules};

/// The marks of the usual template languages, and what programs print for nothing.
const MARKS: [(&str, bool); 16] = [
    ("{{", true),
    ("}}", true),
    ("{%", true),
    ("%}", true),
    ("${", true),
    ("<%", true),
    ("*|", true),
    ("|*", true),
    ("%%", true),
    ("[%", true),
    ("[object Object]", false),
    ("undefined", false),
    ("NaN", false),
    ("None", false),
    ("null", false),
    ("nil", false),
];

static MACHINE: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let marks = MARKS.iter().map(|(mark, _)| mark);
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(marks)
        .ok()
});

pub(super) fn look(text: &str, flaws: &mut Flaws) {
    let Some(machine) = MACHINE.as_ref() else {
        return;
    };
    for found in machine.find_iter(text) {
        let (mark, is_open) = MARKS[found.pattern().as_usize()];
        let (before, after) = (&text[..found.start()], &text[found.end()..]);
        if is_open {
            // Two per cent signs and a number are a discount, not a variable.
            let is_name = mark != "%%" || after.starts_with(|c: char| c.is_ascii_alphabetic());
            if is_name {
                flaws.add(&rules::VARIABLE_OPEN, around(before, mark, after));
            }
        } else if is_alone(before, after) && is_value(mark, before, after) {
            flaws.add(&rules::VARIABLE_EMPTY, around(before, mark, after));
        }
    }
}

fn is_alone(before: &str, after: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !before.ends_with(is_word) && !after.starts_with(is_word)
}

/// English words stand in sentences; a value stands behind a greeting's comma, a colon, or before a mark of punctuation.
fn is_value(mark: &str, before: &str, after: &str) -> bool {
    if mark.starts_with('[') || mark == "undefined" || mark == "NaN" {
        return true;
    }
    let before = before.trim_end();
    let last = before.chars().next_back();
    let next = after.trim_start().chars().next();
    matches!(last, Some(',' | ':' | '№' | '#' | '$' | '€' | '₽'))
        && next.is_none_or(|c| ",!.;<".contains(c))
        || matches!(next, Some('!' | '₽' | '€' | '$'))
}

fn around(before: &str, mark: &str, after: &str) -> String {
    let head: String = before
        .chars()
        .rev()
        .take(24)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let tail: String = after.chars().take(24).collect();
    format!("…{}{mark}{}…", head.trim_start(), tail.trim_end())
}
