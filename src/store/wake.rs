//! Hearing from the database that an address was suppressed, and looking whether letters are ready.
//!
//! Owns the listening connection and its task, and the look at the queue. Promises: after a lost connection everybody is
//! told that something may have been missed. Enqueueing notifies nobody: PostgreSQL lets transactions that notify commit
//! only one after another, and the marketplace's own transactions would wait in that line (`docs/performance.md`).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::broadcast, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::trouble;
use crate::port::{AddressMark, StoreError, SuppressionNews};

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

/// Between two looks at the queue while there is nothing to do: a letter's wait is shorter than anybody notices, and a
/// look costs less than a tenth of a millisecond.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until letters are ready, or until patience ends. The first look comes after a pause, because ready letters may
/// be there that nobody may send now.
pub(super) async fn wait_for_work(pool: &PgPool, patience: Duration) {
    let looks = async {
        loop {
            tokio::time::sleep(LOOK).await;
            // A database in trouble is met by the next lease, which says so.
            if has_work(pool).await.unwrap_or(true) {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(patience, looks).await;
}

/// The first entry of the index `queue_ready`.
async fn has_work(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists(select from postrider.queue where ready) as "has_work!""#)
        .fetch_one(pool)
        .await
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

    pub(super) fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews> {
        self.ears.suppressed.subscribe()
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(SUPPRESSED).await?;
    Ok(listener)
}

async fn keep_listening(pool: PgPool, mut listener: PgListener, ears: &Ears) {
    loop {
        // Ends only with the connection.
        let _ = hear(&mut listener, ears).await;
        listener = reconnect(&pool).await;
        // Said after the new connection listens, so that nothing falls between the two.
        ears.tell(SuppressionNews::Missed);
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
        let mark = AddressMark(word.payload().to_owned());
        ears.tell(SuppressionNews::Suppressed(mark));
    }
    Ok(())
}
