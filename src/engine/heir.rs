//! Speaks for those who died: processes of this machine by their journals, others by their expired leases.
//!
//! Owns the taking over. Promises: what a dead process knew is settled through the same judge and settler as everything
//! else, and only then its journal goes; letters that it surely had not sent are free at once; letters of which nobody
//! can tell come before the judge as [`Unheard`], and only when their claim stood unrenewed under our eyes for two whole
//! leases of our own monotonic time, in which the store answered and we were not frozen: one in which its holder may use
//! it, and one more for a journal, a late answer, a node that could not renew. Decides nothing: the stream's `in_doubt`
//! policy does.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{court::Court, runner::lease_id, settler::settle_surely, tenures::Tenures};
use crate::{
    mail::{Evidence, LetterId, Unheard},
    port::{
        AdoptAsk, Claim, Clock, Journal, LeaseId, LeasedLetter, Legacy, Settlement, Store,
        StoreError, Tenure, Word, World,
    },
};

/// Its beat: how often it looks for journals is counted in it.
const ROUND: Duration = Duration::from_millis(500);

/// Journals are looked for every so many rounds, the first time at once.
const JOURNAL_ROUNDS: u32 = 6;

/// Looks at what stands unrenewed, in the time of one lease.
const LOOKS: u32 = 16;

/// Leases that a claim stands unrenewed before it is taken over.
const PATIENCE: u32 = 2;

/// A look that comes so late finds a world that may have been away with it.
const STALL: Duration = Duration::from_secs(2);

/// Claims looked at, far more than all nodes hold: a lease brings hundreds of letters, and they are renewed together.
const TENURES_MAX: u32 = 20_000;

/// Letters taken over by one statement.
const BATCH: u32 = 500;

/// Settles what others cannot settle any more.
pub(super) struct Heir<W: World> {
    court: Court<W>,
    legacies: Vec<Legacy>,
    tenures: Tenures,
    last_look: Instant,
}

impl<W: World> Heir<W> {
    pub(super) fn new(court: Court<W>) -> Self {
        Self {
            court,
            legacies: Vec::new(),
            tenures: Tenures::default(),
            last_look: Instant::now(),
        }
    }

    /// Looks until told to stop. What is broken off is found again by whoever looks next.
    pub(super) async fn serve(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            for round in 0_u32.. {
                if round % JOURNAL_ROUNDS == 0 || !self.legacies.is_empty() {
                    self.inherit().await;
                }
                self.adopt().await;
                tokio::time::sleep(ROUND).await;
            }
        })
        .await;
    }

    async fn inherit(&mut self) {
        match self.court.world.journal().inherit() {
            Ok(found) => self.legacies.extend(found),
            Err(trouble) => error!(error = ?trouble, "Could not look for journals left behind"),
        }
        while let Some(legacy) = self.legacies.pop() {
            if let Err(trouble) = self.settle(&legacy).await {
                error!(error = ?trouble, journal = legacy.name, "A journal waits for the store");
                self.legacies.push(legacy);
                return;
            }
            if let Err(trouble) = self.court.world.journal().bury(&legacy.name) {
                error!(error = ?trouble, journal = legacy.name, "A settled journal could not be removed");
            }
        }
    }

    /// First what is known, then what is in doubt, and only then what surely stayed here is given back.
    async fn settle(&self, legacy: &Legacy) -> Result<(), StoreError> {
        let store = self.court.world.store();
        for words in legacy.words.chunks(BATCH as usize) {
            let claims: Vec<Claim> = words.iter().map(|word| word.claim).collect();
            let letters = store.recall(&claims).await?;
            let mut words: HashMap<(LeaseId, LetterId), &Word> = words
                .iter()
                .map(|word| ((word.claim.lease, word.claim.id), word))
                .collect();
            let settlements = letters.iter().filter_map(|letter| {
                let word = words.remove(&(letter.lease, letter.id()))?;
                let (evidence, attempt) = (&word.evidence, word.attempt.clone());
                Some(self.court.settlement(letter, evidence, attempt, word.at))
            });
            self.write(settlements.collect()).await;
        }
        for claims in legacy.dotted.chunks(BATCH as usize) {
            let letters = store.recall(claims).await?;
            self.doubt(&letters, Unheard::ProcessDied).await;
        }
        let free = if legacy.is_whole {
            let now = self.court.world.clock().now();
            store.release_leases(&legacy.leases, now).await?
        } else {
            warn!(
                journal = legacy.name,
                "A journal from before the machine stopped: what it does not tell is in doubt"
            );
            0
        };
        info!(
            journal = legacy.name,
            known = legacy.words.len(),
            in_doubt = legacy.dotted.len(),
            free,
            "Settled what a dead process left behind"
        );
        Ok(())
    }

    /// Looks when it is time, and takes over what nobody has renewed.
    async fn adopt(&mut self) {
        let (lease, asked) = (self.court.desk.limits.lease, Instant::now());
        let late = asked - self.last_look;
        if late < lease / LOOKS {
            return;
        }
        if late > lease / LOOKS + STALL {
            self.tenures.forget();
        }
        self.last_look = asked;
        let taken = match self.court.world.store().tenures(TENURES_MAX).await {
            Ok(standing) => {
                let moments = (asked, Instant::now());
                let forsaken = self.tenures.look(&standing, moments, lease * PATIENCE);
                self.take_over(forsaken).await
            }
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = taken {
            error!(error = ?trouble, "Could not look for forsaken leases");
            self.tenures.forget();
        }
    }

    async fn take_over(&self, forsaken: Vec<Tenure>) -> Result<(), StoreError> {
        let world = &self.court.world;
        let mut is_more = !forsaken.is_empty();
        while is_more {
            let now = world.clock().now();
            let ask = AdoptAsk {
                lease: lease_id(world.as_ref()),
                now,
                forsaken: forsaken.clone(),
                until: now.plus(self.court.desk.limits.lease),
                max: BATCH,
            };
            let letters = world.store().adopt(ask).await?;
            is_more = letters.len() >= BATCH as usize;
            if !letters.is_empty() {
                warn!(
                    count = letters.len(),
                    "Nobody came back for the letters of forsaken leases"
                );
                self.doubt(&letters, Unheard::NodeSilent).await;
            }
        }
        Ok(())
    }

    async fn doubt(&self, letters: &[LeasedLetter], why: Unheard) {
        let now = self.court.world.clock().now();
        let evidence = Evidence::Unheard(why);
        let settlements = letters
            .iter()
            .map(|letter| self.court.settlement(letter, &evidence, None, now));
        self.write(settlements.collect()).await;
    }

    /// Whoever has settled one of these meanwhile knew more: then ours is history.
    async fn write(&self, settlements: Vec<Settlement>) {
        if !settlements.is_empty() {
            let world = &self.court.world;
            settle_surely(world.store(), world.watch(), &settlements).await;
        }
    }
}
