//! Verdicts on their way into the store, many in one transaction.
//!
//! Owns the batch between the judge and the store. Promises: a verdict handed in is written or its process is dead;
//! a store in trouble is asked again until it answers; order per letter is kept. The batch closes by time or size,
//! so a quiet engine settles at once and a busy one pays one commit for hundreds of letters.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tracing::{error, info, warn};

use super::ledger::Ledger;
use crate::port::{Journal, Settlement, Store, Watch};

/// A batch closes after this time, which nobody notices ...
const SLICE: Duration = Duration::from_millis(20);

/// ... or after so many slices, when the first has brought more than [`FEW`]: a row of a small write costs PostgreSQL more.
const SLICES_BUSY: u32 = 5;
const FEW: usize = 8;

/// A batch closes at this size: beyond it PostgreSQL gains nothing more per row.
const BATCH: usize = 1_000;

/// The first wait after a failed settle; doubles up to the last.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// Settles until every sender is gone and the last verdict is written.
pub(super) async fn settle_all<S: Store, M: Watch, J: Journal>(
    store: &S,
    watch: &M,
    journal: &J,
    ledger: &Arc<Ledger>,
    mut verdicts: mpsc::Receiver<Settlement>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while collect(&mut verdicts, &mut batch).await {
        let lost = settle_surely(store, watch, &batch).await;
        if lost > 0 {
            watch.lost(lost);
            warn!(
                count = lost,
                "Another node had taken {lost} letters before their verdict came"
            );
        }
        let claims = batch.drain(..).map(|verdict| (verdict.lease, verdict.id));
        let claims: Vec<_> = claims.collect();
        journal.settled(&claims);
        ledger.leave(claims);
        if journal.is_long()
            && let Err(trouble) = journal.shorten(&ledger.leases())
        {
            error!(error = ?trouble, "The journal stays long");
        }
    }
}

/// Fills a batch; `false` when nothing more will come.
async fn collect(verdicts: &mut mpsc::Receiver<Settlement>, batch: &mut Vec<Settlement>) -> bool {
    if verdicts.recv_many(batch, BATCH).await == 0 {
        return false;
    }
    let begun = Instant::now();
    fill(verdicts, batch, begun + SLICE).await;
    if batch.len() > FEW {
        fill(verdicts, batch, begun + SLICE * SLICES_BUSY).await;
    }
    true
}

/// Adds verdicts until then, as long as there is room and somebody to send them.
async fn fill(
    verdicts: &mut mpsc::Receiver<Settlement>,
    batch: &mut Vec<Settlement>,
    until: Instant,
) {
    while batch.len() < BATCH {
        let more = verdicts.recv_many(batch, BATCH - batch.len());
        if !matches!(tokio::time::timeout_at(until, more).await, Ok(count) if count > 0) {
            break;
        }
    }
}

/// Writes a batch, however long the store needs; returns how many claims were lost.
pub(super) async fn settle_surely<S: Store, M: Watch>(
    store: &S,
    watch: &M,
    batch: &[Settlement],
) -> usize {
    let mut wait = RETRY_FIRST;
    let mut failures = 0_u32;
    loop {
        let begun = Instant::now();
        match store.settle(batch).await {
            Ok(lost) => {
                watch.settled(batch, begun.elapsed());
                if failures > 0 {
                    info!(count = batch.len(), failures, "The store settles again");
                }
                return lost.len();
            }
            Err(trouble) => {
                failures += 1;
                watch.store_failed();
                error!(error = ?trouble, count = batch.len(), "The store did not settle; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_LAST);
            }
        }
    }
}
