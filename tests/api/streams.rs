//! `POST /v1/letters` with a stream of letters.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::house::{House, Told, assert_page, letter, limits, open, open_with};

fn body(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(pieces.map(Ok::<_, Infallible>))
}

fn line(number: usize) -> Bytes {
    format!("{}\n", letter(&format!("r{number}@example.org"))).into()
}

/// So many letters, and how many of them have been taken so far.
fn counted_lines(count: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let lines = stream::iter(1..=count).map(move |number| {
        counter.fetch_add(1, Ordering::Relaxed);
        line(number)
    });
    (body(lines), taken)
}

fn statuses(lines: &[Value]) -> Vec<String> {
    let one = |line: &Value| format!("{} {}", line["line"], line["status"].as_str().unwrap());
    lines.iter().map(one).collect()
}

#[tokio::test]
async fn a_bad_line_costs_only_itself() {
    let house = open().await;
    let mut stream = Vec::new();
    for part in [
        letter("anna@example.org").to_string().as_bytes(),
        b"\n\r\n  \n{\"to\": \n[]\n{\"to\": \"\xff\"}\n\x00\n",
        letter("no address").to_string().as_bytes(),
        b"\n{\"raw\": \"",
        "x".repeat(3_000).as_bytes(),
        b"\"}\n",
        format!("{{\"to\": {}{}}}\n", "[".repeat(900), "]".repeat(900)).as_bytes(),
        b"{\"to\": \"\\u0000\\ud800\"}\n{\"priority\": 1e999999}\n",
        letter("boris@example.org").to_string().as_bytes(),
    ] {
        stream.extend_from_slice(part);
    }
    assert_page("stream_bad_lines", &house.stream(stream).await);
    assert_eq!(house.count_letters().await, 2);
}

#[tokio::test]
async fn an_empty_stream_has_no_answers() {
    let house = open().await;
    for nothing in ["", "\n", "\r\n\n  "] {
        let told = house.stream(nothing).await;
        assert_eq!((told.status.as_u16(), told.text()), (200, ""));
    }
}

#[tokio::test]
async fn a_letter_cut_into_octets_is_the_same_letter() {
    let house = open().await;
    let octets = [line(1), line(2)].concat();
    let told = house
        .stream(body(
            stream::iter(octets).map(|octet| Bytes::from(vec![octet])),
        ))
        .await;
    assert_eq!(statuses(&told.lines()), ["1 accepted", "2 accepted"]);
}

