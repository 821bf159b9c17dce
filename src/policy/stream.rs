//! What a stream may expect of us: how long we try, how often, and what we do when nobody knows.
//!
//! Owns the kinds of streams and their default policies. Promises: the defaults are DELIVERABILITY facts with a reason
//! beside each number. Leaves reading them from a file to `config`, and using them to [`mod@super::judge`].

use std::time::Duration;

use super::retry::Retry;
use crate::mail::InDoubt;

/// What kind of mail a stream carries; the reach of suppressions depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// An answer to what the reader just did: password reset, order confirmation.
    Transactional,
    /// A reaction to an event that concerns the reader: a new order in their category.
    Trigger,
    /// Everything that we want rather than the reader: digests, offers.
    Marketing,
}

/// How the letters of one stream are treated.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPolicy {
    /// The stream's name, as letters say it.
    pub name: String,
    /// Its kind.
    pub kind: StreamKind,
    /// When to try again, and when to give up.
    pub retry: Retry,
    /// What to do with a letter that may or may not have arrived.
    pub in_doubt: InDoubt,
    /// Attempts after which a lost reply is left in doubt even under [`InDoubt::Retry`]: a receiver that loses every
    /// reply would otherwise show its reader one copy per attempt.
    pub in_doubt_attempts_max: u16,
    /// For how long a domain that does not exist or takes no mail suppresses its addresses: domains lapse and return.
    pub domain_fault: Duration,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Somebody waits for this letter now, so the first waits are short; after a day and a half it helps nobody.
const TRANSACTIONAL: (&[u64], u64) = (
    &[
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        4 * HOUR,
    ],
    36 * HOUR,
);
/// News about an event are stale by the next day.
const TRIGGER: (&[u64], u64) = (
    &[
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        4 * HOUR,
    ],
    24 * HOUR,
);
/// Patience costs nothing here; RFC 5321 §4.5.4.1 asks for half an hour between tries in general.
const MARKETING: (&[u64], u64) = (
    &[15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR],
    3 * DAY,
);

impl StreamKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Transactional, Self::Trigger, Self::Marketing];

    /// The word used in configuration, SQL and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Trigger => "trigger",
            Self::Marketing => "marketing",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl StreamPolicy {
    /// The policy of a stream that says nothing but its kind.
    pub fn standard(name: impl Into<String>, kind: StreamKind) -> Self {
        let (waits, give_up) = match kind {
            StreamKind::Transactional => TRANSACTIONAL,
            StreamKind::Trigger => TRIGGER,
            StreamKind::Marketing => MARKETING,
        };
        Self {
            name: name.into(),
            kind,
            retry: Retry::standard(waits, Duration::from_secs(give_up)),
            in_doubt_attempts_max: 5,
            // A reader who waits for a password would rather get it twice; an offer must not come twice.
            in_doubt: match kind {
                StreamKind::Transactional => InDoubt::Retry,
                StreamKind::Trigger | StreamKind::Marketing => InDoubt::Hold,
            },
            domain_fault: Duration::from_secs(7 * DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in StreamKind::ALL {
            assert_eq!(StreamKind::parse(kind.name()), Some(kind));
        }
    }

    #[test]
    fn every_standard_policy_could_have_been_written_by_an_operator() {
        for kind in StreamKind::ALL {
            let retry = StreamPolicy::standard("any", kind).retry;
            assert_eq!(retry.clone().checked(), Ok(retry));
        }
    }
}
