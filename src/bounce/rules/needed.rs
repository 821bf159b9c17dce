//! Words without which a pattern cannot match.
//!
//! Owns their discovery. Promises: every text that the pattern matches holds at least one of the words; `whole` is said
//! only when any of them is a match by itself. Reads the parsed pattern (`regex-syntax`), so nobody writes the words down
//! twice. See [`super::forms`] for what they are good for.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More spellings than this are not worth telling apart.
const WORDS_MAX: usize = 64;

/// The words of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// At least one of these is in every text that matches.
    pub(super) words: Vec<String>,
    /// Whether each of them is a whole match: finding one decides.
    pub(super) whole: bool,
}

/// The words of a pattern; `None` when it can match without any.
pub(super) fn of(hir: &Hir) -> Option<Needed> {
    let found = found(hir);
    let (words, whole) = match (found.exact, found.needed) {
        (Some(words), _) => (words, true),
        (None, needed) => (needed?, false),
    };
    let long_enough = words.iter().all(|word| !word.is_empty());
    (long_enough && !words.is_empty()).then_some(Needed { words, whole })
}

/// What is known about a piece of a pattern.
struct Found {
    /// Every text it matches, where those are few.
    exact: Option<Vec<String>>,
    /// One of these is in every text it matches.
    needed: Option<Vec<String>>,
}

impl Found {
    const fn nothing() -> Self {
        Self {
            exact: None,
            needed: None,
        }
    }

    fn exactly(words: Vec<String>) -> Self {
        Self {
            exact: Some(words),
            needed: None,
        }
    }

    fn best(self) -> Option<Vec<String>> {
        better(self.exact, self.needed)
    }
}

fn found(hir: &Hir) -> Found {
    match hir.kind() {
        HirKind::Empty => Found::exactly(vec![String::new()]),
        HirKind::Literal(literal) => {
            let word = String::from_utf8_lossy(&literal.0).into_owned();
            Found::exactly(vec![word])
        }
        HirKind::Class(class) => spelled(class).map_or_else(Found::nothing, Found::exactly),
        // A place in the text has no words, but what stands around it is no whole match without it.
        HirKind::Look(_) => Found::nothing(),
        HirKind::Capture(capture) => found(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min == 0 && repeated.max == Some(1) => {
            optional(found(&repeated.sub))
        }
        HirKind::Repetition(repeated) if repeated.min == 0 => Found::nothing(),
        HirKind::Repetition(repeated) => Found {
            exact: None,
            needed: found(&repeated.sub).best(),
        },
        HirKind::Concat(pieces) => in_a_row(pieces),
        HirKind::Alternation(branches) => either(branches),
    }
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

fn in_a_row(pieces: &[Hir]) -> Found {
    let mut row = Some(vec![String::new()]);
    let mut whole = true;
    let mut best = None;
    for piece in pieces {
        let piece = found(piece);
        match (row.take(), piece.exact) {
            (Some(before), Some(after)) if before.len() * after.len() <= WORDS_MAX => {
                let mut joined = Vec::with_capacity(before.len() * after.len());
                for start in &before {
                    joined.extend(after.iter().map(|end| format!("{start}{end}")));
                }
                row = Some(joined);
            }
            (before, after) => {
                whole = false;
                best = better(best, before);
                // What follows a gap begins a row of its own.
                best = better(best, piece.needed);
                row = Some(after.unwrap_or_else(|| vec![String::new()]));
            }
        }
    }
    if whole {
        return row.map_or_else(Found::nothing, Found::exactly);
    }
    Found {
        exact: None,
        needed: better(best, row),
    }
}

fn either(branches: &[Hir]) -> Found {
    let founds: Vec<Found> = branches.iter().map(found).collect();
    if founds.iter().all(|found| found.exact.is_some()) {
        let words: Vec<String> = founds
            .iter()
            .flat_map(|f| f.exact.clone().unwrap_or_default())
            .collect();
        if words.len() <= WORDS_MAX {
            return Found::exactly(words);
        }
    }
    let needed: Option<Vec<Vec<String>>> = founds.into_iter().map(Found::best).collect();
    Found {
        exact: None,
        needed: needed.map(|words| words.concat()),
    }
}

/// The words whose shortest one is longer: they are rarer.
fn better(one: Option<Vec<String>>, other: Option<Vec<String>>) -> Option<Vec<String>> {
    let shortest = |words: &Vec<String>| words.iter().map(String::len).min().unwrap_or(0);
    match (one, other) {
        (Some(one), Some(other)) => {
            let other_is_better = shortest(&other) > shortest(&one)
                || (shortest(&other) == shortest(&one) && other.len() < one.len());
            Some(if other_is_better { other } else { one })
        }
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &str) {
        let hir = regex_syntax::parse(pattern).expect("a pattern");
        let told = of(&hir).map_or("none".to_owned(), |needed| {
            let kind = if needed.whole { "whole" } else { "part" };
            format!("{kind} {}", needed.words.join("|"))
        });
        assert_eq!(told, expected, "{pattern}");
    }

    #[test]
    fn what_must_be_there_is_found() {
        check("mailbox full", "whole mailbox full");
        check(
            "gr[ae]y-?list",
            "whole gray-list|graylist|grey-list|greylist",
        );
        check(r"over quota\b", "part over quota");
        check("^no such user", "part no such user");
        check("(user|mailbox).{0,9} unknown", "part  unknown");
        check("a+bcd", "part bcd");
        check(
            "(disk|hard)? ?full",
            "whole disk full|diskfull|hard full|hardfull| full|full",
        );
        check("(x+|longer) tail", "part  tail");
    }

    #[test]
    fn what_can_match_without_a_word_has_none() {
        check("[0-9]+", "none");
        check("(full)?", "none");
        check(r"\b", "none");
        check("x*", "none");
    }
}
