//! Which addresses were suppressed while we hold letters.
//!
//! Owns the marks heard since the engine started, each numbered. Promises: a letter leased before a mark was heard is
//! never handed over without asking the store again; memory is bounded, and a gap in the news counts as news about
//! everybody. Leaves scopes and reasons to the store: a letter in question goes back and is leased anew, flagged or not.

use std::collections::HashMap;

use crate::port::AddressMark;

/// Marks kept. A full book is closed, and every letter leased before that is asked about again.
const KEPT_MAX: usize = 4_096;

/// A moment in the sequence of marks, to be noted before the store is asked for letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heard(u64);

/// The marks heard so far.
#[derive(Debug, Default)]
pub(super) struct Marks {
    last: Heard,
    missed: Heard,
    of: HashMap<AddressMark, Heard>,
}

impl Marks {
    /// How far we have heard.
    pub(super) const fn heard(&self) -> Heard {
        self.last
    }

    /// Notes that an address was suppressed.
    pub(super) fn note(&mut self, mark: AddressMark) {
        if self.of.len() >= KEPT_MAX {
            self.miss();
        }
        self.last.0 += 1;
        self.of.insert(mark, self.last);
    }

    /// Notes that news were missed: anybody may have been suppressed.
    pub(super) fn miss(&mut self) {
        self.last.0 += 1;
        self.missed = self.last;
        self.of.clear();
    }

    /// Whether an address may have been suppressed after that moment.
    pub(super) fn concern(&self, mark: impl FnOnce() -> AddressMark, since: Heard) -> bool {
        let named = || self.of.get(&mark()).is_some_and(|heard| *heard > since);
        // Without any news, which is the rule, no mark is computed.
        self.missed > since || (self.last > since && named())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &str) -> AddressMark {
        AddressMark(name.to_owned())
    }

    #[test]
    fn only_letters_leased_before_the_mark_are_asked_about_again() {
        let mut marks = Marks::default();
        let before = marks.heard();
        marks.note(mark("anna"));
        let after = marks.heard();
        assert!(marks.concern(|| mark("anna"), before));
        assert!(!marks.concern(|| mark("anna"), after));
        assert!(!marks.concern(|| mark("ivan"), before));
    }

    #[test]
    fn missed_news_concern_everybody_leased_before() {
        let mut marks = Marks::default();
        let before = marks.heard();
        marks.miss();
        assert!(marks.concern(|| mark("anna"), before));
        assert!(!marks.concern(|| mark("anna"), marks.heard()));
    }

    #[test]
    fn a_full_book_forgets_nobody() {
        let mut marks = Marks::default();
        let before = marks.heard();
        for number in 0..=KEPT_MAX {
            marks.note(mark(&number.to_string()));
        }
        assert!(marks.of.len() <= KEPT_MAX);
        assert!(marks.concern(|| mark("0"), before));
    }
}
