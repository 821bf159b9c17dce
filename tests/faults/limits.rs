//! Too few file descriptors, too little memory.

use std::time::Duration;

use postrider::sim::{Plan, Temper};
use serde_json::json;

use crate::{
    account::account,
    process::Process,
    world::{World, letter_of, people, provider},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_without_free_file_descriptors_sends_over_those_it_has() {
    let slow = Temper {
        reply_delay: Duration::from_millis(2),
        ..Temper::default()
    };
    // 30 sites of 5 connections want 150.
    let world = World::new(Plan::empty(7).with(provider("slow", 30, slow))).await;
    let letters = people(900, "slow", 30).map(|to| letter_of("transactional", &to));
    world.enqueue(letters).await;
    let mut engine = Process::start_under(&world.lines, "ulimit -n 40");
    world.settled().await;
    assert!(engine.lives());
    engine.stop().await;
    let short: i64 = sqlx::query_scalar(
        "select count(*) from postrider.event where kind = 'deferred' and text like '%oo many open files%'",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert!(short > 0, "the limit was never met");
    println!("{short} attempts met the limit");
    let account = account(&world, "40 file descriptors").await;
    assert_eq!((account.delivered, account.twice), (900, 0));
    world.end().await;
}

/// Octets of one large letter.
const LARGE: usize = 800_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_short_of_memory_leases_less_and_lives() {
    let slow = Temper {
        reply_delay: Duration::from_millis(20),
        ..Temper::default()
    };
    let world = World::new(Plan::empty(7).with(provider("slow", 8, slow))).await;
    let large = |to: String| {
        let mut letter = letter_of("marketing", &to);
        letter["text"] = json!("x".repeat(LARGE));
        letter
    };
    let small = people(200, "slow", 8).map(|to| letter_of("marketing", &to));
    world.enqueue(small).await;
    for batch in people(150, "slow", 8).collect::<Vec<_>>().chunks(50) {
        world.enqueue(batch.iter().cloned().map(large)).await;
    }
    // 400 letters may be in flight: without a bound on their size that is 115 MiB of content twice over before the first is composed.
    let mut engine = Process::start_under(&world.lines, "ulimit -v 700000");
    world.settled().await;
    assert!(engine.lives());
    let peak = engine.memory_kib("VmHWM") / 1024;
    println!("peak memory {peak} MiB under a limit of 683 MiB of address space");
    assert!(peak < 150, "{peak} MiB");
    engine.stop().await;
    let account = account(&world, "short of memory").await;
    assert_eq!((account.delivered, account.twice), (350, 0));
    world.end().await;
}
