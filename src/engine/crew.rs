//! What every worker of one engine shares.
//!
//! Owns nothing but references. Promises: a letter judged here is settled exactly once, because its place in the
//! ledger and its place in the settler's queue are the same bound.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    court::{self, Court},
    desk::{Desk, Stream},
    holds::Holds,
    ledger::{Ledger, Standing},
    pace::{Moment, NoTurn, Pace, Path, Turn},
    prepare::Prepare,
    secured::Secured,
};
use crate::{
    mail::{Aside, Evidence, Letter, Provider, Quiet, Timestamp, Unsendable},
    policy::{self, HandOff},
    port::{AttemptRecord, Claim, Clock, Journal, LeasedLetter, Settlement, Store, Word, World},
};

/// Shared by every worker of one engine.
pub(super) struct Crew<W: World> {
    pub(super) world: Arc<W>,
    pub(super) desk: Arc<Desk>,
    pub(super) court: Court<W>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) pace: Arc<Pace>,
    pub(super) holds: Arc<Holds>,
    pub(super) secured: Arc<Secured>,
    pub(super) prepare: Prepare,
    pub(super) verdicts: mpsc::Sender<Settlement>,
    pub(super) stop: CancellationToken,
}

impl<W: World> Crew<W> {
    /// The stream of a letter.
    pub(super) fn stream(&self, letter: &Letter) -> Result<&Stream, Unsendable> {
        let unknown = || Unsendable::new("stream", format!("{} is not configured", letter.stream));
        self.desk.streams.get(&letter.stream).ok_or_else(unknown)
    }

    /// Turns evidence into a verdict and hands it to the settler.
    pub(super) fn judge(
        &self,
        leased: &LeasedLetter,
        evidence: &Evidence,
        attempt: Option<AttemptRecord>,
    ) {
        let now = self.world.clock().now();
        let settlement = self.court.settlement(leased, evidence, attempt, now);
        // The queue has a place for every letter of the ledger, and a letter is judged once: it is never full.
        if let Err(fault) = self.verdicts.try_send(settlement) {
            error!(letter.id = %leased.id(), error = %fault, "A verdict found no place; its lease will end");
            self.ledger.leave([(leased.lease, leased.id())]);
        }
    }

    /// This moment by both clocks.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            instant: Instant::now(),
            now: self.world.clock().now(),
        }
    }

    /// Waits for this letter's turn on its path, unless the engine stops.
    pub(super) async fn turn(&self, path: &Path, letter: &Letter) -> Result<Turn, NoTurn> {
        let shaping = self.desk.shaping.get();
        let domain = letter.to.mailbox.address.domain().as_str();
        let turn = self.pace.turn(path, domain, &shaping, || self.moment());
        let turn = self.stop.run_until_cancelled(turn).await;
        turn.unwrap_or(Err(NoTurn::TooLong))
    }

    /// Tells the governor what an outcome says about its route; `before` is how many attempts the letter had had.
    pub(super) fn hear(
        &self,
        path: &Path,
        provider: Provider,
        evidence: &Evidence,
        talk: Duration,
        before: u16,
    ) {
        let finding = court::finding(evidence, provider);
        if let Some(told) = policy::told(evidence, finding.as_ref(), before) {
            let moment = self.moment();
            path.hear(&told, talk, moment.now.minus(talk), moment);
        }
    }

    /// What keeps a letter here, whichever way it goes: a hold, or the quiet hours of its reader.
    pub(super) fn aside(&self, leased: &LeasedLetter) -> Option<Aside> {
        let letter = leased.letter.as_ref().ok()?;
        let hold = self.holds.on_letter(letter).map(Aside::Hold);
        hold.or_else(|| self.quiet(letter).map(Aside::Quiet))
    }

    fn quiet(&self, letter: &Letter) -> Option<Quiet> {
        let hours = self.stream(letter).ok()?.quiet.as_ref()?;
        let (zone, now) = (letter.to.time_zone.as_deref(), self.world.clock().now());
        hours.keeps(zone, letter.valid_until, now)
    }

    /// The hold that keeps a letter off this way.
    pub(super) fn hold_on_way(
        &self,
        leased: &LeasedLetter,
        site: &str,
        provider: Provider,
    ) -> Option<Aside> {
        let letter = leased.letter.as_ref().ok()?;
        self.holds.on_way(letter, site, provider).map(Aside::Hold)
    }

    /// Whether this letter may still be handed over.
    pub(super) fn standing(&self, leased: &LeasedLetter, letter: &Letter) -> Standing {
        let mark = || W::Store::mark(&letter.to.mailbox.address);
        let now = self.world.clock().now();
        self.ledger.standing(leased, mark, now)
    }

    /// The last look before the final dot: whether the claim is still ours by both clocks, and whether whoever comes after
    /// us will know that the letter may have left.
    pub(super) fn may_leave(&self, leased: &LeasedLetter) -> bool {
        let now = self.world.clock().now();
        if !self.ledger.let_go(leased, now) {
            return false;
        }
        let noted = self.world.journal().dotted(claim(leased));
        noted
            .inspect_err(|trouble| {
                error!(letter.id = %leased.id(), error = ?trouble, "A letter stays here, because its final dot cannot be noted");
            })
            .is_ok()
    }

    /// Notes what came of a talk, for whoever has to settle it if we cannot.
    pub(super) fn note(
        &self,
        leased: &LeasedLetter,
        evidence: &Evidence,
        attempt: Option<&AttemptRecord>,
    ) {
        let word = Word {
            claim: claim(leased),
            at: self.world.clock().now(),
            evidence: evidence.clone(),
            attempt: attempt.cloned(),
        };
        // The verdict goes on to the store all the same; only our death before that would leave the letter in doubt.
        if let Err(trouble) = self.world.journal().heard(&word) {
            error!(letter.id = %leased.id(), error = ?trouble, "An outcome could not be noted");
        }
    }

    /// Gives claims back to the store untouched; see `returns`.
    pub(super) fn give_back(&self, letters: &[LeasedLetter]) {
        if !letters.is_empty() {
            self.ledger.hand_back(letters);
        }
    }
}

fn claim(leased: &LeasedLetter) -> Claim {
    Claim {
        lease: leased.lease,
        shard: leased.shard(),
        id: leased.id(),
        attempts: leased.attempts,
    }
}

/// Why this letter must not be handed over, if it must not.
pub(super) fn turn_away(leased: &LeasedLetter, now: Timestamp) -> Option<Evidence> {
    let letter = match &leased.letter {
        Ok(letter) => letter,
        Err(broken) => return Some(Evidence::Unsendable(broken.fault.clone())),
    };
    let (suppressed, valid_until) = (leased.suppressed, letter.valid_until);
    let handoff = HandOff {
        suppressed,
        cancelled: false,
        valid_until,
    };
    handoff.objection(now)
}
