//! Settling: each letter reaches one final state with one terminal event, and a lost claim writes over nothing.

use std::time::Duration;

use postrider::{
    mail::{Class, EventKind, Next, Scope, Stage, State},
    port::{AttemptRecord, Store},
    store::Cancel,
};

use crate::support::{
    self, START, accepted, adopt, ban, count, delivered, lease, plain, settlement, state, story,
};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn every_letter_gets_one_final_state_and_one_terminal_event() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters: Vec<String> = (0..50).map(|n| plain(&format!("u{n}@mail.ru"))).collect();
    let ids = accepted(&store, &letters).await;
    let held = lease(&store, 50).await;
    let settlements: Vec<_> = held.iter().map(delivered).collect();
    assert_eq!(store.settle(&settlements).await.unwrap(), []);
    // A second word about the same claim finds it gone.
    assert_eq!(store.settle(&settlements).await.unwrap().len(), 50);
    for id in ids {
        assert_eq!(state(&store, id).await, State::Delivered);
        assert_eq!(story(&store, id).await, "queued delivered late_outcome");
    }
    assert_eq!(
        count(&pool, "select count(*) from postrider.queue").await,
        0
    );
}

#[tokio::test]
async fn a_deferred_letter_waits_for_its_time_and_keeps_its_story() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let held = lease(&store, 1).await;
    let due = START.plus(HOUR);
    let mut deferred = settlement(&held[0], Next::Retry { due }, EventKind::Deferred);
    let event = &mut deferred.verdict.event;
    event.stage = Some(Stage::RcptTo);
    event.code = Some(451);
    event.text = Some("451 4.7.1 zero \0 octet".to_owned());
    event.class = Some(Class::Rate);
    event.due = Some(due);
    deferred.attempt = Some(AttemptRecord {
        site: "mail.ru".to_owned(),
        provider: "mailru",
        host: Some("mxs.mail.ru".to_owned()),
        remote: Some([192, 0, 2, 1].into()),
        source: "main".to_owned(),
        tls: None,
        prepare: Duration::from_micros(300),
        talk: Duration::from_millis(20),
        size_bytes: 6_000,
    });
    store.settle(&[deferred]).await.unwrap();

    assert_eq!(store.promote(START, 10).await.unwrap(), 0);
    assert!(lease(&store, 1).await.is_empty());
    assert_eq!(store.promote(due, 10).await.unwrap(), 1);
    assert_eq!(lease(&store, 1).await[0].attempts, 1);

    let history = store.history(ids[0]).await.unwrap();
    let line = &history[1];
    assert_eq!(line.event.class, Some(Class::Rate));
    assert_eq!(line.event.stage, Some(Stage::RcptTo));
    assert_eq!(line.event.due, Some(due));
    assert_eq!(
        (line.talk_us, line.remote.as_deref()),
        (Some(20_000), Some("192.0.2.1"))
    );
}

#[tokio::test]
async fn a_lost_lease_never_writes_over_a_newer_one() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let old = lease(&store, 1).await;
    let heir = adopt(&store, START.plus(HOUR)).await;
    let due = START.plus(HOUR);
    let doubt = settlement(&heir[0], Next::Retry { due }, EventKind::InDoubt);
    assert_eq!(store.settle(&[doubt]).await.unwrap(), []);
    assert_eq!(store.promote(due, 10).await.unwrap(), 1);
    let new = lease(&store, 1).await;

    let bounced = settlement(&old[0], Next::Finish(State::Bounced), EventKind::Bounced);
    let mut bounced_with_ban = bounced.clone();
    bounced_with_ban.verdict.suppress = Some(ban("anna@mail.ru", Scope::Everything));
    assert_eq!(store.settle(&[bounced_with_ban]).await.unwrap(), ids);
    assert_eq!(state(&store, ids[0]).await, State::Leased);
    let held = vec![(old[0].lease, old[0].shard(), old[0].id())];
    assert_eq!(
        store.renew(held.clone(), START.plus(HOUR)).await.unwrap(),
        ids
    );
    store.release(held, START).await.unwrap();
    assert_eq!(state(&store, ids[0]).await, State::Leased);

    assert_eq!(store.settle(&[delivered(&new[0])]).await.unwrap(), []);
    assert_eq!(state(&store, ids[0]).await, State::Delivered);
    // The late outcome bears the time of its attempt, which here is before the lease ran out.
    let mut words: Vec<_> = story(&store, ids[0])
        .await
        .split(' ')
        .map(str::to_owned)
        .collect();
    words.sort();
    assert_eq!(
        words,
        [
            "delivered",
            "in_doubt",
            "late_outcome",
            "lease_expired",
            "queued"
        ]
    );
    assert_eq!(
        count(&pool, "select count(*) from postrider.suppression").await,
        0
    );
}

#[tokio::test]
async fn a_renewed_lease_does_not_run_out_and_a_released_one_is_free_at_once() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    accepted(&store, &[plain("anna@mail.ru")]).await;
    let first = lease(&store, 1).await;
    let held = vec![(first[0].lease, first[0].shard(), first[0].id())];
    assert_eq!(
        store
            .renew(held.clone(), START.plus(2 * HOUR))
            .await
            .unwrap(),
        []
    );
    assert_eq!(store.promote(START.plus(HOUR), 10).await.unwrap(), 0);
    store.release(held, START).await.unwrap();
    assert_eq!(lease(&store, 1).await[0].attempts, 0);
}

#[tokio::test]
async fn a_hard_bounce_suppresses_in_the_same_breath() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    accepted(&store, &[plain("anna@mail.ru"), plain("Anna@mail.ru")]).await;
    let held = lease(&store, 2).await;
    let settlements: Vec<_> = held
        .iter()
        .map(|letter| {
            let mut s = settlement(letter, Next::Finish(State::Bounced), EventKind::Bounced);
            s.verdict.suppress = Some(ban("anna@mail.ru", Scope::Everything));
            s
        })
        .collect();
    assert_eq!(store.settle(&settlements).await.unwrap(), []);
    let entries = store
        .suppressions(&postrider::store::SuppressionFilter {
            max: 10,
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(entries, [ban("anna@mail.ru", Scope::Everything)]);
}

#[tokio::test]
async fn only_a_letter_that_nobody_holds_is_withdrawn() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let held = lease(&store, 1).await;
    assert_eq!(store.cancel(ids[0], START).await.unwrap(), Cancel::Leased);
    store.settle(&[delivered(&held[0])]).await.unwrap();
    assert_eq!(store.cancel(ids[0], START).await.unwrap(), Cancel::Finished);
    let unknown = postrider::mail::LetterId(uuid::Uuid::nil());
    assert_eq!(store.cancel(unknown, START).await.unwrap(), Cancel::Unknown);
}
