//! Nobody is written to in their quiet hours, and in the morning nothing is missing.

use jiff::civil::Time;
use postrider::{
    mail::EventKind,
    net::SystemClock,
    policy::{QuietHours, Zone},
    port::{Clock, Store},
};
use serde_json::{Value, json};

use crate::{
    desk::Wishes,
    fates::states,
    world::{World, generous, letter, people},
};

/// Six hours ahead of UTC, and behind it, without summer time.
const ELSEWHERE: [&str; 2] = ["Asia/Omsk", "America/Costa_Rica"];

/// From an hour ago until in two hours, by the clock of UTC.
fn now_in_utc() -> QuietHours {
    let hour = SystemClock.now().seconds().div_euclid(3_600);
    let at = |hours: i64| {
        let hour = (hour + hours).rem_euclid(24);
        Time::new(i8::try_from(hour).unwrap(), 0, 0, 0).unwrap()
    };
    QuietHours::new(at(-1), at(2), false, Zone::parse("UTC").unwrap()).unwrap()
}

fn living_in(zone: &str, to: &str) -> Value {
    let mut letter = letter(to);
    letter["to"] = json!({"address": to, "time_zone": zone});
    letter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_sleep_and_get_their_letters_in_the_morning() {
    let world = World::new(generous(2)).await;
    let sleeping = people(200, "good", 2).map(|to| letter(&to));
    let ids = world.enqueue(sleeping).await;
    let awake = people(100, "good", 2).enumerate();
    let awake = awake.map(|(n, to)| living_in(ELSEWHERE[n % 2], &to));
    world.enqueue(awake).await;
    let night = Wishes {
        quiet: Some(now_in_utc()),
        ..Wishes::default()
    };
    let engines = [world.engine(&night).await, world.engine(&night).await];
    world
        .until("only sleeping readers are left", async || {
            let queue = world.queue().await;
            (queue.ready, queue.leased, queue.waiting, queue.quiet) == (0, 0, 0, 200)
        })
        .await;
    assert_eq!(world.internet.tally().accepted(), 100);
    for engine in engines {
        engine.stop().await;
    }
    let history = world.store.history(ids[0]).await.unwrap();
    let kinds: Vec<EventKind> = history.iter().map(|line| line.event.kind).collect();
    assert_eq!(kinds, [EventKind::Queued, EventKind::Postponed]);
    let end = history[1].event.due.unwrap();
    assert_eq!(end.seconds() % 3_600, 0, "{end}");

    // The morning: as many hours later, by the clock of the database's rows.
    world.store.promote(end, 1_000).await.unwrap();
    let engine = world.engine(&Wishes::default()).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 300)].into());
    assert!(
        fates.iter().all(|fate| fate.tries == 1),
        "no attempt at night"
    );
    world.end().await;
}
