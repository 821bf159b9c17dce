//! The rulebook: classification rules read from data and asked all at once.
//!
//! Owns the meaning of `rules.toml`: which rule decides a reply. Promises: all rules are asked in one pass over the text
//! (`forms`), in time linear in its length; the order is text of the provider, text in general, enhanced code, basic code,
//! and inside each the order of the file; each rule decides the replies that taught it (a test). Leaves the normal form
//! of a text to [`super::text`]. Read `rules.toml` next, then [`super::classify`].

use std::{fmt, ops::RangeInclusive, sync::LazyLock};

use regex::Regex;

use super::{finder::Usual, text::Words};
use crate::mail::{Class, EnhancedCode, Provider, Stage};

mod file;
mod forms;
mod needed;

pub use file::RuleFault;
use forms::Forms;

/// One rule: when it applies and what it says.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, for `explain`.
    pub name: String,
    /// The class it gives.
    pub class: Class,
    /// Whether it makes a 5xx worth another try.
    pub softens: bool,
    /// Whether this is greylisting.
    pub greylist: bool,
    /// Only for these providers; empty is for all.
    pub providers: Vec<Provider>,
    /// Only at these stages; empty is at all.
    pub stages: Vec<Stage>,
    /// Only with these basic codes; empty is with all.
    pub codes: Vec<RangeInclusive<u16>>,
    /// Only with these enhanced codes; empty is with all, with none included.
    pub enhanced: Vec<EnhancedMask>,
    /// What the text must match; `None` is a rule about codes alone.
    pub pattern: Option<String>,
    /// Rules of the same rank and another class that match its examples too, and that it comes before on purpose.
    pub over: Vec<String>,
    /// Real replies that taught it.
    pub seen: Vec<String>,
    /// Replies made up after the form of real ones, where none was at hand.
    pub composed: Vec<String>,
}

/// A set of enhanced codes: any class when `x`, any detail within a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnhancedMask {
    class: Option<u8>,
    subject: Option<u16>,
    details: RangeInclusive<u16>,
}

/// What the rules are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The text and the enhanced code.
    pub words: &'a Words,
    /// The basic code; `None` where a report tells none.
    pub code: Option<u16>,
    /// The step of the talk that was refused.
    pub stage: Stage,
    /// Who refuses.
    pub provider: Provider,
}

/// All rules, in the order in which they are asked.
#[derive(Debug)]
pub struct Rulebook {
    forms: Forms,
    texts: Vec<Rule>,
    enhanced: Vec<Rule>,
    basic: Vec<Rule>,
}

/// The rules that are compiled in.
pub fn builtin() -> &'static Rulebook {
    static BUILTIN: LazyLock<Rulebook> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "the file is compiled in and read by every test"
        )]
        Rulebook::parse(include_str!("rules.toml")).expect("rules.toml is a valid rulebook")
    });
    &BUILTIN
}

impl Rulebook {
    /// Reads a rulebook.
    pub fn parse(toml: &str) -> Result<Self, RuleFault> {
        let (mut texts, codes): (Vec<_>, Vec<_>) = file::rules(toml)?
            .into_iter()
            .partition(|rule| rule.pattern.is_some());
        // A stable sort: inside each half the order of the file stays.
        texts.sort_by_key(|rule| rule.providers.is_empty());
        let (enhanced, basic) = codes
            .into_iter()
            .partition(|rule| !rule.enhanced.is_empty());
        let forms = compile(&texts)?;
        Ok(Self {
            forms,
            texts,
            enhanced,
            basic,
        })
    }

    /// The rule that decides a refusal, if any does.
    pub fn decide(&self, asked: &Asked<'_>) -> Option<&Rule> {
        self.candidates(asked).next()
    }

    /// What made the rule decide: the words that its text matched, else the code it is about.
    pub fn evidence(&self, asked: &Asked<'_>) -> String {
        let Some(rule) = self.decide(asked) else {
            return "no rule knows it".to_owned();
        };
        let code = |code: Option<String>| code.unwrap_or_default();
        match &rule.pattern {
            Some(pattern) => Regex::new(&for_automaton(pattern))
                .ok()
                .and_then(|regex| regex.find(&asked.words.text))
                .map_or_else(String::new, |found| found.as_str().to_owned()),
            None if rule.enhanced.is_empty() => code(asked.code.map(|code| code.to_string())),
            None => code(asked.words.enhanced.map(|code| code.to_string())),
        }
    }

