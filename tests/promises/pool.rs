//! A pool of several sources: all of them carry letters, and a letter that was greylisted comes back from where it came.

use std::{collections::BTreeMap, time::Duration};

use postrider::{
    mail::{HoldId, HoldOn},
    net::SystemClock,
    policy::Shaping,
    port::Clock,
    sim::{Greylist, Plan, Temper},
    store::Laid,
};

use crate::{
    desk::Wishes,
    fates::states,
    world::{World, generous, letter, people, provider},
};

const LETTERS: usize = 120;

/// Everybody is put off once, and remembered by the address that the letter came from.
fn greylisting() -> Plan {
    let temper = Temper {
        greylist: Some(Greylist {
            delay: Duration::from_millis(300),
            share: 1.0,
        }),
        ..Temper::default()
    };
    Plan::empty(7).with(provider("grey", 3, temper))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greylisted_letters_of_a_pool_come_back_from_the_same_source_and_are_taken() {
    let world = World::new(greylisting()).await;
    let wishes = Wishes {
        addresses: &["127.0.0.2", "127.0.0.3", "127.0.0.4"],
        shaping: Shaping::free(),
        ..Wishes::default()
    };
    world
        .enqueue(people(LETTERS, "grey", 3).map(|to| letter(&to)))
        .await;
    let engine = world.engine(&wishes).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", LETTERS)].into());
    assert!(fates.iter().all(|fate| fate.tries == 2), "{fates:?}");
    let sources: Vec<(String, String, i64)> = sqlx::query_as(
        "select min(source), max(source), count(*) from postrider.event
        where kind in ('deferred', 'delivered') group by letter_id",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for (first, last, attempts) in &sources {
        assert_eq!((first, *attempts), (last, 2));
        *used.entry(first).or_default() += 1;
    }
    assert_eq!(used.keys().copied().collect::<Vec<_>>(), ["s1", "s2", "s3"]);
    world.end().await;
}

/// Letters delivered, by the source that they left from.
async fn delivered(world: &World) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select source, count(*) from postrider.event where kind = 'delivered' group by source",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    rows.into_iter().collect()
}

async fn hold(world: &World, source: &str) -> HoldId {
    let on = HoldOn::Source(source.to_owned());
    let laid = world
        .store
        .lay(&on, "anna", "a look first", SystemClock.now());
    match laid.await.unwrap() {
        Laid::New(id) | Laid::Before(id) => id,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_held_carries_nothing_and_letters_wait_only_when_all_are() {
    let world = World::new(generous(3)).await;
    let wishes = Wishes {
        addresses: &["127.0.0.2", "127.0.0.3"],
        ..Wishes::default()
    };
    let first = hold(&world, "s1").await;
    let engine = world.engine(&wishes).await;
    world
        .enqueue(people(60, "good", 3).map(|to| letter(&to)))
        .await;
    world.settled().await;
    assert_eq!(delivered(&world).await, [("s2".to_owned(), 60)].into());

    let other = hold(&world, "s2").await;
    // Nodes read holds twice a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    world
        .enqueue(people(40, "good", 3).map(|to| letter(&to)))
        .await;
    world
        .until("all new letters are held", async || {
            world.queue().await.held == 40
        })
        .await;
    let both = [first, other];
    let lifted = world.store.lift(&both, "anna", SystemClock.now()).await;
    assert_eq!(lifted.unwrap().len(), 2);
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 100)].into());
    assert_eq!(delivered(&world).await.values().sum::<i64>(), 100);
    world.end().await;
}
