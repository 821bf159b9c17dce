//! Keeps claims alive while their letters are on the way.
//!
//! Owns renewal. Promises: a claim is renewed while at least half of it is left, so a slow receiver costs nobody a
//! lease; a claim that another node has taken leaves the ledger, and its letter is not handed to a receiver any more; a
//! lease whose answer was lost is given back again and again, once at least after its end, because it may come into being
//! late.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::ledger::{End, Ledger};
use crate::port::{Clock, Store};

/// Renews until told to stop.
pub(super) async fn keep_alive<S: Store, C: Clock>(
    store: &S,
    clock: &C,
    ledger: &Arc<Ledger>,
    lease: Duration,
    stop: CancellationToken,
) {
    while stop
        .run_until_cancelled(tokio::time::sleep(lease / 4))
        .await
        .is_some()
    {
        renew(store, clock, ledger, lease).await;
        give_back_lost(store, clock, ledger).await;
    }
}

async fn renew<S: Store, C: Clock>(store: &S, clock: &C, ledger: &Arc<Ledger>, lease: Duration) {
    let (now, instant) = (clock.now(), Instant::now());
    let ending = ledger.ending_before(End {
        at: now.plus(lease / 2),
        deadline: instant + lease / 2,
    });
    if ending.is_empty() {
        return;
    }
    let claims: Vec<_> = ending.iter().map(|(lease, _, id)| (*lease, *id)).collect();
    let until = now.plus(lease);
    match store.renew(ending, until).await {
        Ok(lost) => {
            if !lost.is_empty() {
                warn!(
                    count = lost.len(),
                    "Lost the claim on {} letters",
                    lost.len()
                );
            }
            let lost: HashSet<_> = lost.into_iter().collect();
            let (lost, kept): (Vec<_>, Vec<_>) =
                claims.into_iter().partition(|(_, id)| lost.contains(id));
            let deadline = instant + lease;
            ledger.renewed(
                kept,
                End {
                    at: until,
                    deadline,
                },
            );
            ledger.leave(lost);
        }
        // Nothing is lost yet: half of the lease is left, and the next round asks again.
        Err(trouble) => error!(error = ?trouble, count = claims.len(), "Could not renew leases"),
    }
}

/// A lease without an answer may come into being late, so it is given back until the store did so after its end: a store
/// that was away longer than a lease would otherwise leave letters that nobody holds.
pub(super) async fn give_back_lost<S: Store, C: Clock>(
    store: &S,
    clock: &C,
    ledger: &Ledger,
) -> bool {
    let (now, asked) = (clock.now(), Instant::now());
    let lost = ledger.lost();
    if lost.is_empty() {
        return true;
    }
    match store.release_leases(&lost, now).await {
        Ok(count) => {
            if count > 0 {
                warn!(count, "Gave back letters of leases whose answer was lost");
            }
            ledger.gave_back(asked);
            true
        }
        Err(trouble) => {
            error!(error = ?trouble, "Could not give back leases whose answer was lost");
            false
        }
    }
}