    /// Every rule that speaks about a refusal, in the order in which they are asked.
    fn candidates<'book, 'asked>(
        &'book self,
        asked: &'asked Asked<'asked>,
    ) -> impl Iterator<Item = &'book Rule> {
        let asks = |index: usize| {
            self.texts
                .get(index)
                .is_some_and(|rule| rule.applies(asked))
        };
        let codes = self.enhanced.iter().chain(&self.basic);
        self.forms
            .matches(&asked.words.text, asks)
            .filter_map(|index| self.texts.get(index))
            .chain(codes.filter(move |rule| rule.applies(asked)))
    }

    /// Every rule, in the order in which they are asked.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.texts.iter().chain(&self.enhanced).chain(&self.basic)
    }
}

fn compile(texts: &[Rule]) -> Result<Forms, RuleFault> {
    let patterns: Vec<String> = texts
        .iter()
        .map(|rule| for_automaton(rule.pattern.as_deref().unwrap_or_default()))
        .collect();
    Forms::compile(patterns.iter().map(String::as_str), &usual(texts)).map_err(|(index, why)| {
        RuleFault::new(texts.get(index).map_or("(all)", |rule| &rule.name), why)
    })
}

/// What replies are like: the examples of all rules.
fn usual(rules: &[Rule]) -> Usual {
    let mut usual = Usual::default();
    let lines = rules
        .iter()
        .flat_map(|rule| rule.seen.iter().chain(&rule.composed));
    lines.for_each(|line| usual.count(&line.to_lowercase()));
    usual
}

/// Unicode word boundaries and digits would force the slow engine; the ASCII ones mean the same in a reply.
fn for_automaton(pattern: &str) -> String {
    pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]")
}

impl Rule {
    fn applies(&self, asked: &Asked<'_>) -> bool {
        fits(&self.codes, |codes| self.has_code(codes, asked.code))
            && fits(&self.providers, |known| *known == asked.provider)
            && fits(&self.stages, |stage| *stage == asked.stage)
            && fits(&self.enhanced, |mask| {
                asked.words.enhanced.is_some_and(|code| mask.contains(code))
            })
    }

    /// A report without a code is a mail system's last word, as a 5xx is; but no code proves nothing by itself.
    fn has_code(&self, codes: &RangeInclusive<u16>, asked: Option<u16>) -> bool {
        match asked {
            Some(code) => codes.contains(&code),
            None => self.pattern.is_some() && *codes.end() >= 500,
        }
    }
}

/// An empty condition holds always.
fn fits<T>(conditions: &[T], holds: impl Fn(&T) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(holds)
}

impl EnhancedMask {
    /// Whether the code is in the set.
    pub fn contains(&self, code: EnhancedCode) -> bool {
        self.class.is_none_or(|class| class == code.class)
            && self.subject.is_none_or(|subject| subject == code.subject)
            && self.details.contains(&code.detail)
    }

    /// Reads `5.1.1`, `x.7.20-26` or `x.3.x`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (class, subject, details) = (parts.next()?, parts.next()?, parts.next()?);
        let done = parts.next().is_none();
        let mask = Self {
            class: number_or_x(class)?,
            subject: number_or_x(subject)?,
            details: match details.split_once('-') {
                Some((from, to)) => from.parse().ok()?..=to.parse().ok()?,
                None => number_or_x(details)?.map_or(0..=999, |detail| detail..=detail),
            },
        };
        done.then_some(mask)
    }
}

/// `Some(None)` for `x`, `Some(number)` for a number, `None` for anything else.
#[expect(
    clippy::option_option,
    reason = "any number, one number, and no number are three answers"
)]
fn number_or_x<T: std::str::FromStr>(text: &str) -> Option<Option<T>> {
    match text {
        "x" => Some(None),
        _ => text.parse().ok().map(Some),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.class.name())
    }
}

#[cfg(test)]
mod audit;
#[cfg(test)]
mod tests;
