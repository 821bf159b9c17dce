//! All patterns of all rules, asked in one pass.
//!
//! Owns the matching. A pattern's alternatives are its *forms*; each form needs certain words ([`super::needed`]). One
//! automaton finds all needed words of all forms in one pass over the text; only forms whose words are there are looked at
//! closely, and most of those are their words and nothing more. Promises: the answer is that of asking every pattern by
//! itself (a test); the time is that of the one pass for a text that says nothing, and linear for any text.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use super::needed::{self, Needed};

/// Forms of all rules together; a set of them fits on the stack.
const FORMS_MAX: usize = 64 * WORDS_OF_SET;
const WORDS_OF_SET: usize = 32;
/// The compiled form; far above what one needs, far below what a runaway repetition would take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The forms of all rules.
#[derive(Debug)]
pub(super) struct Forms {
    /// Finds the needed words.
    words: AhoCorasick,
    /// For each word the forms that need it.
    needed_by: Vec<Vec<u16>>,
    /// In the order of the rules.
    all: Vec<Form>,
}

#[derive(Debug)]
struct Form {
    /// The rule it belongs to.
    rule: usize,
    /// What the text must match; `None` where its words are enough.
    regex: Option<Regex>,
}

impl Forms {
    /// Compiles the patterns of rules; the number of a rule is its place.
    pub(super) fn compile<'a>(
        patterns: impl Iterator<Item = &'a str>,
    ) -> Result<Self, (usize, String)> {
        let mut words: Vec<String> = Vec::new();
        let mut needed_by: Vec<Vec<u16>> = Vec::new();
        let mut forms = Vec::new();
        for (rule, pattern) in patterns.enumerate() {
            for (branch, needed) in branches(pattern).map_err(|why| (rule, why))? {
                let number = u16::try_from(forms.len()).ok();
                let number = number.filter(|number| usize::from(*number) < FORMS_MAX);
                let number = number.ok_or((rule, "too many forms".to_owned()))?;
                for word in needed.words {
                    if let Some(known) = words.iter().position(|known| *known == word) {
                        needed_by[known].push(number);
                    } else {
                        words.push(word);
                        needed_by.push(vec![number]);
                    }
                }
                let regex = (!needed.whole).then(|| compiled(&branch)).transpose();
                let regex = regex.map_err(|why| (rule, why))?;
                forms.push(Form { rule, regex });
            }
        }
        // The tables of a full automaton would fill the processor's caches; this kind fits and is three times as fast.
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&words)
            .map_err(|why| (0, why.to_string()))?;
        Ok(Self {
            words,
            needed_by,
            all: forms,
        })
    }

    /// The rules whose pattern matches, in their order, each asked only when wanted and only if `asks` for it.
    pub(super) fn matches(
        &self,
        text: &str,
        asks: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = usize> {
        let mut found = self.hinted(text);
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                let form = &self.all[found.next()?];
                let open = last != Some(form.rule) && asks(form.rule);
                if open && form.regex.as_ref().is_none_or(|regex| regex.is_match(text)) {
                    last = Some(form.rule);
                    return last;
                }
            }
        })
    }

    /// The forms whose words are in the text.
    fn hinted(&self, text: &str) -> Set {
        let mut set = Set([0; WORDS_OF_SET]);
        for found in self.words.find_overlapping_iter(text) {
            for form in &self.needed_by[found.pattern().as_usize()] {
                set.insert(usize::from(*form));
            }
        }
        set
    }
}

/// A set of forms that is emptied in order.
struct Set([u64; WORDS_OF_SET]);

impl Set {
    fn insert(&mut self, form: usize) {
        self.0[form / 64] |= 1 << (form % 64);
    }

    fn next(&mut self) -> Option<usize> {
        let (at, word) = self
            .0
            .iter_mut()
            .enumerate()
            .find(|(_, word)| **word != 0)?;
        let bit = word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(at * 64 + bit)
    }
}

/// The alternatives of a pattern with the words that each of them needs.
fn branches(pattern: &str) -> Result<Vec<(Hir, Needed)>, String> {
    let hir = regex_syntax::parse(pattern).map_err(|why| why.to_string())?;
    let branches = match hir.into_kind() {
        HirKind::Alternation(branches) => branches,
        kind => vec![rebuilt(kind)],
    };
    branches
        .into_iter()
        .map(|branch| {
            let needed = needed::of(&branch)
                .ok_or_else(|| format!("`{branch}` has no word that must be there"))?;
            Ok((branch, needed))
        })
        .collect()
}

fn rebuilt(kind: HirKind) -> Hir {
    match kind {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => Hir::repetition(repetition),
        HirKind::Capture(capture) => Hir::capture(capture),
        HirKind::Concat(pieces) => Hir::concat(pieces),
        HirKind::Alternation(branches) => Hir::alternation(branches),
    }
}

fn compiled(branch: &Hir) -> Result<Regex, String> {
    RegexBuilder::new(&branch.to_string())
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forms(patterns: &[&str]) -> Forms {
        Forms::compile(patterns.iter().copied()).expect("forms")
    }

    fn check(patterns: &[&str], text: &str, expected: &[usize]) {
        let forms = forms(patterns);
        let found: Vec<usize> = forms.matches(text, |_| true).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn rules_are_found_in_their_order_and_once() {
        let patterns = ["full|quota", "user (is )?unknown|no user", "^no user$"];
        check(&patterns, "no user, full quota", &[0, 1]);
        check(&patterns, "no user", &[1, 2]);
        check(&patterns, "user is  unknown", &[]);
        check(&patterns, "", &[]);
    }

    #[test]
    fn who_is_not_asked_does_not_answer() {
        let forms = forms(&["full", "mailbox full"]);
        let found: Vec<usize> = forms.matches("mailbox full", |rule| rule > 0).collect();
        assert_eq!(found, [1]);
    }

    #[test]
    fn a_form_without_a_word_is_refused() {
        let fault = Forms::compile(["full", "[0-9]+|x"].into_iter()).expect_err("a fault");
        assert_eq!(fault.0, 1);
        assert!(
            fault.1.contains("no word that must be there"),
            "{}",
            fault.1
        );
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_each_pattern_finds_by_itself(
            words in prop::collection::vec("(user|is|unknown|mailbox|full|no|mail|box|over|quota|@)", 0..9)
        ) {
            let patterns = [
                "user[^.]{0,8} unknown", "mail ?box (is )?full|over ?quota", r"\bno\b|quota$", "^(user|@) (is|no)", "(full|over).*user",
            ];
            let text = words.join(" ");
            let alone = |pattern: &&str| Regex::new(pattern).expect("a pattern").is_match(&text);
            let expected: Vec<usize> = (0..patterns.len()).filter(|i| alone(&patterns[*i])).collect();
            let found: Vec<usize> = forms(&patterns).matches(&text, |_| true).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
