//! The traits between what comes in and the world.
//!
//! Owns signatures and the values they carry. Promises: a mail is kept before it is answered for, and read afterwards; what
//! it changes is written with the note that this word was heard, so that reading it again changes nothing.

use std::{future::Future, sync::Arc};

use super::StoreError;
use crate::mail::{
    Address, Effect, Incoming, IncomingId, LetterId, ReportKind, Revision, Shard, State,
    Statistics, Suppression, Timestamp,
};

/// Keeps what came in until it is read.
pub trait Intake: Send + Sync + 'static {
    /// Keeps a mail; when this returns it survives whatever happens to us.
    fn keep(&self, mail: Incoming) -> impl Future<Output = Result<IncomingId, StoreError>> + Send;
}

/// A mail that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its name.
    pub id: IncomingId,
    /// The mail.
    pub mail: Incoming,
}

/// A letter as far as a late word needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// To whom it is.
    pub recipient: Address,
    /// Its kind of mail.
    pub stream: String,
    /// Where it stands.
    pub state: State,
}

/// By what a mail proves that it speaks of a letter of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// The address it was sent to bears our token.
    Envelope,
    /// What is left of the letter in it bears our token: somebody has seen the letter.
    ReturnedCopy,
    /// A reporter that the operator knows has signed it.
    Reporter,
}

/// How a mail was understood, for whoever lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// What kind of mail.
    pub kind: Kind,
    /// What it changed.
    pub effect: Effect,
    /// By what it was believed.
    pub proof: Option<Proof>,
    /// The letter it speaks of.
    pub letter: Option<LetterId>,
    /// Words for people.
    pub detail: String,
}

/// The kind of a mail that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What its form says.
    Report(ReportKind),
    /// A letter to an unsubscribe address.
    Unsubscribe,
}

/// A late word, judged, on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateSettlement {
    /// Which letter.
    pub id: LetterId,
    /// Where its rows live.
    pub shard: Shard,
    /// Where it stood when it was judged.
    pub stood: State,
    /// The kind of word: `bounce`, `complaint`, `unsubscribe`.
    pub word: &'static str,
    /// Tells this report from others of its kind.
    pub hash: [u8; 32],
    /// What the judge said.
    pub revision: Revision,
}

/// What became of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Written.
    Done,
    /// The same word was heard before; nothing changed.
    Heard,
    /// The letter has moved since it was judged; nothing changed.
    Moved,
}

/// Where late words are settled.
pub trait LateStore: Intake {
    /// Takes unread mails to read them; whoever does not finish until `until` leaves them to others.
    fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
    ) -> impl Future<Output = Result<Vec<Kept>, StoreError>> + Send;

    /// A letter and where it stands; `None` when it is not kept any more.
    fn standing(
        &self,
        id: LetterId,
        shard: Shard,
    ) -> impl Future<Output = Result<Option<Standing>, StoreError>> + Send;

    /// Writes one late word: state, event, suppression and the note that it was heard, in one transaction.
    fn settle_late(
        &self,
        settlement: &LateSettlement,
    ) -> impl Future<Output = Result<Settled, StoreError>> + Send;

    /// Suppresses an address on an authenticated reporter's word, where no letter is known.
    fn suppress_reported(
        &self,
        entry: &Suppression,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a report in sum; one that is known already changes nothing.
    fn keep_statistics(
        &self,
        report: &Statistics,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes that a mail was read.
    fn close(
        &self,
        id: IncomingId,
        now: Timestamp,
        understood: &Understood,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Leaves a mail unread until then.
    fn postpone(
        &self,
        id: IncomingId,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Asks DNS for texts, to verify signatures.
pub trait Texts: Send + Sync + 'static {
    /// The TXT records of a name; none when there is no answer.
    fn texts(&self, name: &str) -> impl Future<Output = Vec<String>> + Send;
}

/// Sees what comes in, for metrics; every method may do nothing.
pub trait InboundWatch: Send + Sync + 'static {
    /// A recipient was refused.
    fn turned_away(&self, why: TurnedAway) {
        let _ = why;
    }

    /// A connection was refused, because there are too many.
    fn crowded(&self) {}

    /// A mail was read.
    fn understood(&self, understood: &Understood) {
        let _ = understood;
    }

    /// A late word suppressed an address.
    fn suppressed(&self, entry: &Suppression) {
        let _ = entry;
    }
}

/// Nobody looks.
impl InboundWatch for () {}

/// Whoever shares it sees the same.
impl<W: InboundWatch> InboundWatch for Arc<W> {
    fn turned_away(&self, why: TurnedAway) {
        (**self).turned_away(why);
    }

    fn crowded(&self) {
        (**self).crowded();
    }

    fn understood(&self, understood: &Understood) {
        (**self).understood(understood);
    }

    fn suppressed(&self, entry: &Suppression) {
        (**self).suppressed(entry);
    }
}

/// Why a recipient is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnedAway {
    /// A domain of ours, but no such address: no token, a wrong one, no mailbox.
    NoSuchAddress,
    /// Somebody else's domain: we relay for nobody.
    Relay,
}

impl TurnedAway {
    /// The word used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSuchAddress => "no-such-address",
            Self::Relay => "relay",
        }
    }
}

impl Proof {
    /// The word used in SQL and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::ReturnedCopy => "returned-copy",
            Self::Reporter => "reporter",
        }
    }
}

impl Kind {
    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report(kind) => kind.name(),
            Self::Unsubscribe => "unsubscribe",
        }
    }
}
