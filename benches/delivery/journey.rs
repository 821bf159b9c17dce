//! The whole way of letters: from the door to `delivered` in the database, at a receiver that only counts.
//!
//! Owns the clock and the counting. Promises: the clock stops when the database says that no letter is ready or claimed;
//! then database and receiver agree on how many were delivered, or the bench fails. Letters that the receiver has put
//! off wait for their retry beyond the clock; they are counted as handled.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use sqlx::{PgConnection, PgPool};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    child::{self, Manners, Receiver, Role, SILENT},
    cost,
    enqueue::{self, SET},
    lab::{Database, Key, Lab},
    letters::Letters,
};

/// Callers of the door.
const CALLERS: usize = 4;

/// How often the receiver is asked, and after it the database.
const LOOK: Duration = Duration::from_millis(20);

/// The share of letters before which the database is not asked: each question costs it what many letters do.
const NEARLY: f64 = 0.95;

/// A run that takes longer is broken.
const PATIENCE: Duration = Duration::from_mins(5);

/// The first retry comes after four minutes: what is due sooner is under way. Letters of the lanes $1 to $2, whose provider never
/// answers, do not count; a probe on each side of them keeps them from being read.
const UNDER_WAY: &str = "select exists (
        select from generate_series(0, 9) as p where exists (
            select from postrider.queue where ready and priority = p and lane < $1)
        or exists (select from postrider.queue where ready and priority = p and lane > $2))
    or exists (select from postrider.queue where lease_id is not null and lane not between $1 and $2)
    or exists (select from postrider.queue where lease_id is null and not ready
        and due_at < clock_timestamp() + interval '150 seconds' and lane not between $1 and $2)";

/// Callers that write to a new domain at the same time give it a lane each; the crowd came first, so its lanes are neighbours.
const SILENT_LANES: &str =
    "select coalesce(min(id), 0), coalesce(max(id), 0) from postrider.lane where domain = $1";

/// When the engine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// When all letters are queued.
    AfterEnqueue,
    /// Before the first.
    BeforeEnqueue,
}

/// A kind of run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journey {
    /// Letters.
    pub(crate) letters: usize,
    /// How they are signed.
    pub(crate) key: Key,
    /// Who receives them.
    pub(crate) manners: Manners,
    /// When the clock and the engine start.
    pub(crate) start: Start,
}

/// What a run showed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Findings {
    /// Letters per second.
    pub(crate) rate: f64,
    /// Processor time per letter in microseconds.
    pub(crate) cost: Cost,
    /// The most memory that the engine held, in MB.
    pub(crate) memory: Option<f64>,
    /// Letters per connection.
    pub(crate) per_connection: f64,
}

/// Processor time per letter, or in all, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// The engine's process.
    pub(crate) engine: Option<f64>,
    /// PostgreSQL, all processes.
    pub(crate) postgres: Option<f64>,
    /// The receiver's process.
    pub(crate) receiver: Option<f64>,
}

impl Cost {
    /// Of all processes together.
    pub(crate) fn total(self) -> Option<f64> {
        Some(self.engine? + self.postgres? + self.receiver?)
    }
}

/// The processes of a run.
struct Actors {
    engine: Role,
    receiver: Receiver,
    server: u32,
}

impl Journey {
    /// Runs it in that database, in which no other letter is due.
    pub(crate) async fn run(
        &self,
        lab: &Lab,
        database: &Database,
        campaign: &str,
    ) -> Result<Findings> {
        let receiver = Receiver::start(self.manners).await?;
        let engine = child::engine(&lab.configure(self.key)?, &database.url, &receiver).await?;
        let server = lab.server().await?;
        let mut actors = Actors {
            engine,
            receiver,
            server,
        };
        let batches = self.batches(campaign)?;
        let (took, cost) = self.clocked(&mut actors, database, batches).await?;
        let memory = cost::peak_megabytes(actors.engine.process());
        // Looked at while the engine still runs: stopping it would settle what a clock stopped too early had missed.
        let (connections, accepted) = actors.receiver.tally().await?;
        self.check(&database.pool, campaign, accepted).await?;
        actors.engine.stop().await?;
        actors.receiver.role.stop().await?;
        Ok(Findings {
            rate: self.letters as f64 / took.as_secs_f64(),
            cost: cost.per(self.letters),
            memory,
            per_connection: accepted as f64 / connections.max(1) as f64,
        })
    }

    fn batches(&self, campaign: &str) -> Result<Vec<Vec<String>>> {
        let letters = Letters::new()?;
        let firsts = (0..self.letters).step_by(SET);
        Ok(firsts
            .map(|first| letters.range(first..(first + SET).min(self.letters), campaign))
            .collect())
    }

    async fn clocked(
        &self,
        actors: &mut Actors,
        database: &Database,
        batches: Vec<Vec<String>>,
    ) -> Result<(Duration, Cost)> {
        if self.start == Start::AfterEnqueue {
            enqueue(&database.pool, batches).await?;
            return actors
                .clocked(&database.pool, Vec::new(), self.letters)
                .await;
        }
        actors.clocked(&database.pool, batches, self.letters).await
    }

