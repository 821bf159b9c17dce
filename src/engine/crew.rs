//! What every worker of one engine shares, and the one door to the judge.
//!
//! Owns nothing but references. Promises: a letter judged here is settled exactly once, because its place in the
//! ledger and its place in the settler's queue are the same bound.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Limits, Trust, ledger::Ledger};
use crate::{
    bounce,
    compose::{Identity, StreamStyle, TemplateSet},
    dkim::Keyring,
    mail::{Evidence, Provider, Timestamp, Unsendable},
    policy::{self, Case, StreamPolicy},
    port::{AttemptRecord, Clock, Dice, LeasedLetter, Settlement, World},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    smtp::Timeouts,
};

/// What the operator has set; read by every worker, changed by none.
pub struct Desk {
    /// How much at once, how long.
    pub limits: Limits,
    /// Policy and looks of each stream, by name.
    pub streams: HashMap<String, Stream>,
    /// Our own domains and tokens.
    pub identity: Identity,
    /// The templates.
    pub templates: TemplateSet,
    /// The signing keys.
    pub keyring: Keyring,
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
    pub style: StreamStyle,
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
    /// Why this letter must not be handed over, if it must not.
    pub(super) fn turn_away(&self, leased: &LeasedLetter, now: Timestamp) -> Option<Evidence> {
        match &leased.letter {
            Ok(letter) => policy::handoff(letter, leased.suppressed, now),
            Err(broken) => Some(Evidence::Unsendable(broken.fault.clone())),
        }
    }

    /// The stream of a letter.
    pub(super) fn stream(&self, letter: &Letter) -> Result<&Stream, Unsendable> {
        let unknown = || Unsendable::new("stream", format!("{} is not configured", letter.stream));
        self.desk.streams.get(&letter.stream).ok_or_else(unknown)
    }

    /// Turns evidence into a verdict and hands it to the settler.
    pub(super) fn judge(
        &self,
        leased: &LeasedLetter,
        evidence: Evidence,
        attempt: Option<AttemptRecord>,
    ) {
        let settlement = self.settlement(leased, &evidence, attempt);
        // The queue has a place for every letter of the ledger, and a letter is judged once: it is never full.
        if let Err(fault) = self.verdicts.try_send(settlement) {
            error!(letter.id = %leased.id(), error = %fault, "A verdict found no place; its lease will end");
        }
    }
}
