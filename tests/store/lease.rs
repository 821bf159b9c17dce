//! Leasing: priority, fairness, room, and what it costs.

use std::{collections::HashSet, time::Duration};

use postrider::{
    mail::{Address, LetterId, Scope},
    port::{Cursor, Lane, LaneRoom, LeaseAsk, Store, SuppressionNews},
    store::{Answer, HOT_SETTINGS, PgStore},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::{self, START, accepted, ask, ban, lane, letter, plain, recipients};

#[tokio::test]
async fn urgent_letters_go_first_and_lanes_take_turns() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let to = |name: &str, priority: u8| letter(name, json!({"priority": priority}));
    // One call each, so that lanes are numbered in this order.
    for letter in [
        to("a1@a.example", 5),
        to("a2@a.example", 5),
        to("b1@b.example", 5),
        to("c1@c.example", 5),
        to("urgent@c.example", 1),
    ] {
        accepted(&store, &[letter]).await;
    }
    let first = store.lease(ask(2, 1)).await.unwrap();
    assert_eq!(recipients(&first), ["urgent@c.example", "a1@a.example"]);
    let last = lane(&pool, "a.example").await;
    assert_eq!(first.resume, Some(Cursor::After(last)));

    let after = first.resume;
    let second = store.lease(LeaseAsk { after, ..ask(2, 1) }).await.unwrap();
    assert_eq!(recipients(&second), ["b1@b.example", "c1@c.example"]);
    let after = second.resume;
    let third = store.lease(LeaseAsk { after, ..ask(2, 1) }).await.unwrap();
    assert_eq!(recipients(&third), ["a2@a.example"]);
    assert_eq!(third.resume, None, "every lane was seen");
}

#[tokio::test]
async fn a_lane_gets_no_more_than_its_room_over_all_priorities() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    for priority in 0..10 {
        let to = format!("u{priority}@a.example");
        let urgent = letter(&to, json!({"priority": priority}));
        accepted(&store, &[urgent, plain(&format!("v{priority}@b.example"))]).await;
    }
    let room = vec![
        (lane(&pool, "a.example").await, LaneRoom::both(3)),
        (lane(&pool, "b.example").await, LaneRoom::NONE),
    ];
    let leased = store
        .lease(LeaseAsk {
            room,
            ..ask(100, 100)
        })
        .await
        .unwrap();
    assert_eq!(
        recipients(&leased),
        ["u0@a.example", "u1@a.example", "u2@a.example"]
    );
}

#[tokio::test]
async fn a_letter_is_never_leased_twice() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters: Vec<String> = (0..400)
        .map(|n| plain(&format!("u{n}@d{}.example", n % 7)))
        .collect();
    let all: HashSet<LetterId> = accepted(&store, &letters).await.into_iter().collect();
    let other = support::store(&pool).await;
    let mut taken = Vec::new();
    while taken.len() < all.len() {
        let (one, two) = tokio::join!(store.lease(ask(40, 20)), other.lease(ask(40, 20)));
        let both = [one.unwrap().letters, two.unwrap().letters].concat();
        assert!(!both.is_empty(), "{} of 400 were leased", taken.len());
        taken.extend(both.iter().map(postrider::port::LeasedLetter::id));
    }
    assert_eq!(taken.len(), 400);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), all);
}

#[tokio::test]
async fn a_queued_letter_comes_flagged_once_its_recipient_is_suppressed() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    accepted(&store, &[plain("anna@mail.ru")]).await;
    let mut heard = store.suppression_news();
    store
        .suppress(&ban("Anna@mail.ru", Scope::Marketing))
        .await
        .unwrap();
    let leased = support::lease(&store, 10).await;
    assert_eq!(
        leased[0].suppressed,
        Some(postrider::mail::Reason::HardBounce)
    );
    assert_eq!(
        heard.recv().await.unwrap(),
        SuppressionNews::Suppressed(PgStore::mark(&Address::parse("anna@mail.ru").unwrap()))
    );
}

#[tokio::test]
async fn a_row_that_is_no_letter_comes_as_broken() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    sqlx::query("update postrider.letter set to_address = 'not an address'")
        .execute(&pool)
        .await
        .unwrap();
    let leased = support::lease(&store, 10).await;
    let broken = leased[0].letter.as_ref().unwrap_err();
    assert_eq!((broken.id, broken.fault.field.as_str()), (ids[0], "to"));
}

#[tokio::test]
async fn whoever_waits_for_work_hears_of_an_enqueue() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let patience = Duration::from_mins(1);
    let begun = tokio::time::Instant::now();
    accepted(&store, &[plain("anna@mail.ru")]).await;
    store.wait_for_work(patience).await;
    assert!(begun.elapsed() < patience);
}

