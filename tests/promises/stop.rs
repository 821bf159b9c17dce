//! A graceful stop in the middle of everything.

use std::{sync::Arc, time::Duration};

use postrider::{
    mail::State,
    sim::{Plan, Temper, plan::Breakage, plan::Health},
    store::Cancel,
};

use tokio::task::JoinSet;

use crate::{
    desk::Wishes,
    fates::states,
    receiver::{Identity, Receiver},
    world::{World, letter, people, provider},
};

/// An operator who has typed Ctrl-C presses it again after this.
const SECONDS: Duration = Duration::from_secs(5);

/// Busy receivers beside one that falls silent, one that never greets, and a domain whose name server never answers.
fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    let mut silent = provider("silent", 1, Temper::generous());
    silent.sites[0].hosts[0].health = Health::Silent;
    let mut plan = Plan::empty(7)
        .with(provider("mute", 1, Temper::generous()))
        .with(provider("slow", 6, slow))
        .with(silent);
    plan.broken = vec![("noanswer.example".to_owned(), Breakage::NoAnswer)];
    plan
}

/// The first host of the plan falls silent in the middle of the talk.
async fn listen_in_vain(world: &mut World, receivers: &mut JoinSet<()>) {
    let receiver = Receiver::start(Arc::new(Identity::new())).await;
    let first = [192, 0, 2, 1].into();
    world.lines.reroute.insert(first, receiver.socket);
    receivers.spawn(async move {
        loop {
            receiver
                .play("S 220 mx\nC EHLO\nS 250 mx\nC MAIL\nS 250 ok\nC RCPT\nSILENCE")
                .await;
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_stopped_under_load_gives_back_what_it_has_not_sent() {
    let mut world = World::new(plan()).await;
    let mut receivers = JoinSet::new();
    listen_in_vain(&mut world, &mut receivers).await;
    let lost_cases = [
        "anna@0.silent.example",
        "anna@noanswer.example",
        "anna@0.mute.example",
    ];
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
        903 - i64::try_from(sent).unwrap()
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
    receivers.shutdown().await;
    let fates = world.kept().await;
    assert_eq!(
        states(&fates),
        [("cancelled", 3), ("delivered", 900)].into()
    );
    let delivered = fates.iter().filter(|fate| fate.state == State::Delivered);
    assert!(
        delivered
            .clone()
            .all(|fate| fate.tries == 1 && fate.copies == 1)
    );
    world.end().await;
}
