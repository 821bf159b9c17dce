//! Requests that are refused as a whole.

use std::{convert::Infallible, future::Future, pin::Pin, sync::atomic::Ordering, time::Duration};

use axum::{body::Body, http::header};
use futures_util::stream;
use postrider::http::Limits;
use serde_json::{Value, json};

use crate::house::{House, assert_page, letter, limits, open, open_with};

/// Each with its snapshot's name, method, address, media type and body.
const CASES: [(&str, &str, &str, &str, &str); 17] = [
    (
        "no_json",
        "POST",
        "/v1/letters",
        "application/json",
        "{\"to\": ",
    ),
    (
        "no_object",
        "POST",
        "/v1/letters",
        "application/json",
        "\"letter\"",
    ),
    ("empty_body", "POST", "/v1/letters", "application/json", ""),
    (
        "broken_array",
        "POST",
        "/v1/letters",
        "application/json",
        "[{}, {]",
    ),
    (
        "wrong_type",
        "POST",
        "/v1/letters",
        "application/x-www-form-urlencoded",
        "{}",
    ),
    (
        "wrong_method",
        "PUT",
        "/v1/letters",
        "application/json",
        "{}",
    ),
    (
        "no_such_address",
        "GET",
        "/v2/letters",
        "application/json",
        "",
    ),
    (
        "no_such_letter",
        "GET",
        "/v1/letters/019a9c7e-0000-7000-8000-000000000000",
        "application/json",
        "",
    ),
    (
        "no_letter_id",
        "GET",
        "/v1/letters/7",
        "application/json",
        "",
    ),
    (
        "wrong_cursor",
        "GET",
        "/v1/events?after=yesterday",
        "application/json",
        "",
    ),
    (
        "limit_too_high",
        "GET",
        "/v1/events?limit=1001",
        "application/json",
        "",
    ),
    (
        "limit_no_number",
        "GET",
        "/v1/events?limit=many",
        "application/json",
        "",
    ),
    (
        "wait_too_long",
        "GET",
        "/v1/events?wait=31",
        "application/json",
        "",
    ),
    (
        "misspelt_query",
        "GET",
        "/v1/events?afetr=1-1",
        "application/json",
        "",
    ),
    (
        "entry_without_address",
        "POST",
        "/v1/suppressions",
        "application/json",
        "{}",
    ),
    (
        "entry_with_bad_address",
        "POST",
        "/v1/suppressions",
        "application/json",
        "{\"address\": \"anna\"}",
    ),
    (
        "remove_without_address",
        "DELETE",
        "/v1/suppressions",
        "application/json",
        "",
    ),
];

#[tokio::test]
async fn a_refusal_says_what_to_change() {
    let house = open().await;
    for (name, method, address, kind, body) in CASES {
        let request = house.request(method, address, kind, body);
        assert_page(&format!("refused_{name}"), &house.tell(request).await);
    }
    assert_eq!(house.count_letters().await, 0);
}

#[tokio::test]
async fn binary_and_depth_are_refused_and_break_nothing() {
    let house = open().await;
    for octets in [
        &b"\x00\x01\xfe\xff"[..],
        b"\x1f\x8b\x08\x00",
        b"{\"to\": \"\xff\"}",
    ] {
        let told = house.post("application/json", octets).await;
        assert_eq!(told.status, 400, "{octets:?}");
    }
    let deep = format!("{{\"to\": {}{}}}", "[".repeat(900), "]".repeat(900));
    let told = house.post("application/json", deep).await;
    assert_eq!(told.status, 422);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_without_reading_on() {
    let house = open().await;
    let long = "x".repeat(20_001);
    assert_page(
        "refused_body_too_long",
        &house.post("application/json", long).await,
    );
    let many = Value::from(vec![json!({}); 51]).to_string();
    assert_page(
        "refused_array_too_long",
        &house.post("application/json", many).await,
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let silence = Duration::from_millis(10);
    let house = open_with(Limits {
        silence,
        ..limits()
    })
    .await;
    let never = Body::from_stream(stream::pending::<Result<&str, Infallible>>());
    assert_page(
        "refused_body_too_slow",
        &house.post("application/json", never).await,
    );
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let house = open().await;
    let mut request = house.request("POST", "/v1/letters", "application/json", "{}");
    let gzip = header::HeaderValue::from_static("gzip");
    request.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    assert_page("refused_encoding", &house.tell(request).await);
}

type Asking<'a> = Pin<Box<dyn Future<Output = crate::house::Told> + 'a>>;

fn everything_that_needs_the_database(house: &House) -> Vec<Asking<'_>> {
    vec![
        Box::pin(house.post("application/json", letter("anna@example.org").to_string())),
        Box::pin(house.get("/v1/events")),
        Box::pin(house.get("/v1/suppressions")),
        Box::pin(house.get("/readyz")),
    ]
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_tells_nothing_of_our_inside() {
    let house = open().await;
    house.get("/v1/events").await;
    house.store.close().await;
    for asking in everything_that_needs_the_database(&house) {
        let told = asking.await;
        assert_eq!(told.status, 503);
        assert_eq!(told.headers["retry-after"], "5");
        assert!(!told.text().contains("pool"), "{}", told.text());
    }
    let told = house.post("application/json", letter("anna@example.org").to_string());
    assert_page("refused_letter_database_away", &told.await);
    assert_page("refused_database_away", &house.get("/v1/events").await);
    assert_eq!(house.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn readiness_follows_the_engine_and_the_stop() {
    let house = open().await;
    assert_page("ready", &house.get("/readyz").await);
    house.engine_works.store(false, Ordering::Relaxed);
    assert_page("not_ready", &house.get("/readyz").await);
    house.engine_works.store(true, Ordering::Relaxed);
    house.stop.cancel();
    assert_eq!(house.get("/readyz").await.status, 503);
    assert_page("lives", &house.ask("GET", "/healthz", Body::empty()).await);
}
