//! Letters on their way back to the store, untouched.
//!
//! Owns giving back. Promises: letters handed back together are given back by one statement, so that hundreds of them
//! after a store's absence do not stand in the way of the renewals; the store is asked again until it took them, because
//! a claim that simply ended would leave its letter in doubt. An engine that stops asks once more; then its journal tells
//! whoever comes next.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::ledger::Ledger;
use crate::port::{Clock, Store};

/// Those handed back within this time go together.
const SLICE: Duration = Duration::from_millis(5);

/// How often the store is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// Gives back what is handed back, until told to stop and everything is given back or was asked for once more.
pub(super) async fn give_back<S: Store, C: Clock>(
    store: &S,
    clock: &C,
    ledger: &Arc<Ledger>,
    stop: CancellationToken,
) {
    while stop
        .run_until_cancelled(ledger.handed_back())
        .await
        .is_some()
    {
        let mut wait = SLICE;
        while stop.run_until_cancelled(sleep(wait)).await.is_some() {
            if release(store, clock, ledger).await {
                break;
            }
            wait = AGAIN;
        }
    }
    release(store, clock, ledger).await;
}

async fn release<S: Store, C: Clock>(store: &S, clock: &C, ledger: &Ledger) -> bool {
    let letters = ledger.returning();
    let count = letters.len();
    if count == 0 {
        return true;
    }
    match store.release(letters, clock.now()).await {
        Ok(()) => ledger.took_back(count),
        Err(trouble) => {
            error!(error = ?trouble, count, "The store did not take letters back; trying again");
            return false;
        }
    }
    true
}
