//! The form in which rules are written down.
//!
//! Owns the keys of `rules.toml`. Promises: an unknown key, class, provider, stage or code is a fault that names the
//! rule; a rule without an example is refused. Read [`super`] for what the rules do.

use std::{fmt, ops::RangeInclusive};

use serde::Deserialize;

use super::{EnhancedMask, Rule};
use crate::mail::{Class, Provider, Stage};

/// What is wrong with a rulebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    rule: String,
    why: String,
}

impl RuleFault {
    pub(super) fn new(rule: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.rule, self.why)
    }
}

impl std::error::Error for RuleFault {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    class: String,
    term: Option<String>,
    #[serde(default)]
    provider: Vec<String>,
    #[serde(default)]
    stage: Vec<String>,
    #[serde(default)]
    code: Vec<String>,
    #[serde(default)]
    enhanced: Vec<String>,
    #[serde(rename = "match")]
    pattern: Option<String>,
    #[serde(default)]
    greylist: bool,
    #[serde(default)]
    over: Vec<String>,
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    composed: Vec<String>,
}

pub(super) fn rules(toml: &str) -> Result<Vec<Rule>, RuleFault> {
    let file: File =
        toml::from_str(toml).map_err(|fault| RuleFault::new("(file)", fault.to_string()))?;
    file.rule.into_iter().map(rule).collect()
}

fn rule(row: Row) -> Result<Rule, RuleFault> {
    let fault = |why: String| RuleFault::new(&row.name, why);
    if row.seen.is_empty() && row.composed.is_empty() {
        return Err(fault("has no example".to_owned()));
    }
    Ok(Rule {
        class: Class::parse(&row.class).ok_or_else(|| fault(format!("class {}?", row.class)))?,
        softens: softens(row.term.as_deref()).map_err(fault)?,
        providers: each(&row.provider, Provider::parse).map_err(fault)?,
        stages: each(&row.stage, stage).map_err(fault)?,
        codes: each(&row.code, codes).map_err(fault)?,
        enhanced: each(&row.enhanced, EnhancedMask::parse).map_err(fault)?,
        name: row.name,
        greylist: row.greylist,
        pattern: row.pattern,
        over: row.over,
        seen: row.seen,
        composed: row.composed,
    })
}

/// The code says whether a refusal is final (RFC 5321 §4.2.1); a rule may only soften that, never harden it.
fn softens(term: Option<&str>) -> Result<bool, String> {
    match term {
        None => Ok(false),
        Some("transient") => Ok(true),
        Some(other) => Err(format!("term {other}? only `transient` can be said")),
    }
}

fn each<T>(words: &[String], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let read_one = |word: &String| read(word).ok_or_else(|| format!("{word}?"));
    words.iter().map(read_one).collect()
}

fn stage(name: &str) -> Option<Stage> {
    let stages = [
        Stage::Banner,
        Stage::Ehlo,
        Stage::StartTls,
        Stage::Auth,
        Stage::MailFrom,
        Stage::RcptTo,
        Stage::Data,
        Stage::FinalDot,
    ];
    stages.into_iter().find(|stage| stage.name() == name)
}

/// `550`, `450-452` or `5xx`.
fn codes(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let first = hundreds.parse::<u16>().ok()?.checked_mul(100)?;
        return Some(first..=first + 99);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(from.parse().ok()?..=to.parse().ok()?)
}
