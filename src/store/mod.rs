//! PostgreSQL: the only place that speaks SQL.
//!
//! Owns every statement, one per function, checked at compile time; `now` is always an argument. Promises: a letter whose
//! enqueue committed is in exactly one state and gets exactly one terminal event, and a claim that was lost writes over
//! nothing. Leaves decisions to `policy` and running to `engine`. Read [`lease`] and [`settle`] next; the tables are in
//! `migrations/0001_tables.sql`.

mod brakes;
pub mod changes;
mod claims;
mod columns;
mod draft;
pub mod enqueue;
pub mod events;
pub mod holds;
pub mod inbound;
pub mod keys;
mod late;
pub mod lease;
pub mod letters;
pub mod operator;
mod pace;
pub mod partitions;
mod ports;
pub mod promote;
mod quiet;
mod recall;
pub mod registry;
pub mod report;
pub mod routes;
mod row;
pub mod settle;
pub mod statistics;
pub mod suppressions;
pub mod sweep;
pub mod tls;
pub mod top;
pub mod waiting;
pub mod wake;
mod warmup;

use std::{sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use tokio::sync::broadcast;

use crate::{
    mail::{Address, Hold, LetterId, Shard, Timestamp},
    port::{
        AddressMark, AdoptAsk, Beat, Claim, Heard, LeaseAsk, LeaseId, Leased, LeasedLetter, NodeId,
        Parked, Settlement, Store, StoreError, SuppressionNews, Tenure,
    },
};

pub use brakes::{BrakeChange, BrakeView};
pub use changes::{ChangeFilter, CheckChange};
pub use draft::draft;
pub use enqueue::Answer;
pub use events::{Cursor, FeedEvent, HistoryLine};
pub use holds::{HoldView, Laid};
pub use inbound::{InboundFilter, InboundView};
pub use keys::ApiKey;
pub use letters::{Cancel, LaneStatus, LetterFilter, LetterView, QueueStatus};
pub use operator::Migration;
pub use registry::{Registry, Stream};
pub use report::Tally;
pub use routes::{ChangeView, DayView, NodeView, RouteView};
pub use statistics::StatisticsSum;
pub use suppressions::SuppressionFilter;
pub use sweep::{Page, Which};
pub use top::{Mark, Outcome};
pub use waiting::{Waiting, Waits};

/// The hot statements are written for index scans and nested loops. A cached plan made while a table was small would scan
/// it whole when it is large, and planning the lease costs more than running it: so those plans are ruled out.
pub const HOT_SETTINGS: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// Longer than any healthy checkpoint; a database that is away longer is trouble to report, not to wait out.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// No statement of the engine takes so long on a server that is there: whoever does not answer by then is gone without a
/// word, as a server behind a broken line is, and the connection is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The store on PostgreSQL. Cheap to clone: clones share the connections.
#[derive(Clone, Debug)]
pub struct PgStore {
    /// Queue statements, with plans held fixed.
    hot: PgPool,
    /// Everything that people read, with plans free.
    calm: PgPool,
    wake: Arc<wake::Wake>,
}

impl PgStore {
    /// Connects with at most `connections` for the queue and a few more for readers and the listener.
    pub async fn connect(options: PgConnectOptions, connections: u32) -> Result<Self, StoreError> {
        let options = options.application_name("postrider");
        let calm = pool(options.clone(), 4).await?;
        let hot = pool(options.options(HOT_SETTINGS), connections).await?;
        let wake = Arc::new(wake::Wake::listen(calm.clone()).await?);
        Ok(Self { hot, calm, wake })
    }

    /// Brings the schema up to date. Nodes that start together take turns under an advisory lock.
    pub async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
        let pool = pool(options.clone(), 1).await?;
        let mut migrator = sqlx::migrate!("./migrations");
        // The schema may stand in the marketplace's own database, which may keep migrations under the usual name.
        migrator.dangerous_set_table_name("postrider.migration");
        migrator.create_schema("postrider");
        migrator
            .run(&pool)
            .await
            .map_err(|error| trouble("migrating the schema")(error.into()))
    }

    /// Closes every connection, waiting for statements under way.
    pub async fn close(&self) {
        self.wake.stop();
        self.hot.close().await;
        self.calm.close().await;
    }

    /// Whether the database answers: `/readyz` asks.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("select 1 as one")
            .fetch_one(&self.calm)
            .await
            .map(|_| ())
            .map_err(trouble("asking the database whether it is there"))
    }
}

async fn pool(options: PgConnectOptions, connections: u32) -> Result<PgPool, StoreError> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(trouble("connecting to PostgreSQL"))
}

/// The answer, or why there is none in time.
async fn answer<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| Err(trouble("waiting for PostgreSQL")(sqlx::Error::PoolTimedOut));
    tokio::time::timeout(ANSWER_TIMEOUT, work)
        .await
        .unwrap_or_else(late)
}

/// Says what was being done when the database failed.
fn trouble(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> StoreError {
    |source| StoreError {
        doing: doing.into(),
        source: Box::new(source),
    }
}

impl Store for PgStore {
    async fn lease(&self, ask: LeaseAsk) -> Result<Leased, StoreError> {
        answer(lease::lease(&self.hot, ask)).await
    }

    async fn renew(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        until: Timestamp,
    ) -> Result<Vec<LetterId>, StoreError> {
        answer(claims::renew(&self.hot, &held, until)).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<LetterId>, StoreError> {
        answer(settle::settle(&self.hot, settlements)).await
    }

    async fn release(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        answer(claims::release(&self.hot, &held, now)).await
    }

    async fn release_leases(&self, leases: &[LeaseId], now: Timestamp) -> Result<u64, StoreError> {
        claims::release_leases(&self.calm, leases, now).await
    }

    async fn promote(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        answer(promote::promote(&self.hot, now, max)).await
    }

    async fn tenures(&self, max: u32) -> Result<Vec<Tenure>, StoreError> {
        answer(promote::tenures(&self.hot, max)).await
    }

    async fn adopt(&self, ask: AdoptAsk) -> Result<Vec<LeasedLetter>, StoreError> {
        let claims = answer(promote::adopt(&self.hot, ask)).await?;
        answer(recall::recall(&self.calm, &claims)).await
    }

    async fn recall(&self, claims: &[Claim]) -> Result<Vec<LeasedLetter>, StoreError> {
        answer(recall::recall(&self.calm, claims)).await
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        answer(holds::in_force(&self.calm)).await
    }

    async fn park(&self, letters: &[Parked], now: Timestamp) -> Result<(), StoreError> {
        answer(holds::park(&self.hot, letters, now)).await?;
        answer(quiet::postpone(&self.hot, letters, now)).await
    }

    async fn let_go(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        answer(holds::let_go(&self.hot, now, max)).await
    }

    fn mark(address: &Address) -> AddressMark {
        wake::mark(&address.key())
    }

    fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews> {
        self.wake.suppression_news()
    }

    async fn beat(&self, beat: Beat) -> Result<Heard, StoreError> {
        answer(pace::beat(&self.calm, &beat)).await
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        answer(pace::leave(&self.calm, node)).await
    }

    async fn wait_for_work(&self, patience: Duration) {
        wake::wait_for_work(&self.hot, patience).await;
    }
}
