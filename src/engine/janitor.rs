//! Brings letters whose time has come into the ready part of the queue.
//!
//! Owns the promotion of retries, scheduled letters and letters of expired leases. Promises: none of them waits
//! longer than [`ROUND`] after it is due, however many nodes run. Retention of old rows is the store's own janitor.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::port::{Clock, Store};

/// How often it looks: the precision of retries and of `send_at`.
const ROUND: Duration = Duration::from_millis(250);

/// Letters moved by one statement, so that no look holds row locks for long.
const BATCH: u32 = 2_000;

/// Promotes until told to stop.
pub(super) async fn promote_due<S: Store, C: Clock>(store: &S, clock: &C, stop: CancellationToken) {
    let mut pause = Duration::ZERO;
    while stop
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        pause = match store.promote(clock.now(), BATCH).await {
            // A full batch means that more is waiting.
            Ok(moved) if moved >= u64::from(BATCH) => Duration::ZERO,
            Ok(_) => ROUND,
            Err(trouble) => {
                error!(error = ?trouble, "Could not move due letters");
                ROUND * 4
            }
        };
    }
}
