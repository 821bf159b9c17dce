//! Promise 1 again: the database goes away in the middle of everything and comes back.

use std::time::Duration;

use postrider::sim::{Plan, Temper};

use crate::{
    fates::states,
    process::mortal,
    world::{World, letter, people, provider},
};

const LETTERS: usize = 1_500;

/// Shares of the letters, in per cent, after which every connection to the database breaks.
const BREAKS: [u64; 6] = [3, 12, 25, 40, 55, 75];

/// Breaks every connection that engines have, whatever statement runs on it: as a restart does.
pub(crate) async fn break_connections(world: &World) {
    let broken: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'postrider'",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert!(broken > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_breaks_every_connection_costs_no_letter_and_sends_none_twice() {
    let slow = Temper {
        reply_delay: Duration::from_millis(3),
        ..Temper::default()
    };
    let world = World::new(Plan::empty(7).with(provider("slow", 6, slow))).await;
    let everybody = people(LETTERS, "slow", 6);
    world.enqueue(everybody.map(|to| letter(&to))).await;
    // So long that no claim runs out however busy the machine is: a lease whose answer was lost is given back, not waited for.
    let mut wishes = mortal();
    wishes.limits.lease = Duration::from_mins(10);
    let engine = world.engine(&wishes).await;
    for share in BREAKS {
        world.accepted(LETTERS as u64 * share / 100).await;
        break_connections(&world).await;
    }
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", LETTERS)].into());
    for fate in &fates {
        assert_eq!((fate.tries, fate.copies), (1, 1), "{fate:?}");
    }
    world.end().await;
}
