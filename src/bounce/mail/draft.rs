//! What a form found out about one recipient, before it is understood.
//!
//! Owns [`Draft`] and its way to a finished [`Told`]: codes out of words, the rule that reads them, the term. Promises: a
//! delay never suppresses, whatever its words; where codes and words of one report contradict each other about how long,
//! the status field wins, because the reporter wrote it about this very letter. Decides nothing: see `policy::judge`.

use super::{
    address,
    code::{self, Wording},
};
use crate::mail::{Action, EnhancedCode, Finding, Provider, Term, Told};

/// So many wordings of one refusal are asked about.
const CANDIDATES_MAX: usize = 8;

/// One recipient of a report, as found.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The address as spelled.
    pub(super) address: String,
    /// Other spellings.
    pub(super) also: Vec<String>,
    /// What the report says happened, where it says so.
    pub(super) action: Option<Action>,
    /// The status field.
    pub(super) status: Option<EnhancedCode>,
    /// The diagnostic words, the likelier first.
    pub(super) words: Vec<Wording>,
    /// The host that said them.
    pub(super) host: Option<String>,
}

impl Draft {
    /// A recipient with words about it.
    pub(super) fn new(address: &str, words: &str) -> Self {
        let words = words.trim();
        Self {
            address: address.to_owned(),
            words: if words.is_empty() {
                Vec::new()
            } else {
                vec![words.to_owned().into()]
            },
            ..Self::default()
        }
    }

    /// Whether the address can be one: a local part and a domain.
    pub(super) fn is_addressed(&self) -> bool {
        address::first(&self.address).is_some_and(|found| found.start <= 1)
    }

    /// Whether the words hold a code.
    pub(super) fn is_coded(&self) -> bool {
        self.words.iter().any(|words| words.said.is_coded())
    }

    /// Whether the words are labels only.
    pub(super) fn is_silent(&self) -> bool {
        self.words.iter().all(|words| words.text.ends_with(':'))
    }

    /// Whether neither words nor status say what went wrong.
    pub(super) fn is_vague(&self) -> bool {
        let general = |code: EnhancedCode| code.subject == 0 && code.detail == 0;
        self.status.is_none_or(general)
    }

    /// Whether this is about the same mailbox as that address.
    pub(super) fn is_about(&self, address: &str) -> bool {
        let mut names = std::iter::once(&self.address).chain(&self.also);
        names.any(|name| name.eq_ignore_ascii_case(address))
    }

    /// The finished noun. `otherwise` is the action where the report names none.
    pub(super) fn finish(self, otherwise: Action) -> Told {
        let action = self.action.unwrap_or(otherwise);
        let mut said = self.words.iter().map(|words| words.said);
        let said = said.find(code::Said::is_coded).unwrap_or_default();
        let enhanced = status(self.status, said.enhanced);
        let (words, finding) = if action.arrived() {
            let first = self.words.first().map(|words| words.text.clone());
            (first.unwrap_or_default(), None)
        } else {
            self.understood(said.code, enhanced, action)
        };
        Told {
            address: self.address,
            also: self.also,
            action,
            code: said.code,
            enhanced,
            words,
            finding,
        }
    }

    /// The words that a rule of text recognises, or else the first ones, and what they mean.
    fn understood(
        &self,
        code: Option<u16>,
        enhanced: Option<EnhancedCode>,
        action: Action,
    ) -> (String, Option<Finding>) {
        let provider = self.provider();
        let term = term(code, enhanced, action);
        let mut best: Option<(String, Finding)> = None;
        for words in self.candidates() {
            let finding = code::classify(words, code, enhanced, provider, term);
            let by_text = !code::is_fallback(finding.rule);
            if by_text || best.is_none() {
                best = Some((words.to_owned(), finding));
            }
            if by_text {
                break;
            }
        }
        let (words, finding) = best.unwrap_or_else(|| {
            let finding = code::classify("", code, enhanced, provider, term);
            (String::new(), finding)
        });
        (words, Some(finding))
    }

    /// The words in the order in which rules read them. A quoted reply counts before the talk about it, and one with its
    /// step of the talk before one without.
    fn candidates(&self) -> Vec<&str> {
        let mut all: Vec<&Wording> = self.words.iter().collect();
        all.sort_by_key(|words| !words.text.contains("(in reply to "));
        let mut candidates: Vec<&str> = Vec::new();
        for words in all {
            let step = words.refused_step().into_iter();
            for words in step.chain([words.behind(), &words.text]) {
                let holds = |known: &&str| known.len() >= words.len() && known.contains(words);
                let seen = candidates.iter().any(holds);
                if !seen && candidates.len() < CANDIDATES_MAX {
                    candidates.push(words);
                }
            }
        }
        candidates
    }

    fn provider(&self) -> Provider {
        let named = self.host.as_deref().into_iter();
        let in_words = self
            .words
            .iter()
            .flat_map(|words| words.text.split_whitespace().take(40));
        let known = named.chain(in_words).filter(|word| word.contains('.'));
        let known = known.map(|word| {
            let host = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            Provider::of_mx(&host.to_ascii_lowercase())
        });
        known
            .into_iter()
            .find(|provider| *provider != Provider::Other)
            .unwrap_or(Provider::Other)
    }
}

/// The status field, unless it is a mere `5.0.0` and the words know better (RFC 3463 §3.1).
fn status(field: Option<EnhancedCode>, words: Option<EnhancedCode>) -> Option<EnhancedCode> {
    match (field, words) {
        (Some(field), Some(words))
            if field.subject == 0 && field.detail == 0 && words.class == field.class =>
        {
            Some(words)
        }
        (Some(field), _) => Some(field),
        (None, words) => words,
    }
}

/// For how long, as far as codes and action tell.
fn term(code: Option<u16>, enhanced: Option<EnhancedCode>, action: Action) -> Option<Term> {
    let first = enhanced
        .map(|code| code.class)
        .or_else(|| u8::try_from(code? / 100).ok());
    match (action, first) {
        (Action::Delayed, _) | (_, Some(4)) => Some(Term::Transient),
        (_, Some(5)) => Some(Term::Permanent),
        _ => None,
    }
}
