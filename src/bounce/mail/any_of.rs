//! Some words of which any may stand in a text.
//!
//! Owns the search for all of them at once. Promises: linear in the text; built when it is first asked for.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// A list of words.
pub(super) struct AnyOf {
    words: &'static [&'static str],
    any_case: bool,
    machine: OnceLock<AhoCorasick>,
}

impl AnyOf {
    /// Knows the words; case matters.
    pub(super) const fn new(words: &'static [&'static str]) -> Self {
        Self {
            words,
            any_case: false,
            machine: OnceLock::new(),
        }
    }

    /// The same, but that the case of ASCII does not matter.
    pub(super) const fn in_any_case(words: &'static [&'static str]) -> Self {
        Self {
            words,
            any_case: true,
            machine: OnceLock::new(),
        }
    }

    /// Whether one of them is in the text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.machine().is_match(text)
    }

    /// How many different ones are in the text.
    pub(super) fn count(&self, text: &str) -> usize {
        let found = self.machine().is_match(text);
        let here = |word: &&&str| text.contains(**word);
        self.words.iter().filter(|_| found).filter(here).count()
    }

    /// Where the first of them starts.
    pub(super) fn first(&self, text: &str) -> Option<usize> {
        self.machine().find(text).map(|found| found.start())
    }

    fn machine(&self) -> &AhoCorasick {
        self.machine.get_or_init(|| {
            #[expect(
                clippy::expect_used,
                reason = "the words are constants that every test builds"
            )]
            AhoCorasick::builder()
                .ascii_case_insensitive(self.any_case)
                .match_kind(MatchKind::LeftmostFirst)
                .build(self.words)
                .expect("the words build one machine")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        static ANY_CASE: AnyOf = AnyOf::in_any_case(&["give up"]);
        static WORDS: AnyOf = AnyOf::new(&["give up", "giving up", "мимо"]);
        assert!(WORDS.is_in("we give up"));
        assert!(!WORDS.is_in("we Give Up"));
        assert!(ANY_CASE.is_in("we Give Up"));
        assert_eq!(WORDS.first("мимо, giving up"), Some(0));
        assert_eq!(WORDS.first("a giving up, give up"), Some(2));
        assert_eq!(WORDS.count("give up, give up, мимо"), 2);
        assert_eq!(WORDS.count(""), 0);
    }
}