/// The lease's plan over 1,000 lanes and one of `blocked` letters that has no room.
async fn plan(blocked: i32) -> (u64, String) {
    let pool = support::database().await;
    let mut connection = PgConnection::connect_with(&pool.connect_options())
        .await
        .unwrap();
    let run = async |connection: &mut PgConnection, sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(connection)
            .await
            .unwrap();
    };
    run(&mut connection, format!(
        "insert into postrider.queue (letter_id, due_at, lane, shard, priority, ready)
        select gen_random_uuid(), '2026-01-01', lane, 0, 5, true from generate_series(1, 1000) as lane;
        insert into postrider.queue (letter_id, due_at, lane, shard, priority, ready)
        select gen_random_uuid(), '2026-01-01', 500, 0, 5, true from generate_series(1, {blocked});"
    )).await;
    for (setting, value) in HOT_SETTINGS {
        run(&mut connection, format!("set {setting} = {value}")).await;
    }
    let lease = include_str!("../../src/store/lease.sql");
    run(
        &mut connection,
        format!("prepare lease (uuid, timestamptz, int, int, text, int, timestamptz, int, int, int) as {lease}"),
    )
    .await;
    let (plan,): (serde_json::Value,) = sqlx::query_as(
        "explain (analyze, buffers, format json) execute lease(gen_random_uuid(), '2027-01-01', 2000, 10, \
            '{\"500\": [0, 0]}', 0, '2026-01-02', 9, 2, null)",
    )
    .persistent(false)
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let plan = &plan[0]["Plan"];
    let blocks =
        plan["Shared Hit Blocks"].as_u64().unwrap() + plan["Shared Read Blocks"].as_u64().unwrap();
    (blocks, plan.to_string())
}

#[tokio::test]
async fn a_long_lane_without_room_costs_no_more_than_a_short_one() {
    let (short, _) = plan(1_000).await;
    let (long, plan) = plan(100_000).await;
    // A deeper index and freshly split pages cost a little; reading the lane would cost a block per letter or so.
    assert!(long < short * 3 / 2, "{short} blocks, then {long}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
    assert!(plan.contains("queue_ready"), "{plan}");
}

#[tokio::test]
async fn a_look_is_bounded_and_says_where_it_ended() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    sqlx::query(
        "insert into postrider.queue (letter_id, due_at, lane, shard, priority, ready)
        select gen_random_uuid(), '2026-01-01', lane, 0, 5, true from generate_series(1, 2500) as lane",
    )
    .execute(&pool)
    .await
    .unwrap();
    let room = (1..=2_500).map(|id| (Lane(id), LaneRoom::NONE)).collect();
    let leased = store
        .lease(LeaseAsk {
            room,
            ..ask(10, 10)
        })
        .await
        .unwrap();
    assert!(leased.letters.is_empty());
    let last = leased.resume.map(Cursor::lane);
    assert_eq!(last, Some(Lane(2_000)));
}

/// Letters to `lanes` domains of priority 1 without room, and one of priority 5 to a domain with room: how many looks it takes
/// until that one is leased.
async fn looks_past(lanes: usize) -> Option<usize> {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let urgent = |n| letter(&format!("u@d{n}.example"), json!({"priority": 1}));
    let blocked: Vec<String> = (0..lanes).map(urgent).collect();
    for some in blocked.chunks(500) {
        accepted(&store, some).await;
    }
    accepted(&store, &[letter("anna@mail.ru", json!({"priority": 5}))]).await;
    let known: Vec<i32> =
        sqlx::query_scalar("select id from postrider.lane where domain like 'd%'")
            .fetch_all(&pool)
            .await
            .unwrap();
    let room = known.into_iter().map(|id| (Lane(id), LaneRoom::NONE));
    let room: Vec<(Lane, LaneRoom)> = room.collect();
    let mut after = None;
    for look in 1..=10 {
        let wish = LeaseAsk {
            room: room.clone(),
            after,
            ..ask(100, 100)
        };
        let leased = store.lease(wish).await.unwrap();
        if !leased.letters.is_empty() {
            return Some(look);
        }
        after = leased.resume;
    }
    None
}

#[tokio::test]
async fn as_many_blocked_lanes_as_one_look_sees_hold_nobody_back() {
    assert_eq!(looks_past(1_990).await, Some(1));
}

#[tokio::test]
async fn more_blocked_lanes_than_one_look_sees_hold_nobody_back() {
    assert_eq!(looks_past(2_100).await, Some(2));
}

#[tokio::test]
async fn the_most_active_readers_of_a_domain_go_first_and_strangers_last() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let active = |name: &str, days: u64| {
        let at = START.minus(Duration::from_hours(24) * u32::try_from(days).unwrap());
        letter(
            &format!("{name}@mail.ru"),
            json!({"last_active_at": at.to_string()}),
        )
    };
    let letters = [
        plain("nobody@mail.ru"),
        active("month", 30),
        active("today", 0),
        active("year", 365),
        active("week", 7),
    ];
    accepted(&store, &letters).await;
    let mut order = Vec::new();
    for _ in &letters {
        order.extend(recipients(&store.lease(ask(1, 1)).await.unwrap()));
    }
    let names = ["today", "week", "month", "year", "nobody"];
    assert_eq!(order, names.map(|name| format!("{name}@mail.ru")));
    // Nobody was active tomorrow, or at a time that is none.
    let tomorrow = START.plus(Duration::from_hours(48)).to_string();
    let odd = json!({"last_active_at": tomorrow});
    accepted(&store, &[letter("early@mail.ru", odd)]).await;
    let bad = json!({"last_active_at": "yesterday"});
    let answers = support::enqueue(&store, &[letter("late@mail.ru", bad)]).await;
    assert!(
        matches!(&answers[0], Answer::Invalid { field, .. } if field == "last_active_at"),
        "{answers:?}"
    );
}
