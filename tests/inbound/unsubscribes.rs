//! Readers who want no more: by a letter, and by one click.

use std::time::Duration;

use axum::{Router, body::Body, http::Request};
use postrider::{
    http::{Limits, unsubscribe_router},
    mail::{Address, LetterId, State},
    token::Kind,
};
use tower::ServiceExt;

use crate::{
    client::hand_over,
    desk,
    house::{House, address, named, open, reader, tokens},
    reports::note,
};

const CLICK: &str = "List-Unsubscribe=One-Click";

#[tokio::test]
async fn a_letter_to_the_unsubscribe_address_stops_the_stream_and_nothing_else() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::Unsubscribe, id);
    // An absence note that went astray is no wish.
    let away = note("Out of office", "Auto-Submitted: auto-replied\n");
    hand_over(house.smtp, &to, &away).await;
    assert_eq!(house.read(1).await, ["autoreply ignored -"]);
    assert!(house.suppressed().await.is_empty());
    hand_over(house.smtp, &to, &note("unsubscribe", "")).await;
    assert_eq!(house.read(2).await[1], "unsubscribe suppressed envelope");
    let stopped = ["anna stream:marketing unsubscribe"];
    assert_eq!(house.suppressed().await, stopped);
    assert_eq!(house.story(id).await, "queued delivered unsubscribed");
    let other = house.delivered_in("transactional", "anna").await;
    assert_eq!(house.state(other).await, State::Delivered);
    house.close().await;
}

#[tokio::test]
async fn a_return_path_cannot_unsubscribe() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::ReturnPath, id);
    hand_over(house.smtp, &to, &note("unsubscribe", "")).await;
    assert_eq!(house.read(1).await, ["other unrecognised -"]);
    let local = tokens().encode(Kind::ReturnPath, named(id));
    let crossed = format!("u+{local}@unsub.example.com");
    let reply = hand_over(house.smtp, &crossed, "").await;
    assert_eq!(reply, "550 5.1.1 No such address here");
    house.close().await;
}

fn router(house: &House) -> Router {
    let who = std::sync::Arc::new(reader(&house.world, &[]));
    unsubscribe_router(who, &["/o/".to_owned()], Limits::default())
}

async fn ask(house: &House, method: &str, token: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/o/{token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    let response = router(house).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    (status, String::from_utf8(bytes.unwrap().to_vec()).unwrap())
}

fn token(id: LetterId) -> String {
    tokens().encode(Kind::Unsubscribe, named(id))
}

#[tokio::test]
async fn one_click_works_once_or_twice_and_a_look_never_does() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let waiting = house.queued("anna").await;
    let token = token(id);
    for method in ["GET", "HEAD"] {
        let (status, page) = ask(&house, method, &token, "").await;
        assert_eq!(status, 200);
        assert_eq!(page.contains("<button>"), method == "GET");
    }
    assert_eq!(ask(&house, "POST", &token, "").await.0, 400);
    assert!(house.suppressed().await.is_empty());
    for token in [token.clone(), token.clone(), token.to_uppercase()] {
        assert_eq!(ask(&house, "POST", &token, CLICK).await.0, 200);
    }
    assert_eq!(house.story(id).await, "queued delivered unsubscribed");
    let stopped = ["anna stream:marketing unsubscribe"];
    assert_eq!(house.suppressed().await, stopped);
    // Who came back and presses the old link once more means it.
    let anna = Address::parse("anna@0.good.example").unwrap();
    house.world.store.unsuppress(&anna, None).await.unwrap();
    assert_eq!(ask(&house, "POST", &token, CLICK).await.0, 200);
    assert_eq!(house.suppressed().await, stopped);
    assert_eq!(house.story(id).await, "queued delivered unsubscribed");
    let engine = house.world.engine(&desk::Wishes::default()).await;
    house.world.settled().await;
    engine.stop().await;
    assert_eq!(house.state(waiting).await, State::Suppressed);
    house.close().await;
}

#[tokio::test]
async fn a_wrong_token_learns_nothing_and_an_old_one_the_truth() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let mut wrong = token(id);
    let last = if wrong.ends_with('a') { "b" } else { "a" };
    wrong.replace_range(47.., last);
    let crossed = tokens().encode(Kind::ReturnPath, named(id));
    for token in [wrong.as_str(), &crossed, "x", "%00"] {
        let looked = ask(&house, "GET", token, "").await;
        let pressed = ask(&house, "POST", token, CLICK).await;
        assert_eq!(looked, pressed, "{token}");
        assert_eq!(looked.0, 404, "{token}");
    }
    let store = &house.world.store;
    let later = store.letter(id).await.unwrap().unwrap().finished_at;
    let later = later.unwrap().plus(Duration::from_mins(1));
    assert_eq!(store.purge_letters(later, 10).await.unwrap(), 1);
    assert_eq!(ask(&house, "POST", &token(id), CLICK).await.0, 410);
    assert!(house.suppressed().await.is_empty());
    house.close().await;
}
