//! Everything we can learn about a letter. A refusal is information, not an error.

use std::fmt;

use super::{Reason, Reply, Stage, Timestamp};

/// What happened on the way, for the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The receiver took the letter: a 2xx after the final dot.
    Accepted(Reply),
    /// The receiver refused, for now (4xx) or for good (5xx).
    Refused(Reply),
    /// The talk broke before the final dot was sent: the letter surely did not arrive.
    Broken(Trouble),
    /// The talk broke after the final dot and before its reply: nobody knows.
    LostReply(Trouble),
    /// We ourselves were gone when the reply came, or would have come: nobody knows.
    Unheard(Unheard),
    /// DNS shows no way to the domain.
    Unroutable(Unroutable),
    /// The letter cannot be composed, signed or addressed.
    Unsendable(Unsendable),
    /// At hand-off the recipient turned out to be suppressed.
    Suppressed(Reason),
    /// At hand-off the letter turned out to be withdrawn by its sender.
    Cancelled,
    /// At hand-off the letter was past its `valid_until`.
    Stale {
        /// When it stopped being worth sending.
        valid_until: Timestamp,
    },
}

/// Trouble on the wire: which stage, what kind, and the words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where in the talk.
    pub stage: Stage,
    /// What kind.
    pub kind: TroubleKind,
    /// Words for the operator, without the letter's content.
    pub detail: String,
}

/// Kinds of trouble on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TroubleKind {
    /// The host refused the connection.
    Refused,
    /// Nothing came within the stage's time limit (RFC 5321 §4.5.3.2).
    TimedOut,
    /// The host closed the connection in mid-talk.
    Closed,
    /// Any other failure of the socket.
    Io,
    /// The TLS handshake failed or TLS was required and not offered.
    Tls,
    /// What came back was not SMTP.
    Garbage,
}

impl TroubleKind {
    /// The word used in SQL, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Closed => "closed",
            Self::Io => "io",
            Self::Tls => "tls",
            Self::Garbage => "garbage",
        }
    }
}

impl Trouble {
    /// Trouble of that kind at that stage.
    pub fn new(stage: Stage, kind: TroubleKind, detail: impl Into<String>) -> Self {
        Self {
            stage,
            kind,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {}: {}",
            self.kind.name(),
            self.stage.name(),
            self.detail
        )
    }
}

/// Which of us did not hear the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unheard {
    /// The process died after the final dot; its journal tells.
    ProcessDied,
    /// The node was silent beyond its lease and left nothing that tells: the letter may have been on the wire, or not.
    NodeSilent,
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessDied => "our process died between the final dot and its reply",
            Self::NodeSilent => {
                "our node fell silent beyond its lease, perhaps with the letter on the wire"
            }
        })
    }
}

/// Why there is no way to a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unroutable {
    /// The domain does not exist (NXDOMAIN).
    NoSuchDomain,
    /// The domain has neither MX nor address records.
    NoMailHost,
    /// The domain says that it takes no mail (RFC 7505).
    NullMx,
    /// DNS did not answer, or answered nonsense; it may do better later.
    DnsTrouble(String),
}

impl fmt::Display for Unroutable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDomain => f.write_str("the domain does not exist"),
            Self::NoMailHost => f.write_str("the domain has neither MX nor address records"),
            Self::NullMx => f.write_str("the domain declares that it takes no mail (null MX)"),
            Self::DnsTrouble(what) => write!(f, "DNS gave no usable answer: {what}"),
        }
    }
}

/// Why a letter cannot be sent at all: what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// Which part of the letter: `template`, `variables.name`, `from`, `raw`, `dkim`, ...
    pub field: String,
    /// What is wrong with it, with line where there is one.
    pub why: String,
}

impl Unsendable {
    /// Names a field and what is wrong with it.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl std::error::Error for Unsendable {}
