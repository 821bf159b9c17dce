//! Words without which a pattern cannot match.
//!
//! Owns their discovery. Promises: every text that the pattern matches holds at least one of the words; `whole` is said
//! only when any of them is a match by itself. Reads the parsed pattern (`regex-syntax`), so nobody writes the words down
//! twice. See [`super::forms`] for what they are good for.

use std::cmp::Reverse;

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::bounce::finder::Usual;

/// More spellings than this are not worth telling apart.
const WORDS_MAX: usize = 256;
/// A second group of more words costs more than it spares.
const ALSO_MAX: usize = 24;

/// The words of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// At least one of these is in every text that matches.
    pub(super) words: Vec<String>,
    /// And one of these; empty where nothing more is worth asking for.
    pub(super) also: Vec<String>,
    /// Whether each of `words` is a whole match: finding one decides.
    pub(super) whole: bool,
}

/// The words of a pattern, those that `usual` texts seldom hold where there is a choice; `None` when it can match without
/// any.
pub(super) fn of(hir: &Hir, usual: &Usual) -> Option<Needed> {
    let found = Search { usual }.found(hir);
    let whole = found.exact.is_some();
    let mut groups = found
        .exact
        .map_or(found.needed, |words| vec![words])
        .into_iter();
    let words = shortest(groups.next()?);
    let worth_asking = |also: &Vec<String>| also.len() <= ALSO_MAX && usual.is_rare(also);
    let also = groups.next().filter(worth_asking).unwrap_or_default();
    let long_enough = words.iter().all(|word| !word.is_empty());
    (long_enough && !words.is_empty()).then_some(Needed { words, also, whole })
}

/// What is known about a piece of a pattern.
struct Found {
    /// Every text it matches, where those are few.
    exact: Option<Vec<String>>,
    /// Groups of words: one of each group is in every text it matches. The best group first, two at most.
    needed: Vec<Vec<String>>,
}

impl Found {
    const fn nothing() -> Self {
        Self {
            exact: None,
            needed: Vec::new(),
        }
    }

    const fn exactly(words: Vec<String>) -> Self {
        Self {
            exact: Some(words),
            needed: Vec::new(),
        }
    }

    /// One of the groups in any case.
    fn groups(self) -> Vec<Vec<String>> {
        self.exact.map_or(self.needed, |words| vec![words])
    }
}

/// The search for the words of one pattern.
struct Search<'u> {
    usual: &'u Usual,
}

impl Search<'_> {
    fn found(&self, hir: &Hir) -> Found {
        match hir.kind() {
            HirKind::Empty => Found::exactly(vec![String::new()]),
            HirKind::Literal(literal) => {
                let word = String::from_utf8_lossy(&literal.0).into_owned();
                Found::exactly(vec![word])
            }
            HirKind::Class(class) => spelled(class).map_or_else(Found::nothing, Found::exactly),
            // A place in the text has no words, but what stands around it is no whole match without it.
            HirKind::Look(_) => Found::nothing(),
            HirKind::Capture(capture) => self.found(&capture.sub),
            HirKind::Repetition(repeated) if repeated.min == 0 && repeated.max == Some(1) => {
                optional(self.found(&repeated.sub))
            }
            HirKind::Repetition(repeated) if repeated.min == 0 => Found::nothing(),
            HirKind::Repetition(repeated) => Found {
                exact: None,
                needed: self.found(&repeated.sub).groups(),
            },
            HirKind::Concat(pieces) => self.in_a_row(pieces),
            HirKind::Alternation(branches) => self.either(branches),
        }
    }

    fn in_a_row(&self, pieces: &[Hir]) -> Found {
        let mut row = vec![String::new()];
        let mut whole = true;
        let mut groups = Vec::new();
        for piece in pieces {
            let piece = self.found(piece);
            match piece.exact {
                Some(after) if row.len() * after.len() <= WORDS_MAX => row = joined(&row, &after),
                // What follows a gap begins a row of its own.
                exact => {
                    whole = false;
                    groups.push(std::mem::take(&mut row));
                    groups.extend(piece.needed);
                    row = exact.unwrap_or_else(|| vec![String::new()]);
                }
            }
        }
        if whole {
            return Found::exactly(row);
        }
        groups.push(row);
        groups.retain(|words| words.iter().all(|word| !word.is_empty()));
        let groups = groups.into_iter().map(shortest);
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|words| self.cost(words));
        groups.truncate(2);
        Found {
            exact: None,
            needed: groups,
        }
    }

    fn either(&self, branches: &[Hir]) -> Found {
        let founds: Vec<Found> = branches.iter().map(|branch| self.found(branch)).collect();
        let exact = founds.iter().map(|found| found.exact.clone());
        let exact = exact
            .collect::<Option<Vec<_>>>()
            .map(|words| words.concat());
        if let Some(words) = exact.filter(|words| words.len() <= WORDS_MAX) {
            return Found::exactly(words);
        }
        let best = founds
            .into_iter()
            .map(|found| found.groups().into_iter().next());
        let best: Option<Vec<Vec<String>>> = best.collect();
        Found {
            exact: None,
            needed: best.map(|groups| groups.concat()).into_iter().collect(),
        }
    }

    /// Words that are seen seldom are better; of equals, those whose shortest one is longer.
    fn cost(&self, words: &[String]) -> (u32, Reverse<usize>, usize) {
        let shortest = words.iter().map(String::len).min().unwrap_or(0);
        (self.usual.seen_any(words), Reverse(shortest), words.len())
    }
}

