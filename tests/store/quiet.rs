//! Letters in quiet hours: put off untouched, and back in the morning.

use std::time::Duration;

use postrider::{
    mail::{Aside, LetterId, Quiet, State, Timestamp},
    policy::{Zone, waits::Cause},
    port::{LeasedLetter, Parked, Store},
    store::{Answer, PgStore},
};
use serde_json::json;

use crate::support::{self, START, accepted, ask, enqueue, letter, plain, state, story};

fn morning() -> Timestamp {
    START.plus(Duration::from_hours(9))
}

async fn postpone(store: &PgStore, letters: &[LeasedLetter]) {
    let quiet = Quiet {
        until: morning(),
        why: "quiet hours in Europe/Moscow".to_owned(),
    };
    let parked = letters.iter().map(|letter| Parked {
        lease: letter.lease,
        shard: letter.shard(),
        id: letter.id(),
        aside: Aside::Quiet(quiet.clone()),
    });
    let parked: Vec<Parked> = parked.collect();
    // A node that did not hear the answer tells it again.
    store.park(&parked, START).await.unwrap();
    store.park(&parked, START).await.unwrap();
}

async fn lease_at(store: &PgStore, now: Timestamp) -> Vec<(LetterId, u16)> {
    store.promote(now, 100).await.unwrap();
    let leased = store.lease(postrider::port::LeaseAsk {
        now,
        ..ask(100, 100)
    });
    let leased = leased.await.unwrap().letters;
    leased.iter().map(|it| (it.id(), it.attempts)).collect()
}

#[tokio::test]
async fn a_letter_waits_for_the_morning_and_counts_no_attempt() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    postpone(&store, &support::lease(&store, 1).await).await;

    let view = store.letter(ids[0]).await.unwrap().unwrap();
    assert_eq!((view.state, view.due_at), (State::Queued, Some(morning())));
    let waits = store.waits(10, 10).await.unwrap();
    let waits: Vec<_> = waits
        .providers
        .iter()
        .map(|it| (it.cause, it.letters, it.due_at))
        .collect();
    assert_eq!(waits, [(Cause::QuietHours, 1, Some(morning()))]);

    let queue = store.queue_status(10).await.unwrap();
    assert_eq!((queue.ready, queue.waiting, queue.quiet), (0, 0, 1));
    assert_eq!(queue.lanes[0].waiting, 1);

    let before = Timestamp::from_micros(morning().micros() - 1);
    assert_eq!(lease_at(&store, before).await, []);
    assert_eq!(lease_at(&store, morning()).await, [(ids[0], 0)]);
    assert_eq!(story(&store, ids[0]).await, "queued postponed");
    let line = &store.history(ids[0]).await.unwrap()[1].event;
    assert_eq!((line.at, line.due), (START, Some(morning())));
    assert_eq!(line.text.as_deref(), Some("quiet hours in Europe/Moscow"));
}

#[tokio::test]
async fn a_letter_whose_claim_was_lost_is_not_put_off() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let leased = support::lease(&store, 1).await;
    let adopted = support::adopt(&store, START.plus(Duration::from_hours(1))).await;
    assert_eq!(adopted.len(), 1);
    postpone(&store, &leased).await;
    assert_eq!(state(&store, ids[0]).await, State::Leased);
    assert_eq!(story(&store, ids[0]).await, "queued lease_expired");
}

#[tokio::test]
async fn a_letter_names_a_zone_that_exists() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let to = |zone: &str| {
        letter(
            "",
            json!({"to": {"address": "anna@mail.ru", "time_zone": zone}}),
        )
    };
    let good: Vec<String> = Zone::names().iter().map(|zone| to(zone)).collect();
    accepted(&store, &good).await;
    for zone in ["Mars/Phobos", "europe/moscow", "MSK-3", "EST5EDT4"] {
        let [Answer::Invalid { field, why }] = &enqueue(&store, &[to(zone)]).await[..] else {
            panic!("{zone} was taken")
        };
        assert_eq!(field, "to.time_zone", "{zone}");
        assert_eq!(
            why,
            "is not a zone of the tz database such as Asia/Yekaterinburg"
        );
    }
    // No program has told the zones yet.
    sqlx::query("delete from postrider.time_zone")
        .execute(&pool)
        .await
        .unwrap();
    accepted(&store, &[to("Mars/Phobos")]).await;
}
