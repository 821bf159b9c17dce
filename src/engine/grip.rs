//! A task's grip on one letter that it has not passed on yet.
//!
//! Owns the way back for letters whose task dies. Promises: when a grip is dropped its letter leaves the ledger; one that
//! surely stayed here is given back by `keeper`, one that may have arrived is left to `heir`; a letter that was passed on is
//! no longer ours to drop.

use super::ledger::Ledger;
use crate::{
    mail::LetterId,
    port::{LeaseId, LeasedLetter},
};

/// Held until the letter is judged, given back or put into a line.
#[must_use]
pub(super) struct Grip<'a> {
    ledger: &'a Ledger,
    claim: Option<(LeaseId, LetterId)>,
}

impl<'a> Grip<'a> {
    pub(super) fn new(ledger: &'a Ledger, letter: &LeasedLetter) -> Self {
        Self {
            ledger,
            claim: Some((letter.lease, letter.id())),
        }
    }

    /// The letter is somebody else's business now.
    pub(super) fn pass(mut self) {
        self.claim = None;
    }
}

impl Drop for Grip<'_> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim {
            self.ledger.abandon(claim);
        }
    }
}
