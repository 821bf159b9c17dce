//! Two engines on one database.

use std::time::Duration;

use postrider::sim::{Plan, Temper};

use crate::{
    desk::Wishes,
    fates::{Fate, states},
    process::{Process, mortal},
    world::{World, generous, letter, people, provider},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_share_the_letters_and_send_none_twice() {
    let world = World::new(generous(10)).await;
    let mut engines = Vec::new();
    for source in ["north", "south"] {
        let mut wishes = mortal();
        // Leases outlast any hiccup of a loaded machine: nothing but the sharing is tried here.
        wishes.limits.lease = Wishes::default().limits.lease;
        wishes.source = source;
        engines.push(world.engine(&wishes).await);
    }
    let letters = people(1_500, "good", 10).map(|to| letter(&to));
    world.enqueue(letters).await;
    world.settled().await;
    for engine in engines {
        engine.stop().await;
    }
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 1_500)].into());
    assert!(fates.iter().all(|fate| fate.tries == 1 && fate.copies == 1));
    let shares: Vec<(String, i64)> = sqlx::query_as(
        "select source, count(*) from postrider.event where kind = 'delivered' group by 1 order by 1",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    let sources: Vec<&str> = shares.iter().map(|(source, _)| source.as_str()).collect();
    assert_eq!(sources, ["north", "south"], "{shares:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_was_frozen_beyond_its_lease_changes_nothing_when_it_wakes() {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    let domains = 4;
    let world = World::new(Plan::empty(7).with(provider("slow", domains, slow))).await;
    let letters = people(800, "slow", domains).map(|to| letter(&to));
    world.enqueue(letters).await;
    let frozen = Process::start(&world.lines);
    world.accepted(100).await;
    frozen.freeze();
    let held = world.queue().await.leased;
    assert!(held > 50, "{held} letters are frozen with it");

    let other = world.engine(&mortal()).await;
    world.settled().await;
    other.stop().await;
    let before = world.kept().await;
    frozen.thaw();
    frozen.stop().await;
    let after = world.kept().await;

    let outcome = |fate: &Fate| (fate.id, fate.state);
    assert!(before.iter().map(outcome).eq(after.iter().map(outcome)));
    let tries = |fates: &[Fate]| -> u64 { fates.iter().map(|fate| u64::from(fate.tries)).sum() };
    // What stood between the last look and the final dot goes on; what waited in the frozen engine does not.
    let connections = mortal().limits.connections_per_site * domains;
    let late = tries(&after) - tries(&before);
    assert!(
        late <= connections as u64,
        "{late} new attempts, {held} held"
    );
    world.end().await;
}
