//! The closed sets that labels take their values from.
//!
//! Owns the sets that exist for metrics alone; providers, classes, states and reasons are `mail`'s. Promises: every set
//! is small and known when the program is compiled.

use crate::mail::Class;

/// How letters come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// `postrider.enqueue(...)` inside the caller's transaction.
    Sql,
    /// `POST /v1/letters`.
    Http,
    /// `postrider send`.
    Cli,
}

/// What a caller was told about one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The letter exists.
    Accepted,
    /// It existed already.
    Duplicate,
    /// Its key names another letter.
    Conflict,
    /// The recipient is not written to.
    Suppressed,
    /// Something is wrong with it.
    Invalid,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The receiver took the letter.
    Delivered,
    /// It was refused, or did not get there.
    Refused(Class),
    /// Nothing was said that has a class: a reply lost after the final dot.
    Unclassified,
}

/// Where in the queue a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Due now.
    Ready,
    /// Due later.
    Waiting,
    /// Due when its reader's quiet hours end.
    Quiet,
    /// Kept here by a person.
    Held,
    /// Claimed by a worker.
    Leased,
}

impl Door {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Http => "http",
            Self::Cli => "cli",
        }
    }
}

impl Answer {
    /// The label's value, the same word as in the answer itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Suppressed => "suppressed",
            Self::Invalid => "invalid",
        }
    }
}

impl Outcome {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused(class) => class.name(),
            Self::Unclassified => "unclassified",
        }
    }
}

impl Place {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Quiet => "quiet_hours",
            Self::Held => "held",
            Self::Leased => "leased",
        }
    }
}

/// The TLS version in a session's words such as `TLSv1_3 TLS13_AES_256_GCM_SHA384`, as a label.
pub fn tls_name(tls: Option<&str>) -> &'static str {
    let Some(words) = tls else { return "none" };
    let version = words.to_ascii_lowercase().replace('_', ".");
    if version.starts_with("tlsv1.3") || version.starts_with("tls1.3") {
        "1.3"
    } else if version.starts_with("tlsv1.2") || version.starts_with("tls1.2") {
        "1.2"
    } else {
        "other"
    }
}
