//! Letters, events and suppressions as they are read.

use std::collections::BTreeMap;

use postrider::mail::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::house::{assert_page, letter, letter_with, open};

#[tokio::test]
async fn a_letter_is_shown_with_its_state_and_history_but_not_its_words() {
    let house = open().await;
    let to = json!({"address": "Anna@Example.org", "name": "Анна", "locale": "ru", "time_zone": "Asia/Yekaterinburg"});
    let fields = json!({"to": to, "campaign": "autumn", "tags": ["a", "b"], "reply_to": "help@example.com",
        "send_at": "2026-11-19T08:00:00+05:00", "valid_until": "2026-11-20T00:00:00Z"});
    let ids = house.accepted(&[letter_with("", fields)]).await;
    assert_page(
        "shown_queued",
        &house.get(&format!("/v1/letters/{}", ids[0])).await,
    );
    let id = postrider::mail::LetterId(ids[0].parse().unwrap());
    let now = Timestamp::from_seconds(1_795_000_060);
    house.store.cancel(id, now).await.unwrap();
    let told = house.get(&format!("/v1/letters/{id}")).await;
    assert!(!told.text().contains("variables"));
    assert_page("shown_cancelled", &told);
}

#[tokio::test]
async fn the_feed_is_read_page_by_page() {
    let house = open().await;
    let letters: Vec<Value> = (0..5)
        .map(|n| letter(&format!("r{n}@example.org")))
        .collect();
    house.accepted(&letters).await;
    assert_page(
        "events_first_page",
        &house.get("/v1/events?limit=2&wait=30").await,
    );
    let seen = house.read_events(String::new(), 2, 5).await.0;
    assert_eq!(seen.values().copied().collect::<Vec<_>>(), [1; 5]);
}

#[tokio::test]
async fn an_empty_feed_gives_back_the_cursor_to_go_on_from() {
    let house = open().await;
    assert_page("events_empty", &house.get("/v1/events").await);
    let page = house.get("/v1/events?after=7-3").await.json();
    assert_eq!(page["cursor"], "7-3");
}

#[tokio::test]
async fn a_waiting_reader_gets_what_happens_meanwhile() {
    let house = open().await;
    let (page, _) = tokio::join!(house.get("/v1/events?wait=30"), async {
        house.accepted(&[letter("anna@example.org")]).await
    });
    assert_eq!(page.json()["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_waiting_reader_is_sent_away_when_the_server_stops() {
    let house = open().await;
    house.stop.cancel();
    let page = house.get("/v1/events?wait=30").await;
    assert_eq!(page.json()["events"], json!([]));
}

async fn enqueue_by_sql(connection: &mut PgConnection, to: &str) -> String {
    let statement = format!("select postrider.enqueue('{}'::jsonb)->>'id'", letter(to));
    sqlx::query_scalar(AssertSqlSafe(statement))
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_event_is_seen_once_also_those_of_transactions_that_commit_late() {
    let house = open().await;
    let mut late = PgConnection::connect(&house.database.url()).await.unwrap();
    let mut expected = house.accepted(&[letter("before@example.org")]).await;
    let mut open = late.begin().await.unwrap();
    expected.push(enqueue_by_sql(&mut open, "late@example.org").await);
    let after: Vec<Value> = (0..7)
        .map(|n| letter(&format!("r{n}@example.org")))
        .collect();
    expected.extend(house.accepted(&after).await);
    let (mut seen, cursor) = house.read_events(String::new(), 3, 1).await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), [&expected[0]]);
    open.commit().await.unwrap();
    let (rest, _) = house.read_events(cursor, 3, 8).await;
    for (letter, times) in rest {
        *seen.entry(letter).or_default() += times;
    }
    let expected: BTreeMap<String, u32> = expected.into_iter().map(|id| (id, 1)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_suppression_is_added_shown_and_removed() {
    let house = open().await;
    let entry = json!({"address": "Vera@Example.org", "scope": "marketing", "note": "asked by phone",
        "until": "2027-01-01T00:00:00Z"});
    assert_page(
        "suppression_added",
        &house
            .ask("POST", "/v1/suppressions", entry.to_string())
            .await,
    );
    assert_page(
        "suppression_shown",
        &house.get("/v1/suppressions?address=vera@example.org").await,
    );
    let others = house.get("/v1/suppressions?address=anna@example.org").await;
    assert_eq!(others.json(), json!({"suppressions": []}));
    let address = "/v1/suppressions?address=VERA@example.org&scope=marketing";
    assert_eq!(
        house.ask("DELETE", address, "").await.json(),
        json!({"removed": 1})
    );
    assert_eq!(
        house.ask("DELETE", address, "").await.json(),
        json!({"removed": 0})
    );
}

#[tokio::test]
async fn an_entry_that_could_not_work_is_refused_with_the_reason() {
    let house = open().await;
    for (entry, why) in [
        (
            json!({"address": "a@example.org", "scope": "stream:"}),
            "`scope`",
        ),
        (
            json!({"address": "a@example.org", "scope": "all"}),
            "`scope`",
        ),
        (
            json!({"address": "a@example.org", "until": "2020-01-01T00:00:00Z"}),
            "`until`",
        ),
        (
            json!({"address": "a@example.org", "note": "\u{0}"}),
            "`note`",
        ),
        (
            json!({"address": "a@example.org", "note": "x".repeat(1001)}),
            "`note`",
        ),
    ] {
        let told = house
            .ask("POST", "/v1/suppressions", entry.to_string())
            .await;
        assert_eq!(told.status, 422, "{entry}");
        assert!(told.text().contains(why), "{}", told.text());
    }
}
