//! Hears of suppressions as they commit.
//!
//! Owns the way from the store's news into the ledger. Promises: nothing heard is dropped; what could not be heard
//! counts as news about everybody. What it means for a letter is said in `marks`.

use std::sync::Arc;

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use crate::port::SuppressionNews;

/// Notes news until told to stop, or until the store is gone.
pub(super) async fn listen(
    mut news: Receiver<SuppressionNews>,
    ledger: &Arc<Ledger>,
    stop: CancellationToken,
) {
    while let Some(heard) = stop.run_until_cancelled(news.recv()).await {
        match heard {
            Ok(SuppressionNews::Suppressed(mark)) => ledger.note(mark),
            Ok(SuppressionNews::Missed) | Err(RecvError::Lagged(_)) => ledger.miss(),
            Err(RecvError::Closed) => return,
        }
    }
}
