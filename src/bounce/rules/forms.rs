//! All patterns of all rules, asked in one pass.
//!
//! Owns the matching. A pattern's alternatives are its *forms*; each form needs certain words ([`super::needed`]). One pass
//! over the text finds all needed words of all forms ([`crate::bounce::finder`]); only forms whose words are there are looked at
//! closely, and most of those are their words and nothing more. Promises: the answer is that of asking every pattern by
//! itself (a test); the time is that of the one pass for a text that says nothing, and linear for any text.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use super::needed::{self, Needed};
use crate::bounce::finder::{Finder, Usual};

/// Forms of all rules together; a set of them fits on the stack.
const FORMS_MAX: usize = 64 * WORDS_OF_SET;
const WORDS_OF_SET: usize = 16;
/// The compiled form; far above what one needs, far below what a runaway repetition would take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The forms of all rules.
#[derive(Debug)]
pub(super) struct Forms {
    /// Finds the needed words.
    words: Finder,
    /// For each word who needs it.
    needed_by: Vec<NeededBy>,
    /// The forms that need one word only.
    easy: Set,
    /// In the order of the rules.
    all: Vec<Form>,
}

/// The forms that need a word.
#[derive(Debug, Default)]
struct NeededBy {
    first: Vec<u16>,
    /// Those that need one of its kind besides another one.
    second: Vec<u16>,
}

#[derive(Debug)]
struct Form {
    /// The rule it belongs to.
    rule: usize,
    /// What the text must match; `None` where its words are enough.
    regex: Option<Regex>,
}

impl Forms {
    /// Compiles the patterns of rules; the number of a rule is its place. `usual` tells which words are rare.
    pub(super) fn compile<'a>(
        patterns: impl Iterator<Item = &'a str>,
        usual: &Usual,
    ) -> Result<Self, (usize, String)> {
        let mut draft = Draft::default();
        for (rule, pattern) in patterns.enumerate() {
            let branches = branches(pattern, usual);
            let added = branches.and_then(|branches| draft.add(rule, branches));
            added.map_err(|why| (rule, why))?;
        }
        let words = Finder::new(&draft.words, usual);
        Ok(Self {
            words: words.ok_or((0, "too many words".to_owned()))?,
            needed_by: draft.needed_by,
            easy: draft.easy,
            all: draft.forms,
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
        let (mut first, mut second) = (Set::default(), self.easy.clone());
        self.words.each(text.as_bytes(), |word, _| {
            let by = &self.needed_by[word];
            by.first.iter().for_each(|form| first.insert(*form));
            by.second.iter().for_each(|form| second.insert(*form));
        });
        first.keep(&second);
        first
    }
}

/// Forms that are being compiled.
#[derive(Default)]
struct Draft {
    words: Vec<String>,
    known: HashMap<String, usize>,
    needed_by: Vec<NeededBy>,
    easy: Set,
    forms: Vec<Form>,
}

impl Draft {
    fn add(&mut self, rule: usize, branches: Vec<(Hir, Needed)>) -> Result<(), String> {
        for (branch, needed) in branches {
            let number = u16::try_from(self.forms.len()).ok();
            let number = number.filter(|number| usize::from(*number) < FORMS_MAX);
            let number = number.ok_or("too many forms")?;
            for word in needed.words {
                let at = self.place_of(word);
                self.needed_by[at].first.push(number);
            }
            if needed.also.is_empty() {
                self.easy.insert(number);
            }
            for word in needed.also {
                let at = self.place_of(word);
                self.needed_by[at].second.push(number);
            }
            let regex = (!needed.whole).then(|| compiled(&branch)).transpose()?;
            self.forms.push(Form { rule, regex });
        }
        Ok(())
    }

    fn place_of(&mut self, word: String) -> usize {
        if let Some(at) = self.known.get(&word) {
            return *at;
        }
        let at = self.words.len();
        self.words.push(word.clone());
        self.needed_by.push(NeededBy::default());
        self.known.insert(word, at);
        at
    }
}

/// A set of forms that is emptied in order.
#[derive(Clone, Debug, Default)]
struct Set {
    /// Which of the words hold any.
    some: u32,
    words: [u64; WORDS_OF_SET],
}

impl Set {
    fn insert(&mut self, form: u16) {
        self.some |= 1 << (form / 64);
        self.words[usize::from(form / 64)] |= 1 << (form % 64);
    }

    /// Keeps the forms that are in the other set too.
    fn keep(&mut self, other: &Self) {
        let mut left = self.some;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            self.words[at] &= other.words[at];
            if self.words[at] == 0 {
                self.some &= !(1 << at);
            }
        }
    }

    fn next(&mut self) -> Option<usize> {
        if self.some == 0 {
            return None;
        }
        let at = self.some.trailing_zeros() as usize;
        let word = &mut self.words[at];
        let bit = word.trailing_zeros() as usize;
        *word &= *word - 1;
        if *word == 0 {
            self.some &= self.some - 1;
        }
        Some(at * 64 + bit)
    }
}

/// The alternatives of a pattern with the words that each of them needs.
fn branches(pattern: &str, usual: &Usual) -> Result<Vec<(Hir, Needed)>, String> {
    let hir = regex_syntax::parse(pattern).map_err(|why| why.to_string())?;
    let branches = match hir.into_kind() {
        HirKind::Alternation(branches) => branches,
        kind => vec![rebuilt(kind)],
    };
    branches
        .into_iter()
        .map(|branch| {
            let needed = needed::of(&branch, usual)
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
        Forms::compile(patterns.iter().copied(), &Usual::default()).expect("forms")
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
        let fault = Forms::compile(["full", "[0-9]+|x"].into_iter(), &Usual::default())
            .expect_err("a fault");
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
                "(user|box).{0,9} (is|no)?.{0,3} (full|quota)|no.*box.*quota",
            ];
            let text = words.join(" ");
            let alone = |pattern: &&str| Regex::new(pattern).expect("a pattern").is_match(&text);
            let expected: Vec<usize> = (0..patterns.len()).filter(|i| alone(&patterns[*i])).collect();
            let found: Vec<usize> = forms(&patterns).matches(&text, |_| true).collect();
            prop_assert_eq!(&found, &expected);
            // Which words are rare changes the way and not the answer.
            let mut usual = Usual::default();
            usual.count(&text);
            let other = Forms::compile(patterns.into_iter(), &usual).expect("forms");
            prop_assert_eq!(other.matches(&text, |_| true).collect::<Vec<_>>(), expected);
        }
    }
}
