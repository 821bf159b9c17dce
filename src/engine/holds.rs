//! Letters that are put aside: a person holds them back, or their readers are left alone now.
//!
//! Owns what is known of holds, and the letters on their way aside. Promises: no letter is handed to a receiver
//! before holds were read once, nor later than [`ROUND`] after a hold commits, as long as the store answers; a held letter
//! stays ours until the store has it; letters of lifted holds go again within [`ROUND`], whoever lifted them and died.
//! Leaves to `policy::hold` and `policy::quiet` which letters are meant.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::ledger::Ledger;
use crate::{
    mail::{Aside, HoldId, Letter, Provider},
    policy,
    port::{Clock, LeasedLetter, Parked, Store},
};

/// How often holds are read.
const ROUND: Duration = Duration::from_millis(500);

/// Those held within this time go together.
const SLICE: Duration = Duration::from_millis(5);

/// Letters of lifted holds moved by one statement.
const BATCH: u32 = 2_000;

/// What is held, and the letters on their way there.
#[derive(Debug, Default)]
pub(super) struct Holds {
    known: RwLock<Option<Arc<policy::Holds>>>,
    parking: Mutex<Vec<Parked>>,
    parked: Notify,
}

impl Holds {
    /// Whether holds were read at all.
    pub(super) fn are_known(&self) -> bool {
        self.now().is_some()
    }

    /// The hold on a letter, whatever its way.
    pub(super) fn on_letter(&self, letter: &Letter) -> Option<HoldId> {
        self.now()?.on_letter(letter).map(|hold| hold.id)
    }

    /// The hold on a way for this letter.
    pub(super) fn on_way(&self, letter: &Letter, site: &str, provider: Provider) -> Option<HoldId> {
        let holds = self.now()?;
        holds.on_way(letter, site, provider).map(|hold| hold.id)
    }

    /// The hold on a source.
    pub(super) fn on_source(&self, source: &str) -> Option<HoldId> {
        self.now()?.on_source(source).map(|hold| hold.id)
    }

    /// Puts a letter aside; its place in the ledger is kept until the store has it.
    pub(super) fn park(&self, letter: &LeasedLetter, aside: Aside) {
        self.parking().push(Parked {
            lease: letter.lease,
            shard: letter.shard(),
            id: letter.id(),
            aside,
        });
        self.parked.notify_one();
    }

    fn now(&self) -> Option<Arc<policy::Holds>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn parking(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read<S: Store>(&self, store: &S) {
        match store.holds().await {
            Ok(holds) => {
                let known = Some(Arc::new(policy::Holds::new(holds)));
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(trouble) => error!(error = ?trouble, "Could not read which letters are held"),
        }
    }

    /// Brings the letters on their way into the store; what it does not take is brought again.
    async fn bring<S: Store, C: Clock>(&self, store: &S, clock: &C, ledger: &Ledger) {
        let letters = self.parking().clone();
        if letters.is_empty() {
            return;
        }
        match store.park(&letters, clock.now()).await {
            Ok(()) => {
                self.parking().drain(..letters.len());
                ledger.leave(letters.iter().map(|letter| (letter.lease, letter.id)));
            }
            Err(trouble) => {
                error!(error = ?trouble, count = letters.len(), "Could not put letters aside; trying again");
            }
        }
    }
}

/// Keeps holds known and brings letters under them, until told to stop.
pub(super) async fn keep<S: Store, C: Clock>(
    store: &S,
    clock: &C,
    holds: &Holds,
    ledger: &Ledger,
    stop: CancellationToken,
) {
    let mut due = Instant::now();
    loop {
        let called = timeout_at(due, holds.parked.notified());
        match stop.run_until_cancelled(called).await {
            Some(Ok(())) => sleep(SLICE).await,
            Some(Err(_)) => {}
            None => break,
        }
        holds.bring(store, clock, ledger).await;
        if Instant::now() >= due {
            holds.read(store).await;
            release(store, clock).await;
            due = Instant::now() + ROUND;
        }
    }
    // What is left now stays in the journal, and whoever comes next gives it back.
    holds.bring(store, clock, ledger).await;
}

/// Lets letters of lifted holds go, as many as there are.
async fn release<S: Store, C: Clock>(store: &S, clock: &C) {
    loop {
        match store.let_go(clock.now(), BATCH).await {
            Ok(moved) if moved >= u64::from(BATCH) => {}
            Ok(_) => return,
            Err(trouble) => {
                error!(error = ?trouble, "Could not let held letters go");
                return;
            }
        }
    }
}
