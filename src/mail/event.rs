//! The append-only history of a letter, one line per thing that happened.

use super::{Class, EnhancedCode, Stage, Timestamp};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// The letter was enqueued.
    Queued,
    /// An attempt failed for now; another is due.
    Deferred,
    /// Terminal: the receiver took it.
    Delivered,
    /// Terminal: refused for good.
    Bounced,
    /// Terminal: given up.
    Expired,
    /// Terminal: not sent to a suppressed recipient.
    Suppressed,
    /// Terminal: withdrawn.
    Cancelled,
    /// Terminal: could not be composed.
    Failed,
    /// Nobody knows whether it arrived. Terminal without `due`; with it (policy `retry`) another copy goes then.
    InDoubt,
    /// A worker's lease ran out and nobody came to say what became of the letter.
    LeaseExpired,
    /// An outcome that came after its lease was lost and settles nothing: history only.
    LateOutcome,
    /// The reader, or their provider, reported the letter as unwanted.
    Complained,
    /// The reader wants no more letters of this stream.
    Unsubscribed,
    /// A report came back that changes nothing about the letter: a delay, a success, a word that came too late.
    Reported,
    /// A person's hold keeps the letter here.
    Held,
    /// The hold was lifted.
    Released,
    /// Its reader's quiet hours keep the letter here until `due`.
    Postponed,
}

impl EventKind {
    /// Every kind, in the order of a letter's life.
    pub const ALL: [Self; 17] = [
        Self::Queued,
        Self::Deferred,
        Self::Delivered,
        Self::Bounced,
        Self::Expired,
        Self::Suppressed,
        Self::Cancelled,
        Self::Failed,
        Self::InDoubt,
        Self::LeaseExpired,
        Self::LateOutcome,
        Self::Complained,
        Self::Unsubscribed,
        Self::Reported,
        Self::Held,
        Self::Released,
        Self::Postponed,
    ];

    /// The word used in SQL, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::LeaseExpired => "lease_expired",
            Self::LateOutcome => "late_outcome",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Reported => "reported",
            Self::Held => "held",
            Self::Released => "released",
            Self::Postponed => "postponed",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One line of a letter's history. Absent fields are `None`, never empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Which attempt, counted from 1; `None` where none was made.
    pub attempt: Option<u16>,
    /// Stage of the talk that decided.
    pub stage: Option<Stage>,
    /// Basic SMTP code.
    pub code: Option<u16>,
    /// Enhanced code.
    pub enhanced: Option<EnhancedCode>,
    /// The words: the reply's text, the trouble, the reason.
    pub text: Option<String>,
    /// Class of the refusal.
    pub class: Option<Class>,
    /// Rule that classified it.
    pub rule: Option<String>,
    /// When the next attempt is due.
    pub due: Option<Timestamp>,
}

impl Event {
    /// An event that says no more than what and when.
    pub const fn bare(at: Timestamp, kind: EventKind) -> Self {
        Self {
            at,
            kind,
            attempt: None,
            stage: None,
            code: None,
            enhanced: None,
            text: None,
            class: None,
            rule: None,
            due: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.name()), Some(kind));
        }
    }
}
