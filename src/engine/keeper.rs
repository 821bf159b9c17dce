//! Keeps claims alive while their letters are on the way.
//!
//! Owns renewal. Promises: a claim is renewed while at least half of it is left, so a slow receiver costs nobody a
//! lease; a claim that another node has taken leaves the ledger, and its letter is not handed to a receiver any more.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::ledger::Ledger;
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
    }
}

async fn renew<S: Store, C: Clock>(store: &S, clock: &C, ledger: &Arc<Ledger>, lease: Duration) {
    let now = clock.now();
    let ending = ledger.ending_before(now.plus(lease / 2));
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
            ledger.renewed(kept, until);
            ledger.leave(lost);
        }
        // Nothing is lost yet: half of the lease is left, and the next round asks again.
        Err(trouble) => error!(error = ?trouble, count = claims.len(), "Could not renew leases"),
    }
}
