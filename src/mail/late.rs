//! What comes back after the talk with a receiver is over, and what the judge makes of it.
//!
//! Owns the late words about a letter: delivery reports, complaints, unsubscribes. They are evidence like a reply, but the
//! letter has its state already, so the judge revises instead of deciding. Read `policy::judge::late` next.

use super::{Complaint, Event, State, Suppression, Told};

/// Evidence that comes later than the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LateWord {
    /// A delivery report (RFC 3464) says what became of the letter.
    Reported(Told),
    /// A feedback report (RFC 5965) says what the reader thinks of it.
    Complained(Box<Complaint>),
    /// The reader wants no more letters of this stream (RFC 8058, or a letter to the unsubscribe address).
    Unsubscribed,
}

impl LateWord {
    /// The word by which repeated reports are told apart, in SQL.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reported(_) => "bounce",
            Self::Complained(_) => "complaint",
            Self::Unsubscribed => "unsubscribe",
        }
    }
}

/// Who may have spoken a late word, by what they had to know for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witness {
    /// They knew the return path, which only the receiver's servers and the reader's own mailbox see.
    Server,
    /// They have seen the letter or its name: the reader, whoever the letter was sent on to, or whoever got an answer that
    /// quotes its Message-ID.
    Onlooker,
}

/// What a late word changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The letter's new final state; `None` leaves it as it is.
    pub state: Option<State>,
    /// The one history line of it.
    pub event: Event,
    /// Who is not written to any more, in the same transaction.
    pub suppress: Option<Suppression>,
}
