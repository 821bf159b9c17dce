//! Who is not written to, in which scope and why.

use super::{Address, LetterId, Timestamp};

/// How far a suppression reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every letter to this address, whatever the stream: the mailbox cannot take mail.
    Everything,
    /// Letters that are not transactional: complaints and sunset.
    Marketing,
    /// Letters of one stream: an unsubscribe.
    Stream(String),
}

impl Scope {
    /// `everything`, `marketing`, or `stream:<name>`: the word in SQL and JSON.
    pub fn name(&self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Marketing => "marketing".to_owned(),
            Self::Stream(stream) => format!("stream:{stream}"),
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "everything" => Some(Self::Everything),
            "marketing" => Some(Self::Marketing),
            _ => name
                .strip_prefix("stream:")
                .map(|stream| Self::Stream(stream.to_owned())),
        }
    }
}

/// Why an address is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A hard bounce: no such mailbox or domain.
    HardBounce,
    /// The reader pressed "spam".
    Complaint,
    /// The reader unsubscribed.
    Unsubscribe,
    /// The operator or the backend said so.
    Manual,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::HardBounce,
        Self::Complaint,
        Self::Unsubscribe,
        Self::Manual,
    ];

    /// The word used in SQL, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounce => "hard-bounce",
            Self::Complaint => "complaint",
            Self::Unsubscribe => "unsubscribe",
            Self::Manual => "manual",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Who is not written to.
    pub address: Address,
    /// How far this reaches.
    pub scope: Scope,
    /// Why.
    pub reason: Reason,
    /// The words that prove it: the reply, the report, the operator's note.
    pub evidence: String,
    /// The letter that taught us, where there is one.
    pub letter: Option<LetterId>,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` is for good.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_reasons_read_back_from_their_names() {
        for scope in [
            Scope::Everything,
            Scope::Marketing,
            Scope::Stream("digest".into()),
        ] {
            assert_eq!(Scope::parse(&scope.name()), Some(scope));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.name()), Some(reason));
        }
    }
}
