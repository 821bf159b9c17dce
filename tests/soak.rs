//! A long run of mixed traffic through tempers: memory, connections and dead rows stay flat, and both ends agree in the end.
//!
//! Two minutes; `SOAK_MINUTES=30 cargo test --test soak -- --nocapture` for the long one. The table shows each moment.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what went wrong by stopping, and what it counted by printing"
)]

#[path = "promises/desk.rs"]
mod desk;
#[path = "promises/fates.rs"]
#[expect(dead_code, reason = "the tests of the promises use the rest")]
mod fates;
#[path = "promises/process.rs"]
#[expect(dead_code, reason = "the tests of the promises use the rest")]
mod process;
#[path = "support/mod.rs"]
mod support;
#[path = "promises/world.rs"]
mod world;

use std::{env, time::Duration};

use postrider::sim::{Cuts, Greylist, Plan, Rate, Shares, Temper};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    fates::states,
    process::Process,
    world::{World, letter_of, provider},
};

/// `SOAK_MINUTES` says otherwise.
const MINUTES: f64 = 2.0;

/// Letters enqueued each second.
const RATE: usize = 100;

/// Moments of which the table tells.
const SAMPLES: u32 = 12;

/// Dead rows of the queue: autovacuum comes at 5,000 (`migrations/0001_tables.sql`), looks every ten seconds, and each
/// letter leaves about three dead versions. A quarter as many again for a busy machine.
const DEAD_QUEUE_ROWS_MAX: i64 = 12_500;

/// The queue's file: what waits and what is dead, at most 300 octets each with its indexes.
const QUEUE_OCTETS_MAX: i64 = 16 << 20;

/// What one moment looks like.
#[derive(Clone, Copy, Debug)]
struct Sample {
    seconds: u64,
    letters: i64,
    queued: i64,
    memory_kib: u64,
    connections: i64,
    dead_rows: i64,
    dead_letters: i64,
    queue_octets: i64,
}

/// Providers with every temper there is, in the shares of a bad day.
fn plan() -> Plan {
    let good = Temper::generous();
    let slow = Temper {
        reply_delay: Duration::from_millis(5),
        ..Temper::default()
    };
    let grey = Temper {
        greylist: Some(Greylist {
            delay: Duration::from_millis(500),
            share: 0.5,
        }),
        ..Temper::default()
    };
    let strict = Temper {
        rate: Some(Rate {
            per_second: 10.0,
            burst: 20.0,
        }),
        connections_max: 3,
        letters_per_connection: 20,
        ..Temper::default()
    };
    let bad = Temper {
        mailboxes: Shares {
            unknown: 0.05,
            full: 0.02,
            disabled: 0.02,
        },
        spam: 0.01,
        cuts: Cuts {
            mid_letter: 0.02,
            after_dot_kept: 0.01,
            after_dot_lost: 0.01,
        },
        ..Temper::default()
    };
    Plan::empty(7)
        .with(provider("good", 6, good))
        .with(provider("slow", 4, slow))
        .with(provider("grey", 3, grey))
        .with(provider("strict", 1, strict))
        .with(provider("bad", 4, bad))
}

/// The letter of that number, to somebody new.
fn nth(number: usize) -> serde_json::Value {
    let stream = ["marketing", "transactional", "trigger"][number % 3];
    let (name, domains) = match number % 20 {
        0..9 => ("good", 6),
        9..14 => ("slow", 4),
        14..16 => ("grey", 3),
        16 => ("strict", 1),
        _ => ("bad", 4),
    };
    letter_of(
        stream,
        &format!("anna{number}@{}.{name}.example", number % domains),
    )
}

async fn look(world: &World, engines: &[Process], begun: Instant) -> Sample {
    let (letters, queued, connections, dead_rows, dead_letters, queue_octets) = sqlx::query_as(
        "select (select count(*) from postrider.letter), (select count(*) from postrider.queue),
            (select count(*) from pg_stat_activity where datname = current_database() and application_name = 'postrider'),
            (select n_dead_tup from pg_stat_user_tables where schemaname = 'postrider' and relname = 'queue'),
            (select n_dead_tup from pg_stat_user_tables where schemaname = 'postrider' and relname = 'letter'),
            pg_total_relation_size('postrider.queue')",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    Sample {
        seconds: begun.elapsed().as_secs(),
        letters,
        queued,
        memory_kib: engines
            .iter()
            .map(|engine| engine.memory_kib("VmRSS"))
            .sum(),
        connections,
        dead_rows,
        dead_letters,
        queue_octets,
    }
}

impl Sample {
    fn print(&self) {
        println!(
            "{:>7} {:>8} {:>7} {:>11} {:>12} {:>11} {:>13} {:>10}",
            self.seconds,
            self.letters,
            self.queued,
            self.memory_kib / 1024,
            self.connections,
            self.dead_rows,
            self.dead_letters,
            self.queue_octets / 1024
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_bad_day_leaves_memory_connections_and_dead_rows_flat() {
    let minutes = env::var("SOAK_MINUTES").map_or(MINUTES, |said| said.parse().unwrap());
    let world = World::new(plan()).await;
    let engines = [Process::start(&world.lines), Process::start(&world.lines)];
    let (begun, span) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut enqueued, mut samples) = (0, Vec::new());
    println!("{minutes} minutes, {RATE} letters/s, two engines; memory is that of both");
    println!(
        "seconds  letters  queued  memory MiB  connections  dead queue  dead letters  queue KiB"
    );
    while begun.elapsed() < span {
        ticks.tick().await;
        world.enqueue((enqueued..enqueued + RATE).map(nth)).await;
        enqueued += RATE;
        let due = span * u32::try_from(samples.len() + 1).unwrap() / SAMPLES;
        if begun.elapsed() + Duration::from_millis(500) >= due {
            samples.push(look(&world, &engines, begun).await);
            samples.last().unwrap().print();
        }
    }
    world.settled().await;
    for engine in engines {
        engine.stop().await;
    }
    flat(&samples);
    let fates = world.kept().await;
    assert_eq!(fates.len(), enqueued);
    println!("in the end {:?}", states(&fates));
    world.end().await;
}

/// The first third is for warming up; after it nothing grows.
fn flat(samples: &[Sample]) {
    let warm = &samples[samples.len() / 3..];
    let (early, late) = warm.split_at(warm.len() / 2);
    let peak = |samples: &[Sample]| {
        samples
            .iter()
            .map(|sample| sample.memory_kib)
            .max()
            .unwrap()
    };
    let (before, after) = (peak(early), peak(late));
    assert!(
        after <= before + before / 10 + 4096,
        "memory grew from {before} to {after} KiB"
    );
    let connections = warm.iter().map(|sample| sample.connections);
    let (fewest, most) = (
        connections.clone().min().unwrap(),
        connections.max().unwrap(),
    );
    assert!(most - fewest <= 2, "from {fewest} to {most} connections");
    for sample in samples {
        assert!(sample.dead_rows <= DEAD_QUEUE_ROWS_MAX, "{sample:?}");
        assert!(sample.queue_octets <= QUEUE_OCTETS_MAX, "{sample:?}");
        // A tenth of the table, by its own setting, and what two rounds of autovacuum bring.
        let bound = sample.letters / 10 + 20 * i64::try_from(RATE).unwrap() + 1_000;
        assert!(sample.dead_letters <= bound, "{sample:?}");
    }
}
