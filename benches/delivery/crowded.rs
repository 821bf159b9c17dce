//! Letters beside a crowd: a million for a provider that never says a word, or a million others that may go.
//!
//! Owns both crowds and what is asked of them. Promises: the crowd is due, so the engine meets it at every lease; it is real
//! letters, queued through the door. Read `journey` for the measuring of the others.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    child::{self, Manners, Receiver, SILENT},
    enqueue, journey,
    lab::{Database, Key, Lab},
    letters::{self, Letters},
    table::Table,
};

/// How long urgent letters take, in the table.
pub(crate) const URGENT: &str = "urgent letter, a million others due: enqueued to accepted, p95";
const URGENT_USUAL: &str = "  the same, median";
const URGENT_WORST: &str = "  the same, longest";

/// Urgent letters of a run, and the time between two of them.
const LETTERS: usize = 300;
const APART: Duration = Duration::from_millis(40);

/// The engine is busy with the crowd by then.
const BUSY_AFTER: Duration = Duration::from_secs(3);

const PATIENCE: Duration = Duration::from_mins(2);

/// A database with so many letters that are due and lead to a host that never greets.
pub(crate) async fn dead(lab: &Lab, count: usize) -> Result<Database> {
    let database = lab.database("dead").await?;
    let letters = Letters::new()?;
    let letter = |number| {
        let address = format!("reader{number}@{SILENT}");
        letters.to(&address, number, "dead", None)
    };
    journey::fill(&database, count, letter).await?;
    Ok(database)
}

/// A database with so many letters that are due, for everybody.
pub(crate) async fn due(lab: &Lab, count: usize) -> Result<Database> {
    let database = lab.database("due").await?;
    let letters = Letters::new()?;
    journey::fill(&database, count, |number| letters.json(number, "due", None)).await?;
    Ok(database)
}

/// One run of urgent letters while the engine works on the crowd.
pub(crate) async fn urgent(
    lab: &Lab,
    database: &Database,
    campaign: &str,
    table: &mut Table,
) -> Result<()> {
    let receiver = Receiver::start(Manners::default()).await?;
    let mut engine = child::engine(&lab.configure(Key::Rsa)?, &database.url, &receiver).await?;
    engine.tell("go").await?;
    sleep(BUSY_AFTER).await;
    let letters = Letters::new()?;
    for number in 0..LETTERS {
        let mut letter = letters.value(&letters::address(number), number, campaign);
        letter["stream"] = json!("transactional");
        enqueue::set(database.pool.clone(), vec![letter.to_string()]).await?;
        sleep(APART).await;
    }
    let taken = times(&database.pool, campaign).await?;
    let still: bool = sqlx::query_scalar("select exists (select from postrider.queue where ready)")
        .fetch_one(&database.pool)
        .await?;
    if !still {
        bail!("the crowd was gone before the urgent letters were: more of BENCH_WAITING is needed");
    }
    engine.stop().await?;
    receiver.role.stop().await?;
    let rows = [URGENT_USUAL, URGENT, URGENT_WORST];
    for (row, seconds) in rows.into_iter().zip(taken) {
        table.add(row, "ms", seconds * 1e3).tell(row)?;
    }
    Ok(())
}

/// Median, 95th percentile and longest time from the door to the receiver's word, in seconds, when all have arrived.
async fn times(pool: &PgPool, campaign: &str) -> Result<[f64; 3]> {
    let begun = Instant::now();
    loop {
        let (count, times): (i64, Option<Vec<f64>>) = sqlx::query_as(
            "select count(*), percentile_cont(array[0.5, 0.95, 1.0]) within group
                (order by extract(epoch from e.at - l.enqueued_at)::float8)
            from postrider.letter l join postrider.event e on e.letter_id = l.id and e.shard = l.shard
            where l.campaign = $1 and e.kind = 'delivered'",
        )
        .bind(campaign)
        .fetch_one(pool)
        .await?;
        if count == i64::try_from(LETTERS)? {
            let times = times.context("no times")?;
            return times.try_into().ok().context("three times were asked for");
        }
        if begun.elapsed() > PATIENCE {
            bail!("{count} of {LETTERS} urgent letters arrived within {PATIENCE:?}");
        }
        sleep(Duration::from_millis(500)).await;
    }
}