#[tokio::test]
async fn twenty_thousand_letters_are_answered_in_order_and_never_read_far_ahead() {
    let count = 20_000;
    let house = open_with(postrider::http::Limits {
        batch: 500,
        ..limits()
    })
    .await;
    let (lines, taken) = counted_lines(count);
    let request = house.request("POST", "/v1/letters", "application/x-ndjson", lines);
    let mut answers = house.send(request).await.into_body().into_data_stream();
    let mut answered = 0;
    while let Some(piece) = answers.next().await {
        for answer in std::str::from_utf8(&piece.unwrap()).unwrap().lines() {
            answered += 1;
            let answer: Value = serde_json::from_str(answer).unwrap();
            assert_eq!(answer["line"], answered);
            assert_eq!(answer["status"], "accepted");
        }
        assert!(taken.load(Ordering::Relaxed) <= answered + 500);
    }
    assert_eq!(answered, count);
    assert_eq!(house.count_letters().await, 20_000);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_not_read_from() {
    let house = open().await;
    let (lines, taken) = counted_lines(10_000);
    let request = house.request("POST", "/v1/letters", "application/x-ndjson", lines);
    let mut answers = house.send(request).await.into_body().into_data_stream();
    assert_eq!(taken.load(Ordering::Relaxed), 0);
    answers.next().await.unwrap().unwrap();
    let one_batch = limits().batch;
    assert_eq!(taken.load(Ordering::Relaxed), one_batch);
    assert_eq!(
        house.count_letters().await,
        i64::try_from(one_batch).unwrap()
    );
}

/// A stream of one letter after which nothing comes for ever.
fn one_then_silence() -> Body {
    body(stream::iter([line(1)]).chain(stream::pending()))
}

#[tokio::test]
async fn a_letter_is_answered_while_the_stream_stays_open() {
    let house = open().await;
    let request = house.request(
        "POST",
        "/v1/letters",
        "application/x-ndjson",
        one_then_silence(),
    );
    let mut answers = house.send(request).await.into_body().into_data_stream();
    let answer = answers.next().await.unwrap().unwrap();
    assert!(answer.starts_with(b"{\"line\":1,\"status\":\"accepted\""));
}

#[tokio::test]
async fn a_silent_client_is_told_and_left() {
    let silence = Duration::from_millis(50);
    let house = open_with(postrider::http::Limits {
        silence,
        ..limits()
    })
    .await;
    let told = house.stream(one_then_silence()).await;
    assert_eq!(statuses(&told.lines()), ["1 accepted", "2 error"]);
}

#[tokio::test]
async fn a_stream_ends_in_good_order_when_the_server_stops() {
    let house = open().await;
    let request = house.request(
        "POST",
        "/v1/letters",
        "application/x-ndjson",
        one_then_silence(),
    );
    let mut answers = house.send(request).await.into_body().into_data_stream();
    answers.next().await.unwrap().unwrap();
    house.stop.cancel();
    let last = answers.next().await.unwrap().unwrap();
    insta::assert_snapshot!(std::str::from_utf8(&last).unwrap().trim(), @r#"{"line":2,"status":"error","why":"the server is being stopped"}"#);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_stream_without_end_does_not_keep_a_stopping_server_busy() {
    let house = open().await;
    let endless = body(stream::iter(1..).map(line));
    let request = house.request("POST", "/v1/letters", "application/x-ndjson", endless);
    let mut answers = house.send(request).await.into_body().into_data_stream();
    answers.next().await.unwrap().unwrap();
    house.stop.cancel();
    let last = answers.next().await.unwrap().unwrap();
    let word = format!("{{\"line\":{},\"status\":\"error\"", limits().batch + 1);
    assert!(last.starts_with(word.as_bytes()), "{last:?}");
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn half_a_letter_of_a_broken_body_is_not_enqueued() {
    let house = open().await;
    let whole = line(1);
    let half = line(2).slice(..20);
    let pieces = [Ok(whole), Ok(half), Err(std::io::Error::other("hung up"))];
    let told = house.stream(Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(statuses(&told.lines()), ["1 accepted", "2 error"]);
    assert_eq!(house.count_letters().await, 1);
}

#[tokio::test]
async fn letters_answered_before_the_database_went_away_exist() {
    let house = open().await;
    let store = house.store.clone();
    let batch = limits().batch;
    let lines = stream::iter(1..=2 * batch).then(move |number| {
        let store = store.clone();
        async move {
            if number == batch + 1 {
                store.close().await;
            }
            line(number)
        }
    });
    let told = house.stream(body(lines)).await.lines();
    assert_eq!(told.len(), batch + 1);
    assert_eq!(told[batch]["line"], batch + 1);
    assert_eq!(told[batch]["status"], "error");
    assert_eq!(house.count_letters().await, i64::try_from(batch).unwrap());
}

#[tokio::test]
async fn a_place_is_kept_until_the_stream_ends() {
    let house = open_with(postrider::http::Limits {
        requests: 1,
        ..limits()
    })
    .await;
    let (finish, finished) = oneshot::channel::<()>();
    let end = stream::once(async move {
        finished.await.unwrap();
        Bytes::new()
    });
    let lines = body(stream::iter([line(1)]).chain(end));
    let request = house.request("POST", "/v1/letters", "application/x-ndjson", lines);
    let first = house.send(request).await;
    assert_page("refused_no_room", &other_request(&house).await);
    assert_eq!(house.get("/healthz").await.status, 200);
    finish.send(()).unwrap();
    assert_eq!(Told::read(first).await.lines().len(), 1);
    assert_eq!(other_request(&house).await.status, 200);
}

async fn other_request(house: &House) -> Told {
    house.get("/v1/suppressions").await
}
