//! What an examination says.
//!
//! Owns the form of a finding. Promises: every finding names its rule, what was seen, and what to do; the gravest come first.

use std::net::IpAddr;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Looked at and found good.
    Ok,
    /// Could be better, hurts nobody today.
    Note,
    /// Some letters will be junked or some reports lost.
    Warning,
    /// Letters will be refused or junked.
    Failure,
}

impl Level {
    /// The word of reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// A rule that is broken or kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, for ever.
    pub id: &'static str,
    /// How grave it is to break it.
    pub level: Level,
    /// Whom it hurts with, and by which document.
    pub whom: &'static str,
    /// What happens.
    pub why: &'static str,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Publish a record; an older one of the same name and type that says otherwise goes.
    Publish {
        /// The name, without a final dot.
        name: String,
        /// The type.
        kind: &'static str,
        /// Its data as web forms of DNS hosts want it.
        value: String,
    },
    /// Take a record away.
    Remove {
        /// The name, without a final dot.
        name: String,
        /// The type.
        kind: &'static str,
        /// Its data.
        value: String,
    },
    /// Run a command.
    Run(String),
    /// Anything else, in words.
    Do(String),
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The name or address it is about.
    pub about: String,
    /// What was seen.
    pub found: String,
    /// What to do, in this order.
    pub fixes: Vec<Fix>,
}

impl Fix {
    /// Publish a text.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::publish(name, "TXT", value)
    }

    /// Publish a record.
    pub fn publish(name: impl Into<String>, kind: &'static str, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        Self::Publish { name, kind, value }
    }

    /// Take a text away.
    pub fn remove_text(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        let kind = "TXT";
        Self::Remove { name, kind, value }
    }

    /// Publish the address of a host.
    pub fn address(host: &str, address: IpAddr) -> Self {
        let kind = if address.is_ipv4() { "A" } else { "AAAA" };
        Self::publish(host, kind, address.to_string())
    }

    /// In words.
    pub fn words(text: impl Into<String>) -> Self {
        Self::Do(text.into())
    }
}

/// Collects findings.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one; the same about the same is said once.
    pub(super) fn add(
        &mut self,
        rule: &'static Rule,
        about: impl Into<String>,
        found: impl Into<String>,
        fixes: Vec<Fix>,
    ) {
        let (about, found) = (about.into(), found.into());
        let is_known = |old: &Finding| old.rule.id == rule.id && old.about == about;
        if !self.0.iter().any(is_known) {
            self.0.push(Finding {
                rule,
                about,
                found,
                fixes,
            });
        }
    }

    /// How many are graver than a note.
    pub(super) fn troubles(&self) -> usize {
        let grave = self.0.iter().filter(|it| it.rule.level > Level::Note);
        grave.count()
    }

    /// Says `ok` where nothing graver than a note came since a count.
    pub(super) fn fine(&mut self, before: usize, rule: &'static Rule, about: &str, found: &str) {
        if self.troubles() == before {
            self.add(rule, about, found, Vec::new());
        }
    }

    /// The gravest first, else in the order of looking.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| std::cmp::Reverse(finding.rule.level));
        self.0
    }
}
