//! A new source sends what its day allows and no letter more, over all nodes and restarts; the rest waits.

use postrider::{
    mail::{RouteKey, WarmDay},
    net::SystemClock,
    policy::warmup::{Plan as WarmPlan, Plans, schedule},
    port::{Clock, WarmupStore},
};

use crate::{
    desk::Wishes,
    world::{World, generous, letter, people},
};

fn today() -> i32 {
    i32::try_from(SystemClock.now().seconds().div_euclid(86_400)).unwrap()
}

fn wishes() -> Wishes {
    let plan = WarmPlan {
        source: "test".to_owned(),
        target: None,
        per_day: 10_000,
        starts: None,
        schedule: schedule("standard").unwrap(),
    };
    Wishes {
        warmups: Plans::new(vec![plan]),
        ..Wishes::default()
    }
}

async fn days(world: &World) -> Vec<WarmDay> {
    let route = RouteKey {
        source: "test".to_owned(),
        target: "mx.0.good.example".to_owned(),
    };
    world.store.warm_days(&route, today() - 1).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_source_keeps_to_its_day_over_nodes_and_restarts() {
    let begun = today();
    let world = World::new(generous(1)).await;
    world
        .enqueue(people(200, "good", 1).map(|to| letter(&to)))
        .await;
    let engines = [world.engine(&wishes()).await, world.engine(&wishes()).await];
    world
        .until("the day's letters are told", async || {
            days(&world).await.iter().any(|day| day.attempted >= 50)
        })
        .await;
    for engine in engines {
        engine.stop().await;
    }
    let next = world.engine(&wishes()).await;
    world
        .until("the next process lives", async || {
            world.store.nodes().await.unwrap().len() == 1
        })
        .await;
    next.stop().await;
    let days = days(&world).await;
    println!("{days:?}");
    if today() > begun {
        println!("midnight came: nothing can be said of one day");
        return;
    }
    let caps: Vec<_> = days
        .iter()
        .filter_map(|day| day.cap.as_ref())
        .map(|cap| cap.letters)
        .collect();
    assert_eq!(caps, [Some(50)]);
    assert_eq!(world.internet.tally().accepted(), 50);
    let queue = world.queue().await;
    assert_eq!(queue.ready, 150, "the rest waits and was not touched");
    world.end().await;
}
