//! A graceful stop in the middle of everything.

use std::time::Duration;

use postrider::{
    mail::State,
    sim::{Plan, Temper, plan::Breakage, plan::Health},
    store::Cancel,
};

use crate::{
    desk::Wishes,
    fates::states,
    world::{World, letter, people, provider},
};

/// An operator who has typed Ctrl-C presses it again after this.
const SECONDS: Duration = Duration::from_secs(5);

/// Busy receivers beside one that never greets and a domain whose name server never answers.
fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    let mut silent = provider("silent", 1, Temper::generous());
    silent.sites[0].hosts[0].health = Health::Silent;
    let mut plan = Plan::empty(7).with(provider("slow", 6, slow)).with(silent);
    plan.broken = vec![("noanswer.example".to_owned(), Breakage::NoAnswer)];
    plan
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_stopped_under_load_gives_back_what_it_has_not_sent() {
    let world = World::new(plan()).await;
    let lost_cases = ["anna@0.silent.example", "anna@noanswer.example"];
    let lost_cases = world.enqueue(lost_cases.map(letter)).await;
    world
        .enqueue(people(900, "slow", 6).map(|to| letter(&to)))
        .await;
    let engine = world.engine(&Wishes::default()).await;
    world.accepted(150).await;
    let took = engine.stop().await;
    assert!(took < SECONDS, "stopping took {took:?}");

    let queue = world.queue().await;
    assert_eq!(queue.leased, 0, "{queue:?}");
    let sent = world.internet.tally().accepted();
    assert_eq!(
        queue.ready + queue.waiting,
        902 - i64::try_from(sent).unwrap()
    );
    for id in lost_cases {
        let now = postrider::port::Clock::now(&postrider::net::SystemClock);
        assert_eq!(
            world.store.cancel(id, now).await.unwrap(),
            Cancel::Cancelled
        );
    }

    let engine = world.engine(&Wishes::default()).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(
        states(&fates),
        [("cancelled", 2), ("delivered", 900)].into()
    );
    let delivered = fates.iter().filter(|fate| fate.state == State::Delivered);
    assert!(
        delivered
            .clone()
            .all(|fate| fate.tries == 1 && fate.copies == 1)
    );
    world.end().await;
}