    /// Database and receiver agree, and no letter came to an end that was not planned.
    async fn check(&self, pool: &PgPool, campaign: &str, accepted: u64) -> Result<()> {
        let states: Vec<(String, i64)> = sqlx::query_as(
            "select state, count(*) from postrider.letter where campaign = $1 group by state",
        )
        .bind(campaign)
        .fetch_all(pool)
        .await?;
        let count = |wanted: &str| {
            let found = states.iter().find(|(state, _)| state == wanted);
            found.map_or(0, |(_, count)| usize::try_from(*count).unwrap_or(0))
        };
        let (delivered, open, bounced) = (count("delivered"), count("open"), count("bounced"));
        let refused = self.manners.refused;
        let as_planned = delivered + open + bounced == self.letters
            && delivered as u64 == accepted
            && (open == 0 || refused.0 > 0.0)
            && (bounced == 0 || refused.1 > 0.0);
        if !as_planned {
            bail!("the receiver took {accepted} letters, the database says {states:?}");
        }
        Ok(())
    }
}

impl Actors {
    /// Lets the engine go, enqueues what is not queued yet, and waits for the end.
    async fn clocked(
        &mut self,
        pool: &PgPool,
        batches: Vec<Vec<String>>,
        letters: usize,
    ) -> Result<(Duration, Cost)> {
        let (before, begun) = (self.cost(), Instant::now());
        self.engine.tell("go").await?;
        enqueue(pool, batches).await?;
        let silent: (i32, i32) = sqlx::query_as(SILENT_LANES)
            .bind(SILENT)
            .fetch_one(pool)
            .await?;
        let mut asker = pool.acquire().await?;
        // Beside a million rows it may read all of them, for half a second each time: that would be the bench's own cost.
        sqlx::query("set enable_seqscan = off")
            .execute(&mut *asker)
            .await?;
        while !self.is_nearly_done(letters).await? || is_under_way(&mut asker, silent).await? {
            if begun.elapsed() > PATIENCE {
                bail!("letters are still under way after {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok((begun.elapsed(), self.cost().since(before)))
    }

    async fn is_nearly_done(&mut self, letters: usize) -> Result<bool> {
        let (_, accepted) = self.receiver.tally().await?;
        Ok(accepted as f64 >= letters as f64 * NEARLY)
    }

    fn cost(&self) -> Cost {
        let micros = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e6);
        Cost {
            engine: micros(cost::processor_time(self.engine.process())),
            postgres: micros(cost::server_time(self.server)),
            receiver: micros(cost::processor_time(self.receiver.role.process())),
        }
    }
}

impl Cost {
    fn since(self, before: Self) -> Self {
        let less = |now: Option<f64>, then: Option<f64>| now.zip(then).map(|(a, b)| a - b);
        Self {
            engine: less(self.engine, before.engine),
            postgres: less(self.postgres, before.postgres),
            receiver: less(self.receiver, before.receiver),
        }
    }

    fn per(self, letters: usize) -> Self {
        let share = |cost: Option<f64>| cost.map(|cost| cost / letters as f64);
        Self {
            engine: share(self.engine),
            postgres: share(self.postgres),
            receiver: share(self.receiver),
        }
    }
}

/// Whether letters are ready or claimed, those of the silent lanes aside.
async fn is_under_way(asker: &mut PgConnection, silent: (i32, i32)) -> Result<bool> {
    let question = sqlx::query_scalar(UNDER_WAY).bind(silent.0).bind(silent.1);
    Ok(question.fetch_one(asker).await?)
}

/// Enqueues batches over a few connections.
async fn enqueue(pool: &PgPool, batches: Vec<Vec<String>>) -> Result<()> {
    let batches = Arc::new(tokio::sync::Mutex::new(batches));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (pool, batches) = (pool.clone(), Arc::clone(&batches));
        callers.spawn(async move {
            loop {
                let Some(batch) = batches.lock().await.pop() else {
                    return anyhow::Ok(());
                };
                enqueue::set(pool.clone(), batch).await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Queues letters that are due tomorrow.
pub(crate) async fn fill_tomorrow(database: &Database, count: usize) -> Result<()> {
    let letters = Letters::new()?;
    let tomorrow: String = sqlx::query_scalar(
        r#"select to_char((clock_timestamp() + interval '1 day') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#,
    )
    .fetch_one(&database.pool)
    .await?;
    let letter = |number| letters.json(number, "later", Some(&tomorrow));
    fill(database, count, letter).await
}

/// Queues so many letters, and has the database done with them: it would sweep a million rows in the middle of a run.
pub(crate) async fn fill(
    database: &Database,
    count: usize,
    letter: impl Fn(usize) -> String,
) -> Result<()> {
    // In stretches, so that the letters of the whole million are never in memory together.
    for first in (0..count).step_by(20_000) {
        let numbers: Vec<usize> = (first..(first + 20_000).min(count)).collect();
        let sets = numbers.chunks(SET);
        let batches = sets.map(|numbers| numbers.iter().map(|number| letter(*number)).collect());
        enqueue(&database.pool, batches.collect()).await?;
    }
    sqlx::query("vacuum (analyze)")
        .execute(&database.pool)
        .await?;
    sqlx::query("checkpoint").execute(&database.pool).await?;
    Ok(())
}
