//! What a person holds is not sent, on any node, until it is let go; then nothing of it is missing.

use std::time::Duration;

use postrider::{
    mail::{HoldId, HoldOn},
    net::SystemClock,
    port::Clock,
    sim::{Plan, Temper},
    store::{Laid, Which},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    desk::Wishes,
    fates::states,
    world::{World, letter, people, provider},
};

/// Two providers that answer without haste, so that most letters wait inside the engines.
async fn world() -> World {
    let calm = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    let plan = Plan::empty(7)
        .with(provider("one", 1, calm.clone()))
        .with(provider("two", 1, calm));
    World::new(plan).await
}

async fn lay(world: &World, on: HoldOn) -> HoldId {
    let laid = world
        .store
        .lay(&on, "anna", "a look first", SystemClock.now());
    match laid.await.unwrap() {
        Laid::New(id) => id,
        Laid::Before(id) => panic!("held before by {id:?}"),
    }
}

async fn lift(world: &World, id: HoldId) {
    world
        .store
        .lift(&[id], "anna", SystemClock.now())
        .await
        .unwrap();
}

fn of_campaign(mut letter: Value, campaign: &str) -> Value {
    letter["campaign"] = campaign.into();
    letter
}

/// Letters that are held now.
async fn held(world: &World, count: i64) {
    let what = format!("{count} letters are held and nothing else waits");
    world
        .until(&what, async || {
            let queue = world.queue().await;
            (queue.ready, queue.leased, queue.waiting, queue.held) == (0, 0, 0, count)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_site_gets_nothing_while_the_others_get_theirs() {
    let world = world().await;
    let hold = lay(&world, HoldOn::Site("mx.0.one.example".to_owned())).await;
    let letters = people(300, "one", 1).chain(people(300, "two", 1));
    world.enqueue(letters.map(|to| letter(&to))).await;
    let engines = [
        world.engine(&Wishes::default()).await,
        world.engine(&Wishes::default()).await,
    ];
    held(&world, 300).await;
    let fates = world.fates().await;
    let sent = fates.iter().filter(|fate| fate.tries > 0);
    assert_eq!(sent.count(), 300, "those to the other provider");
    lift(&world, hold).await;
    world.settled().await;
    for engine in engines {
        engine.stop().await;
    }
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 600)].into());
    let once = fates.iter().filter(|fate| fate.tries == 1);
    assert_eq!(once.count(), 600);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_is_stopped_in_full_flight() {
    let world = world().await;
    let letters = people(2_000, "one", 1).map(|to| of_campaign(letter(&to), "spring"));
    world.enqueue(letters).await;
    let others = people(200, "two", 1).map(|to| letter(&to));
    let engine = world.engine(&Wishes::default()).await;
    world.accepted(50).await;
    let hold = lay(&world, HoldOn::Campaign("spring".to_owned())).await;
    let which = Which::Campaign("spring".to_owned());
    let page = world
        .store
        .hold_page(&which, hold, Uuid::nil(), SystemClock.now());
    page.await.unwrap();
    world.enqueue(others).await;
    world
        .until("only held letters are left", async || {
            let queue = world.queue().await;
            queue.held > 0 && (queue.ready, queue.leased, queue.waiting) == (0, 0, 0)
        })
        .await;
    let kept = usize::try_from(world.queue().await.held).unwrap();
    let fates = world.fates().await;
    let sent = fates.iter().filter(|fate| fate.tries > 0).count();
    assert_eq!(sent + kept, 2_200, "sent or held");
    assert!(kept > 500, "{kept} were held");
    lift(&world, hold).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 2_200)].into());
    world.end().await;
}