fn joined(before: &[String], after: &[String]) -> Vec<String> {
    let mut joined = Vec::with_capacity(before.len() * after.len());
    for start in before {
        joined.extend(after.iter().map(|end| format!("{start}{end}")));
    }
    joined
}

/// The words that hold none of the others: where a longer one is, a shorter one is too.
fn shortest(mut words: Vec<String>) -> Vec<String> {
    words.sort_by_key(String::len);
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if !kept.iter().any(|shorter| word.contains(shorter.as_str())) {
            kept.push(word);
        }
    }
    kept
}

fn optional(inner: Found) -> Found {
    let exact = inner.exact.filter(|words| words.len() < WORDS_MAX);
    exact.map_or_else(Found::nothing, |mut words| {
        words.push(String::new());
        Found::exactly(words)
    })
}

/// `[ae]` is two words; a wide class is none.
fn spelled(class: &Class) -> Option<Vec<String>> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let letters = class.iter().flat_map(|range| range.start()..=range.end());
    let words: Vec<String> = letters.take(5).map(String::from).collect();
    (words.len() < 5).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &str) {
        let hir = regex_syntax::parse(pattern).expect("a pattern");
        let told = of(&hir, &Usual::default()).map_or("none".to_owned(), |needed| {
            let kind = if needed.whole { "whole" } else { "part" };
            let also = needed.also.join("|");
            let also = if also.is_empty() {
                also
            } else {
                format!(" and {also}")
            };
            format!("{kind} {}{also}", needed.words.join("|"))
        });
        assert_eq!(told, expected, "{pattern}");
    }

    #[test]
    fn what_must_be_there_is_found() {
        check("mailbox full", "whole mailbox full");
        check(
            "gr[ae]y-?list",
            "whole graylist|greylist|gray-list|grey-list",
        );
        check(r"over quota\b", "part over quota");
        check("^no such user", "part no such user");
        check(
            "(user|mailbox).{0,9} unknown",
            "part  unknown and user|mailbox",
        );
        check("a+bcd", "part bcd");
        // A longer word says no more than the shorter one in it.
        check("(disk|hard)? ?full", "whole full");
        check("(x+|longer) tail", "part  tail");
        check("over( all)* quota( now)+", "part  quota and over");
    }

    #[test]
    fn what_can_match_without_a_word_has_none() {
        check("[0-9]+", "none");
        check("(full)?", "none");
        check(r"\b", "none");
        check("x*", "none");
    }
}
