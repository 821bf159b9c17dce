//! Hearing from the database: letters were enqueued, an address was suppressed.
//!
//! Owns the listening connection and its task. Promises: a word that came between two waits is not lost; after a lost
//! connection everybody wakes once, because something may have been missed. What is heard is only a hint: the queue is
//! the truth, so patience always ends.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::{Notify, broadcast},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::trouble;
use crate::port::{AddressMark, StoreError, SuppressionNews};

const QUEUE: &str = "postrider_queue";
const SUPPRESSED: &str = "postrider_suppressed";

/// A listener slower than this many suppressions sees a gap, and then checks everything it holds.
const SUPPRESSIONS_KEPT: usize = 4096;

/// Between two tries to reach a database that is away.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// The twin of what the trigger `tell_suppressed` computes.
pub(super) fn mark(address_key: &str) -> AddressMark {
    let hash = digest(&SHA256, address_key.as_bytes());
    AddressMark(HEXLOWER.encode(&hash.as_ref()[..8]))
}

#[derive(Debug)]
pub(super) struct Wake {
    ears: std::sync::Arc<Ears>,
    stop: CancellationToken,
    /// Aborts the task when the store goes.
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Ears {
    work: Notify,
    suppressed: broadcast::Sender<SuppressionNews>,
}

impl Ears {
    /// Nobody listening is no fault: the next lease flags the letter.
    fn tell(&self, news: SuppressionNews) {
        let _ = self.suppressed.send(news);
    }
}

impl Wake {
    pub(super) async fn listen(pool: PgPool) -> Result<Self, StoreError> {
        let listener = connect(&pool)
            .await
            .map_err(trouble("listening to the database"))?;
        let ears = std::sync::Arc::new(Ears {
            work: Notify::new(),
            suppressed: broadcast::channel(SUPPRESSIONS_KEPT).0,
        });
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let (heard, stopped) = (ears.clone(), stop.clone());
        task.spawn(async move {
            stopped
                .run_until_cancelled(keep_listening(pool, listener, &heard))
                .await;
        });
        Ok(Self {
            ears,
            stop,
            _task: task,
        })
    }

    pub(super) async fn wait_for_work(&self, patience: Duration) {
        // Running out of patience is as good as being called: the caller looks into the queue in both cases.
        let _ = tokio::time::timeout(patience, self.ears.work.notified()).await;
    }

    pub(super) fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews> {
        self.ears.suppressed.subscribe()
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([QUEUE, SUPPRESSED]).await?;
    Ok(listener)
}

async fn keep_listening(pool: PgPool, mut listener: PgListener, ears: &Ears) {
    loop {
        // Ends only with the connection.
        let _ = hear(&mut listener, ears).await;
        listener = reconnect(&pool).await;
        // Said after the new connection listens, so that nothing falls between the two.
        ears.tell(SuppressionNews::Missed);
        ears.work.notify_one();
    }
}

async fn reconnect(pool: &PgPool) -> PgListener {
    loop {
        match connect(pool).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(RECONNECT_AFTER).await,
        }
    }
}

async fn hear(listener: &mut PgListener, ears: &Ears) -> Result<(), sqlx::Error> {
    while let Some(word) = listener.try_recv().await? {
        match word.channel() {
            SUPPRESSED => ears.tell(SuppressionNews::Suppressed(AddressMark(
                word.payload().to_owned(),
            ))),
            _ => ears.work.notify_one(),
        }
    }
    Ok(())
}
