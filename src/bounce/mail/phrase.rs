//! The sentences by which reports for people are known.
//!
//! Owns the phrases and the one pass that finds them all (Aho-Corasick, so that a thousand phrases cost as much as ten).
//! Promises: letter case of ASCII is ignored; a mark that ends the notice counts only on a line that looks like a mark.
//! What follows from a phrase is for [`super::notice`].

mod lists;

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use lists::{DELAYED, DELIVERED, FAILED, REPORT, RETURNED, WRITERS};

/// What a phrase tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Recipients that failed follow, on this line or the next ones.
    Failed,
    /// Recipients that must wait follow.
    Delayed,
    /// Recipients that got the letter follow.
    Delivered,
    /// Words that only a report uses, without recipients behind them.
    Report,
    /// The returned letter follows.
    Returned,
    /// The name of the program that wrote the report.
    Writer(&'static str),
}

/// A phrase found in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// What it tells.
    pub(super) sign: Sign,
    /// Where it starts.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Every phrase in a text, without overlaps, in order.
pub(super) fn find(text: &str) -> impl Iterator<Item = Hit> {
    BOOK.machine.find_iter(text).map(|found| Hit {
        sign: BOOK.signs[found.pattern().as_usize()],
        start: found.start(),
        end: found.end(),
    })
}

struct Book {
    machine: AhoCorasick,
    signs: Vec<Sign>,
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let of = |sign: Sign, list: &[&'static str]| -> Vec<(Sign, &'static str)> {
        list.iter().map(|phrase| (sign, *phrase)).collect()
    };
    let mut all = of(Sign::Failed, FAILED);
    all.extend(of(Sign::Delayed, DELAYED));
    all.extend(of(Sign::Delivered, DELIVERED));
    all.extend(of(Sign::Report, REPORT));
    all.extend(of(Sign::Returned, RETURNED));
    all.extend(
        WRITERS
            .iter()
            .map(|(phrase, name)| (Sign::Writer(name), *phrase)),
    );
    #[expect(
        clippy::expect_used,
        reason = "the phrases are constants that every test builds"
    )]
    let machine = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(all.iter().map(|(_, phrase)| phrase))
        .expect("the phrases build one machine");
    let signs = all.into_iter().map(|(sign, _)| sign).collect();
    Book { machine, signs }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_in_any_case() {
        let signs: Vec<Sign> = find("Hi. FOLLOWING Addresses. К сожалению, не удалось доставить")
            .map(|hit| hit.sign)
            .collect();
        assert_eq!(signs, [Sign::Failed, Sign::Failed]);
    }

    #[test]
    fn no_phrase_is_written_twice_and_all_are_lower_case() {
        let lists = [FAILED, DELAYED, DELIVERED, REPORT, RETURNED];
        let mut all: Vec<&str> = lists.concat();
        all.extend(WRITERS.iter().map(|(phrase, _)| *phrase));
        for phrase in &all {
            assert_eq!(*phrase, phrase.to_lowercase(), "{phrase}");
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
