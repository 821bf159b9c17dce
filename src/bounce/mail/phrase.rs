//! The sentences by which reports for people are known.
//!
//! Owns the phrases and the one pass that finds them all ([`crate::bounce::finder`], so that a thousand phrases cost as much
//! as ten). Promises: letter case of ASCII is ignored; of phrases that overlap the first counts, of those that begin
//! together the longest; what stands behind the last phrase that was asked for is not looked at. What follows from a
//! phrase is for [`super::notice`].

mod lists;

use std::{cmp::Reverse, sync::LazyLock};

use crate::bounce::finder::{Finder, Usual};
use lists::{DELAYED, DELIVERED, FAILED, REPORT, RETURNED, WRITERS};

/// A text is looked at in pieces of this size: what follows the beginning of the returned letter need not be seen.
const PIECE_BYTES: usize = 2048;

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
    let mut search = Search {
        text: text.as_bytes(),
        from: 0,
        found: Vec::new(),
        told: 0,
    };
    std::iter::from_fn(move || search.next())
}

struct Search<'t> {
    text: &'t [u8],
    /// Where the next piece begins.
    from: usize,
    /// What the last piece holds, the first phrase last.
    found: Vec<Hit>,
    /// Where the last phrase that was told ends.
    told: usize,
}

impl Search<'_> {
    fn next(&mut self) -> Option<Hit> {
        loop {
            while let Some(hit) = self.found.pop() {
                if hit.start >= self.told {
                    self.told = hit.end;
                    return Some(hit);
                }
            }
            if self.from >= self.text.len() {
                return None;
            }
            self.look();
        }
    }

    /// Finds the phrases that begin in the next piece.
    fn look(&mut self) {
        let (begin, len) = (self.from, self.text.len());
        let end = len.min(begin + PIECE_BYTES);
        let piece = self.text[begin..len.min(end + BOOK.longest)].to_ascii_lowercase();
        let found = &mut self.found;
        BOOK.finder.each(&piece, |phrase, at| {
            let start = begin + at;
            if start < end {
                let (sign, len) = BOOK.phrases[phrase];
                let end = start + len;
                found.push(Hit { sign, start, end });
            }
        });
        found.sort_unstable_by_key(|hit| (Reverse(hit.start), hit.end));
        self.from = end;
    }
}

struct Book {
    finder: Finder,
    /// The sign of each phrase and its length.
    phrases: Vec<(Sign, usize)>,
    longest: usize,
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
    let writers = WRITERS.iter();
    all.extend(writers.map(|(phrase, name)| (Sign::Writer(name), *phrase)));
    let words: Vec<&str> = all.iter().map(|(_, phrase)| *phrase).collect();
    let mut usual = Usual::default();
    for phrase in &words {
        usual.count(phrase);
    }
    #[expect(
        clippy::expect_used,
        reason = "the phrases are constants that every test builds"
    )]
    let finder = Finder::new(&words, &usual).expect("the phrases fit into a finder");
    let phrases: Vec<(Sign, usize)> = all
        .iter()
        .map(|(sign, words)| (*sign, words.len()))
        .collect();
    let longest = phrases.iter().map(|(_, len)| *len).max().unwrap_or(0);
    Book {
        finder,
        phrases,
        longest,
    }
});

#[cfg(test)]
mod tests {
    use aho_corasick::{AhoCorasick, MatchKind};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn phrases_are_found_in_any_case() {
        let signs: Vec<Sign> = find("Hi. FOLLOWING Addresses. К сожалению, не удалось доставить")
            .map(|hit| hit.sign)
            .collect();
        assert_eq!(signs, [Sign::Failed, Sign::Failed]);
    }

    proptest! {
        #[test]
        fn phrases_are_those_of_an_automaton_wherever_the_pieces_end(
            words in prop::collection::vec(prop::sample::select([FAILED, REPORT, RETURNED, &["mail", " ", "ой"]].concat()), 0..40),
            gap in 0..300_usize, upper in any::<bool>()
        ) {
            let text = words.join(&"~ é".repeat(gap));
            let text = if upper { text.to_ascii_uppercase() } else { text };
            let mut all = [FAILED, DELAYED, DELIVERED, REPORT, RETURNED].concat();
            all.extend(WRITERS.iter().map(|(phrase, _)| *phrase));
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
            let automaton = builder.build(all).unwrap();
            let expected: Vec<_> = automaton.find_iter(&text).map(|hit| (hit.start(), hit.end())).collect();
            let found: Vec<_> = find(&text).map(|hit| (hit.start, hit.end)).collect();
            prop_assert_eq!(found, expected);
        }
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
