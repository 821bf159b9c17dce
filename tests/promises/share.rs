//! Two engines on one database.

use crate::{
    desk::Wishes,
    fates::states,
    process::mortal,
    world::{World, generous, letter, people},
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
