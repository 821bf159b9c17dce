//! Speaks for those who died: processes of this machine by their journals, others by their expired leases.
//!
//! Owns the taking over. Promises: what a dead process knew is settled through the same judge and settler as everything
//! else, and only then its journal goes; letters that it surely had not sent are free at once; letters of which nobody
//! can tell come before the judge as [`Unheard`], and no sooner than one whole lease after their claim has ended and one
//! whole lease after the store was away or we were frozen: a journal, a late answer, a node that could not renew has had
//! its time. Decides nothing: the stream's `in_doubt` policy does.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{court::Court, runner::lease_id, settler::settle_surely};
use crate::{
    mail::{Evidence, LetterId, Unheard},
    port::{
        AdoptAsk, Claim, Clock, Journal, LeaseId, LeasedLetter, Legacy, Settlement, Store,
        StoreError, Word, World,
    },
};

/// How often it looks for expired leases.
const ROUND: Duration = Duration::from_millis(500);

/// Journals are looked for every so many rounds, the first time at once.
const JOURNAL_ROUNDS: u32 = 6;

/// A round that comes so late finds a world that may have been away with it.
const STALL: Duration = Duration::from_secs(2);

/// Letters taken over by one statement.
const BATCH: u32 = 500;

/// Settles what others cannot settle any more.
pub(super) struct Heir<W: World> {
    court: Court<W>,
    legacies: Vec<Legacy>,
    /// Since when rounds have come in time and the store has answered each.
    calm_since: Instant,
    last_round: Instant,
}

impl<W: World> Heir<W> {
    pub(super) fn new(court: Court<W>) -> Self {
        let now = Instant::now();
        Self {
            court,
            legacies: Vec::new(),
            calm_since: now,
            last_round: now,
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

    /// Asks also while nothing may be taken over yet: the answer tells that the store is there.
    async fn adopt(&mut self) {
        let instant = Instant::now();
        if instant - self.last_round > STALL {
            self.calm_since = instant;
        }
        self.last_round = instant;
        let (world, lease) = (&self.court.world, self.court.desk.limits.lease);
        let is_calm = instant - self.calm_since >= lease;
        let now = world.clock().now();
        let ask = AdoptAsk {
            lease: lease_id(world.as_ref()),
            now,
            ended_before: now.minus(lease),
            until: now.plus(lease),
            max: if is_calm { BATCH } else { 0 },
        };
        match world.store().adopt(ask).await {
            Ok(letters) if letters.is_empty() => {}
            Ok(letters) => {
                warn!(
                    count = letters.len(),
                    "Nobody came back for the letters of expired leases"
                );
                self.doubt(&letters, Unheard::NodeSilent).await;
            }
            Err(trouble) => {
                error!(error = ?trouble, "Could not look for expired leases");
                self.calm_since = Instant::now();
            }
        }
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
