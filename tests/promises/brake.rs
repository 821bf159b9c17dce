//! A campaign that goes badly at a provider is stopped there, by itself, and nothing else is; a person lets it go.

use std::time::Duration;

use postrider::{
    mail::{HoldOn, Provider},
    net::SystemClock,
    policy::Brakes,
    port::{Clock, Store},
    sim::{Plan, Temper},
};
use serde_json::Value;

use crate::{
    desk::Wishes,
    world::{World, letter, people, provider},
};

/// Letters of which every so many go to nobody.
fn campaign(name: &str, count: usize, stranger_every: usize) -> Vec<Value> {
    let letters = people(count, "one", 1).enumerate().map(|(n, to)| {
        let is_stranger = n % stranger_every == stranger_every - 1;
        let to = if is_stranger {
            format!("unknown-{name}-{to}")
        } else {
            format!("{name}-{to}")
        };
        let mut letter = letter(&to);
        letter["campaign"] = name.into();
        letter
    });
    letters.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_to_strangers_is_stopped_and_the_others_go_on() {
    let slow = Temper {
        reply_delay: Duration::from_millis(20),
        ..Temper::default()
    };
    let world = World::new(Plan::empty(7).with(provider("one", 1, slow))).await;
    let wishes = Wishes {
        brakes: Some(Brakes::default()),
        ..Wishes::default()
    };
    // One stranger among fifty is nobody's fault; one among four is a bought list.
    world.enqueue(campaign("autumn", 50, 50)).await;
    let engines = [world.engine(&wishes).await, world.engine(&wishes).await];
    world.settled().await;
    world.enqueue(campaign("bought", 4_000, 4)).await;
    world
        .until("the bought list is held", async || {
            Store::holds(&world.store).await.unwrap().len() == 1
        })
        .await;
    world.enqueue(campaign("winter", 100, 100)).await;
    world
        .until("only what is held is left", async || {
            let queue = world.queue().await;
            queue.held > 0 && (queue.ready, queue.leased, queue.waiting) == (0, 0, 0)
        })
        .await;
    let views = Store::holds(&world.store).await.unwrap();
    let [hold] = &views[..] else {
        panic!("one hold, not {views:?}")
    };
    println!("{}", hold.reason);
    assert_eq!(
        hold.on,
        HoldOn::CampaignAt("bought".to_owned(), Provider::Other)
    );
    assert_eq!(hold.author, "brake");
    assert!(
        hold.reason.contains("hard bounces among"),
        "{}",
        hold.reason
    );
    let spared = world.queue().await.held;
    assert!(spared > 500, "{spared} letters were spared");

    let ids = [hold.id];
    world
        .store
        .lift(&ids, "anna", SystemClock.now())
        .await
        .unwrap();
    world
        .until("letters go again", async || {
            world.queue().await.held < spared
        })
        .await;
    // What comes after the release is as bad as before, and is judged by itself.
    world
        .until("it is held again", async || {
            let again = Store::holds(&world.store).await.unwrap();
            again.first().is_some_and(|again| again.id > ids[0])
        })
        .await;
    for engine in engines {
        engine.stop().await;
    }
    world.end().await;
}
