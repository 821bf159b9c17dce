//! How fast letters are taken, by each door, each answer meaning that its letter survives a power cut.
//!
//! Owns the callers: SQL one by one and in sets, the library's own door, HTTP with a stream of lines. Promises: every
//! letter was accepted, or the bench fails.

use std::{ops::Range, sync::Arc};

use anyhow::Result;
use postrider::{
    http,
    metrics::Metrics,
    net::SystemClock,
    port::Clock,
    store::{Answer, PgStore},
};
use sqlx::PgPool;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    enqueue::{SET, all_accepted, post, set},
    lab::Lab,
    letters::Letters,
    table::Table,
};

/// Letters through each door; one by one is slower and takes fewer.
const MANY: usize = 20_000;
const FEW: usize = 4_000;

/// No letter of the bench comes near this.
const LETTER_OCTETS: u32 = 1 << 20;

/// The name of the door for sets.
pub(crate) const SETS: &str = "enqueue: SQL sets of 500, 4 connections";

/// One round of every door.
pub(crate) async fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let database = lab.database("doors").await?;
    let letters = Arc::new(Letters::new()?);
    let singles = [
        ("enqueue: SQL one by one, 1 connection", FEW, 1),
        ("enqueue: SQL one by one, 16 connections", MANY, 16),
    ];
    for (name, count, callers) in singles {
        let pool = database.pool.clone();
        let rate = by(callers, count, 1, &letters, move |batch| {
            one(pool.clone(), batch)
        });
        table.add(name, "letters/s", rate.await?).tell(name)?;
    }
    for (name, callers) in [("enqueue: SQL sets of 500, 1 connection", 1), (SETS, 4)] {
        let pool = database.pool.clone();
        let rate = by(callers, MANY, SET, &letters, move |batch| {
            set(pool.clone(), batch)
        });
        table.add(name, "letters/s", rate.await?).tell(name)?;
    }
    let store = PgStore::connect(database.url.parse()?, 4).await?;
    for (name, callers) in [
        ("enqueue: command line's door, batches of 500", 1),
        ("enqueue: command line's door, 4 callers", 4),
    ] {
        let store = store.clone();
        let rate = by(callers, MANY, SET, &letters, move |batch| {
            own(store.clone(), batch)
        });
        table.add(name, "letters/s", rate.await?).tell(name)?;
    }
    by_http(&store, &letters, table).await?;
    store.close().await;
    lab.drop(database).await
}

/// Letters per second of callers that work side by side, in batches prepared before the clock starts.
async fn by<F>(
    callers: usize,
    count: usize,
    batch: usize,
    letters: &Arc<Letters>,
    call: impl Fn(Vec<String>) -> F,
) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let share = count / callers;
    let works = (0..callers).map(|caller| {
        let begin = caller * share;
        let ranges = (begin..begin + share).step_by(batch);
        let ranges = ranges.map(|first| first..(first + batch).min(begin + share));
        let batches = ranges.map(|range: Range<usize>| letters.range(range, "doors"));
        batches.map(&call).collect::<Vec<F>>()
    });
    let works: Vec<Vec<F>> = works.collect();
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for work in works {
        running.spawn(async move {
            for call in work {
                call.await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok((share * callers) as f64 / begun.elapsed().as_secs_f64())
}

async fn one(pool: PgPool, batch: Vec<String>) -> Result<()> {
    for letter in batch {
        let status: String =
            sqlx::query_scalar("select postrider.enqueue($1::text::jsonb)->>'status'")
                .bind(letter)
                .fetch_one(&pool)
                .await?;
        all_accepted(1, usize::from(status == "accepted"))?;
    }
    Ok(())
}

async fn own(store: PgStore, batch: Vec<String>) -> Result<()> {
    let answers = store
        .enqueue(&batch, LETTER_OCTETS, SystemClock.now())
        .await?;
    let accepted = answers
        .iter()
        .filter(|answer| matches!(answer, Answer::Accepted(_)));
    all_accepted(batch.len(), accepted.count())
}

async fn by_http(store: &PgStore, letters: &Arc<Letters>, table: &mut Table) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let router = http::router(http::Door {
        store: store.clone(),
        metrics: Arc::new(Metrics::new(&prometheus::Registry::new())?),
        clock: Arc::new(SystemClock),
        engine_works: Arc::new(|| true),
        stop: stop.clone(),
        limits: http::Limits::default(),
        preflight: None,
    });
    let mut server = JoinSet::new();
    let patience = http::Patience::default();
    server.spawn(http::serve(listener, router, patience, stop.clone()));
    let key = store.new_key("bench", [7; 32], SystemClock.now()).await?;
    for (name, callers) in [
        ("enqueue: HTTP NDJSON, 1 stream", 1),
        ("enqueue: HTTP NDJSON, 4 streams", 4),
    ] {
        let key = key.clone();
        let batch = MANY / callers;
        let call = move |batch| post(address, key.clone(), batch);
        let rate = by(callers, MANY, batch, letters, call).await?;
        table.add(name, "letters/s", rate).tell(name)?;
    }
    stop.cancel();
    while server.join_next().await.is_some() {}
    Ok(())
}
