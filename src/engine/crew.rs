//! What every worker of one engine shares, and the one door to the judge.
//!
//! Owns nothing but references. Promises: a letter judged here is settled exactly once, because its place in the
//! ledger and its place in the settler's queue are the same bound.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    Limits, Live, Trust,
    ledger::{Ledger, Standing},
};
use crate::{
    bounce,
    compose::{Identity, Style, TemplateSet},
    dkim::Keyring,
    mail::{
        Event, EventKind, Evidence, Finding, Letter, Next, Provider, Signal, State, Timestamp,
        Unsendable, Verdict,
    },
    policy::{Case, HandOff, StreamPolicy, judge},
    port::{AttemptRecord, Broken, Clock, Dice, LeasedLetter, Settlement, Store, World},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    smtp::Timeouts,
};

/// What the operator has set; read by every worker, changed by none but for what is [`Live`].
pub struct Desk {
    /// How much at once, how long.
    pub limits: Limits,
    /// Policy and looks of each stream, by name.
    pub streams: HashMap<String, Stream>,
    /// For letters of a stream that is not configured any more.
    pub stray: StreamPolicy,
    /// Our own domains and tokens.
    pub identity: Identity,
    /// The templates.
    pub templates: Live<TemplateSet>,
    /// The signing keys.
    pub keyring: Live<Keyring>,
    /// Where we send from.
    pub sources: Vec<Source>,
    /// Ways that the operator has fixed.
    pub fixed: FixedRoutes,
    /// Which IP versions, in which order.
    pub family: Family,
    /// TLS towards MX hosts.
    pub tls: TlsPolicy,
    /// How certificates are looked at.
    pub trust: Trust,
    /// Patience at each stage of the talk.
    pub timeouts: Timeouts,
}

/// One kind of mail.
pub struct Stream {
    /// When to retry, when to give up.
    pub policy: StreamPolicy,
    /// Which headers it wears.
    pub style: Style,
}

/// Shared by every worker of one engine.
pub(super) struct Crew<W: World> {
    pub(super) world: Arc<W>,
    pub(super) desk: Arc<Desk>,
    pub(super) ledger: Arc<Ledger>,
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
        let settlement = self.settlement(leased, evidence, attempt);
        // The queue has a place for every letter of the ledger, and a letter is judged once: it is never full.
        if let Err(fault) = self.verdicts.try_send(settlement) {
            error!(letter.id = %leased.id(), error = %fault, "A verdict found no place; its lease will end");
            self.ledger.leave([(leased.lease, leased.id())]);
        }
    }

    /// Whether this letter may still be handed over.
    pub(super) fn standing(&self, leased: &LeasedLetter, letter: &Letter) -> Standing {
        let mark = || W::Store::mark(&letter.to.mailbox.address);
        let now = self.world.clock().now();
        self.ledger.standing(leased, mark, now)
    }

    /// Gives claims back to the store untouched: whoever leases these letters next knows more about them.
    pub(super) async fn give_back(&self, letters: &[LeasedLetter]) {
        if letters.is_empty() {
            return;
        }
        let held = letters
            .iter()
            .map(|letter| (letter.lease, letter.shard(), letter.id()));
        let now = self.world.clock().now();
        if let Err(trouble) = self.world.store().release(held.collect(), now).await {
            error!(error = ?trouble, count = letters.len(), "Letters return when their leases end");
        }
        let claims = letters.iter().map(|letter| (letter.lease, letter.id()));
        self.ledger.leave(claims);
    }

    fn settlement(
        &self,
        leased: &LeasedLetter,
        evidence: &Evidence,
        attempt: Option<AttemptRecord>,
    ) -> Settlement {
        let attempts = leased
            .attempts
            .saturating_add(u16::from(is_attempt(evidence)));
        let verdict = match &leased.letter {
            Ok(letter) => self.verdict(letter, attempts, evidence, attempt.as_ref()),
            Err(broken) => unreadable(broken, self.world.clock().now()),
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
        let policy = self
            .stream(letter)
            .map_or(&self.desk.stray, |stream| &stream.policy);
        let (now, dice) = (self.world.clock().now(), self.world.dice().roll());
        judge(&case, evidence, finding.as_ref(), policy, now, dice)
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

/// What `bounce` reads in the evidence; a success and what we decided ourselves have no class.
fn finding(evidence: &Evidence, provider: Provider) -> Option<Finding> {
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
        | Evidence::Unroutable(_) => true,
        Evidence::Unsendable(_)
        | Evidence::Suppressed(_)
        | Evidence::Cancelled
        | Evidence::Stale { .. } => false,
    }
}

/// A row that is no letter has no stream and no recipient that the judge could look at; it can only fail.
fn unreadable(broken: &Broken, now: Timestamp) -> Verdict {
    let text = Some(broken.fault.to_string());
    Verdict {
        next: Next::Finish(State::Failed),
        event: Event {
            text,
            ..Event::bare(now, EventKind::Failed)
        },
        suppress: None,
        signal: Signal::Nothing,
    }
}
