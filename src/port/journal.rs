//! What a process tells those who come after it: which letters crossed the final dot, and what was answered.
//!
//! Owns the trait of the crash journal and the values it carries. Promises of every implementation: what was noted
//! outlives the process; a note that could not be made is an error, never silence. Leaves what it means for a letter to
//! `policy`, the reading of journals left behind to `engine::heir`, the file to `journal`.

use std::collections::HashSet;

use super::{AttemptRecord, LeaseId};
use crate::mail::{Evidence, LetterId, Shard, Timestamp};

/// One letter under one claim, with what a judge must know beside the letter itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The claim under which it was handed over.
    pub lease: LeaseId,
    /// Where its rows live.
    pub shard: Shard,
    /// Which letter.
    pub id: LetterId,
    /// Attempts made before this one.
    pub attempts: u16,
}

/// What was learnt about a letter under a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Which letter, under which claim.
    pub claim: Claim,
    /// When it was learnt.
    pub at: Timestamp,
    /// What was learnt. Only what comes from a talk is kept: `Accepted`, `Refused`, `Broken`, `LostReply`.
    pub evidence: Evidence,
    /// How the attempt went.
    pub attempt: Option<AttemptRecord>,
}

/// What a process that is gone left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// The journal's name, for [`Journal::bury`] and the log.
    pub name: String,
    /// Whether it is whole: nothing that was noted can be missing. A journal from before the machine stopped is not:
    /// its last notes may not have reached the disk.
    pub is_whole: bool,
    /// Leases that were asked for and may still hold letters.
    pub leases: Vec<LeaseId>,
    /// Letters whose final dot was about to leave and whose reply was not noted.
    pub dotted: Vec<Claim>,
    /// Letters of which something is known and perhaps not settled.
    pub words: Vec<Word>,
}

/// A note could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct JournalError {
    /// What was being done, such as `noting a final dot`.
    pub doing: String,
    /// Why it failed.
    #[source]
    pub source: std::io::Error,
}

/// Notes what only this process knows, for whoever comes after it. Notes are made on the way of every letter, so
/// they are quick and never wait for a disk.
pub trait Journal: Send + Sync + 'static {
    /// A lease is about to be asked for: whatever it brings goes back if this process dies.
    fn asked(&self, lease: LeaseId) -> Result<(), JournalError>;

    /// The final dot of this letter is about to leave. After an error it must not.
    fn dotted(&self, claim: Claim) -> Result<(), JournalError>;

    /// What was learnt about a letter.
    fn heard(&self, word: &Word) -> Result<(), JournalError>;

    /// These claims are settled: nothing about them is needed any more.
    fn settled(&self, claims: &[(LeaseId, LetterId)]);

    /// Whether so much is written that [`Journal::shorten`] is worth its time.
    fn is_long(&self) -> bool;

    /// Drops what is settled, and every lease but those that still hold letters.
    fn shorten(&self, leases: &HashSet<LeaseId>) -> Result<(), JournalError>;

    /// Journals of processes on this machine that are gone; each belongs to the caller until it is buried.
    fn inherit(&self) -> Result<Vec<Legacy>, JournalError>;

    /// A legacy was settled, and goes.
    fn bury(&self, name: &str) -> Result<(), JournalError>;
}

/// Nothing is noted: whoever dies takes everything along. For engines that nobody depends on.
impl Journal for () {
    fn asked(&self, _: LeaseId) -> Result<(), JournalError> {
        Ok(())
    }

    fn dotted(&self, _: Claim) -> Result<(), JournalError> {
        Ok(())
    }

    fn heard(&self, _: &Word) -> Result<(), JournalError> {
        Ok(())
    }

    fn settled(&self, _: &[(LeaseId, LetterId)]) {}

    fn is_long(&self) -> bool {
        false
    }

    fn shorten(&self, _: &HashSet<LeaseId>) -> Result<(), JournalError> {
        Ok(())
    }

    fn inherit(&self) -> Result<Vec<Legacy>, JournalError> {
        Ok(Vec::new())
    }

    fn bury(&self, _: &str) -> Result<(), JournalError> {
        Ok(())
    }
}
