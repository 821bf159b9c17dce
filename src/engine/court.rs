//! The one door to the judge.
//!
//! Owns what is brought before `policy::judge`: the letter's case, the class of its evidence, its stream's policy.
//! Promises: every verdict of this engine comes from here, whether a receiver answered, a dead process left a word, or a
//! node fell silent. Decides nothing.

use std::sync::Arc;

use super::desk::Desk;
use crate::{
    bounce,
    mail::{Evidence, Finding, Letter, Provider, Timestamp, Verdict},
    policy::{Case, judge, unreadable},
    port::{AttemptRecord, Dice, LeasedLetter, Settlement, World},
};

/// Brings letters and what is known of them before the judge.
pub(super) struct Court<W: World> {
    pub(super) world: Arc<W>,
    pub(super) desk: Arc<Desk>,
}

impl<W: World> Court<W> {
    /// The verdict on a letter, ready to be settled; `now` is when the evidence came.
    pub(super) fn settlement(
        &self,
        leased: &LeasedLetter,
        evidence: &Evidence,
        attempt: Option<AttemptRecord>,
        now: Timestamp,
    ) -> Settlement {
        let attempts = leased
            .attempts
            .saturating_add(u16::from(is_attempt(evidence)));
        let verdict = match &leased.letter {
            Ok(letter) => self.verdict(letter, attempts, evidence, attempt.as_ref(), now),
            Err(broken) => unreadable(&broken.fault, now),
        };
        let (id, shard, lease) = (leased.id(), leased.shard(), leased.lease);
        Settlement {
            id,
            shard,
            lease,
            attempts,
            verdict,
            attempt,
        }
    }

    fn verdict(
        &self,
        letter: &Letter,
        attempts: u16,
        evidence: &Evidence,
        attempt: Option<&AttemptRecord>,
        now: Timestamp,
    ) -> Verdict {
        let case = Case {
            letter: letter.id,
            recipient: letter.to.mailbox.address.clone(),
            enqueued_at: letter.enqueued_at,
            send_at: letter.send_at,
            valid_until: letter.valid_until,
            attempts,
        };
        let provider = attempt.and_then(|attempt| Provider::parse(attempt.provider));
        let finding = finding(evidence, provider.unwrap_or(Provider::Other));
        let stream = self.desk.streams.get(&letter.stream);
        let policy = stream.map_or(&self.desk.stray, |stream| &stream.policy);
        let dice = self.world.dice().roll();
        judge(&case, evidence, finding.as_ref(), policy, now, dice)
    }
}

/// What `bounce` reads in the evidence; a success and what we decided ourselves have no class.
pub(super) fn finding(evidence: &Evidence, provider: Provider) -> Option<Finding> {
    match evidence {
        Evidence::Refused(reply) => Some(bounce::classify(reply, provider)),
        Evidence::Broken(trouble) | Evidence::LostReply(trouble) => {
            Some(bounce::of_trouble(trouble))
        }
        Evidence::Unroutable(why) => Some(bounce::of_unroutable(why)),
        _ => None,
    }
}

/// Whether a receiver was approached; what was found before that is not counted as a try.
const fn is_attempt(evidence: &Evidence) -> bool {
    match evidence {
        Evidence::Accepted(_)
        | Evidence::Refused(_)
        | Evidence::Broken(_)
        | Evidence::LostReply(_)
        | Evidence::Unheard(_)
        | Evidence::Unroutable(_) => true,
        Evidence::Unsendable(_)
        | Evidence::Suppressed(_)
        | Evidence::Cancelled
        | Evidence::Stale { .. } => false,
    }
}
