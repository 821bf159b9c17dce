//! Keeps the database small and the gauges fresh.
//!
//! Owns two slow clocks: retention every hour, a look at the queue every ten seconds. Promises: rows older than the
//! operator's retention go, a bounded number at a time; partitions exist before their day comes. A failure is logged
//! and tried again at the next round.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    config::sections::Retention,
    mail::Timestamp,
    metrics::{Metrics, Place},
    net::SystemClock,
    port::{Clock, StoreError},
    store::PgStore,
};

const RETENTION_ROUND: Duration = Duration::from_hours(1);
const SAMPLE_ROUND: Duration = Duration::from_secs(10);
const DAYS_AHEAD: u16 = 3;
const DAY: Duration = Duration::from_hours(24);

/// Letters purged by one statement.
const PURGE_BATCH: u32 = 5_000;

/// Idempotency keys protect against repeated calls, which come within hours; a month is generous.
const IDEMPOTENCY_AGE: Duration = Duration::from_hours(30 * 24);

/// Applies retention until told to stop.
pub(super) async fn retain(store: PgStore, retention: Retention, stop: CancellationToken) {
    loop {
        if let Err(trouble) = round(&store, &retention, SystemClock.now()).await {
            error!(error = ?trouble, "Retention did not finish; it goes on at the next round");
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(RETENTION_ROUND))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn round(store: &PgStore, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
    store.make_event_days(now, DAYS_AHEAD).await?;
    let history = now.minus(DAY * retention.events_days);
    let dropped = store.drop_event_days(history).await?;
    while store.purge_letters(history, PURGE_BATCH).await? >= u64::from(PURGE_BATCH) {}
    store.purge_idempotency(now.minus(IDEMPOTENCY_AGE)).await?;
    store
        .purge_bodies(now.minus(DAY * retention.bodies_days))
        .await?;
    let inbound = now.minus(DAY * retention.inbound_days);
    while store.purge_inbound(inbound, PURGE_BATCH).await? >= u64::from(PURGE_BATCH) {}
    store.purge_late_words(history).await?;
    store.purge_tls(history).await?;
    store.purge_routes(history).await?;
    store.purge_brakes(history).await?;
    store.purge_warmups(history).await?;
    store.purge_statistics(history).await?;
    store.purge_check_changes(history).await?;
    if dropped > 0 {
        info!(days = dropped, "Dropped history older than {history}");
    }
    Ok(())
}

/// Samples the queue for the gauges until told to stop.
pub(super) async fn sample(store: PgStore, metrics: Arc<Metrics>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(SAMPLE_ROUND))
        .await
        .is_some()
    {
        match store.queue_status(1).await {
            Ok(queue) => {
                for (place, letters) in [
                    (Place::Ready, queue.ready),
                    (Place::Waiting, queue.waiting),
                    (Place::Quiet, queue.quiet),
                    (Place::Held, queue.held),
                    (Place::Leased, queue.leased),
                ] {
                    metrics.queue_sampled(place, u64::try_from(letters).unwrap_or(0));
                }
            }
            Err(trouble) => error!(error = ?trouble, "Could not look at the queue"),
        }
    }
}
