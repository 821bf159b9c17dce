//! What the tests of the store share: a database of their own, letters to put in, shorthands.

use std::time::Duration;

use crate::harness;
use postrider::{
    mail::{
        Address, Event, EventKind, LetterId, Next, Reason, Scope, Signal, State, Suppression,
        Timestamp, Verdict,
    },
    port::{AdoptAsk, Lane, LeaseAsk, LeaseId, Leased, LeasedLetter, Settlement, Store},
    store::{Answer, Cursor, FeedEvent, PgStore, Registry, Stream},
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

/// The moment at which every test begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(crate) const SIZE_MAX_BYTES: u32 = 10 << 20;

/// A database with the schema in it; it lives as long as the server of this test program.
pub(crate) async fn database() -> PgPool {
    let database = Box::leak(Box::new(harness::database().await));
    database.pool().clone()
}

/// A database without the schema.
pub(crate) async fn empty_database() -> PgConnectOptions {
    let database = Box::leak(Box::new(harness::empty_database().await));
    database.url().parse().unwrap()
}

/// A store on that database that knows two streams, a template and a sender.
pub(crate) async fn store(pool: &PgPool) -> PgStore {
    let store = PgStore::connect(pool.connect_options().as_ref().clone(), 4)
        .await
        .unwrap();
    store.sync_registry(&registry()).await.unwrap();
    store
}

pub(crate) fn registry() -> Registry {
    let stream = |name: &str, transactional, priority| Stream {
        name: name.to_owned(),
        transactional,
        priority,
    };
    Registry {
        streams: vec![
            stream("marketing", false, 5),
            stream("transactional", true, 1),
        ],
        templates: vec!["digest".to_owned()],
        senders: vec!["example.com".to_owned()],
    }
}

/// A good letter to somebody, changed by `fields`.
pub(crate) fn letter(to: &str, fields: serde_json::Value) -> String {
    let mut letter = serde_json::json!({
        "stream": "marketing", "to": to, "from": "news@example.com", "template": "digest",
        "variables": {"name": "Анна"},
    });
    let serde_json::Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    for (field, value) in fields {
        letter[field] = value;
    }
    letter.to_string()
}

pub(crate) fn plain(to: &str) -> String {
    letter(to, serde_json::json!({}))
}

pub(crate) async fn enqueue(store: &PgStore, letters: &[String]) -> Vec<Answer> {
    store.enqueue(letters, SIZE_MAX_BYTES, START).await.unwrap()
}

/// Enqueues letters that must be accepted.
pub(crate) async fn accepted(store: &PgStore, letters: &[String]) -> Vec<LetterId> {
    let answers = enqueue(store, letters).await;
    answers
        .into_iter()
        .map(|answer| match answer {
            Answer::Accepted(id) => id,
            other => panic!("not accepted: {other:?}"),
        })
        .collect()
}

/// A wish for up to `max` letters.
pub(crate) fn ask(max: u32, per_lane: u32) -> LeaseAsk {
    LeaseAsk {
        lease: LeaseId(Uuid::now_v7()),
        now: START,
        until: START.plus(Duration::from_mins(1)),
        max,
        octets: u64::MAX,
        per_lane,
        room: Vec::new(),
        priority_max: 9,
        after: None,
    }
}

pub(crate) async fn lease(store: &PgStore, max: u32) -> Vec<LeasedLetter> {
    store.lease(ask(max, max)).await.unwrap().letters
}

/// Takes over every letter whose lease was to end before that moment.
pub(crate) async fn adopt(store: &PgStore, moment: Timestamp) -> Vec<LeasedLetter> {
    let mut forsaken = store.tenures(100).await.unwrap();
    forsaken.retain(|tenure| tenure.until < moment);
    let ask = AdoptAsk {
        lease: LeaseId(Uuid::now_v7()),
        now: moment,
        forsaken,
        until: moment.plus(Duration::from_mins(1)),
        max: 100,
    };
    store.adopt(ask).await.unwrap()
}

pub(crate) fn recipients(leased: &Leased) -> Vec<String> {
    leased
        .letters
        .iter()
        .map(|held| held.letter.as_ref().unwrap().to.mailbox.address.to_string())
        .collect()
}

pub(crate) fn settlement(held: &LeasedLetter, next: Next, kind: EventKind) -> Settlement {
    let mut event = Event::bare(START.plus(Duration::from_secs(1)), kind);
    event.attempt = Some(held.attempts + 1);
    Settlement {
        id: held.id(),
        shard: held.shard(),
        lease: held.lease,
        attempts: held.attempts + 1,
        verdict: Verdict {
            next,
            event,
            suppress: None,
            signal: Signal::Good,
            keeps_source: false,
        },
        attempt: None,
    }
}

pub(crate) fn delivered(held: &LeasedLetter) -> Settlement {
    settlement(held, Next::Finish(State::Delivered), EventKind::Delivered)
}

pub(crate) fn ban(address: &str, scope: Scope) -> Suppression {
    Suppression {
        address: Address::parse(address).unwrap(),
        scope,
        reason: Reason::HardBounce,
        evidence: "550 5.1.1 no such user".to_owned(),
        letter: None,
        since: START,
        until: None,
    }
}

/// The words of a letter's history, in order.
pub(crate) async fn story(store: &PgStore, id: LetterId) -> String {
    let lines = store.history(id).await.unwrap();
    let words: Vec<_> = lines.iter().map(|line| line.event.kind.name()).collect();
    words.join(" ")
}

pub(crate) async fn state(store: &PgStore, id: LetterId) -> State {
    store.letter(id).await.unwrap().unwrap().state
}

/// The lane of a domain.
pub(crate) async fn lane(pool: &PgPool, domain: &str) -> Lane {
    let id: i32 = sqlx::query_scalar("select id from postrider.lane where domain = $1")
        .bind(domain)
        .fetch_one(pool)
        .await
        .unwrap();
    Lane(id)
}

pub(crate) async fn count(pool: &PgPool, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(pool).await.unwrap()
}

/// The feed's first `expected` events. Other tests' open transactions hold the feed of the whole cluster back, so it is asked
/// until they have ended.
pub(crate) async fn feed(store: &PgStore, after: Cursor, expected: usize) -> Vec<FeedEvent> {
    let reading = async {
        loop {
            let events = store.events_after(after, 1_000).await.unwrap();
            if events.len() >= expected {
                return events;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reading)
        .await
        .expect("the feed shows what was committed")
}
