//! A pool of several sources: all of them carry letters, and a letter that was greylisted comes back from where it came.

use std::{collections::BTreeMap, time::Duration};

use postrider::{
    policy::Shaping,
    sim::{Greylist, Plan, Temper},
};

use crate::{
    desk::Wishes,
    fates::states,
    world::{World, letter, people, provider},
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
