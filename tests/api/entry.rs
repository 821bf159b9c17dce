//! Who may enter.

use axum::{
    body::Body,
    http::{Request, header},
};

use crate::house::{House, Told, assert_page, open};

async fn with(house: &House, authorization: Option<&str>) -> Told {
    let mut request = Request::get("/v1/events");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    house.tell(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn nobody_enters_without_a_good_key() {
    let house = open().await;
    assert_page("refused_no_key", &with(&house, None).await);
    assert_page(
        "refused_wrong_key",
        &with(&house, Some("Bearer postrider_wrong")).await,
    );
    for value in ["Basic c2hvcA==", "Bearer", "Bearer ", &house.key] {
        assert_eq!(with(&house, Some(value)).await.status, 401, "{value}");
    }
    let good = format!("bearer {}", house.key);
    assert_eq!(with(&house, Some(&good)).await.status, 200);
}

#[tokio::test]
async fn every_address_below_v1_wants_a_key() {
    let house = open().await;
    for (method, address) in [
        ("POST", "/v1/letters"),
        ("GET", "/v1/letters/7"),
        ("GET", "/v1/events"),
        ("GET", "/v1/suppressions"),
        ("POST", "/v1/suppressions"),
        ("DELETE", "/v1/suppressions?address=anna@example.org"),
    ] {
        let request = Request::builder().method(method).uri(address);
        let told = house.tell(request.body(Body::empty()).unwrap()).await;
        assert_eq!(told.status, 401, "{method} {address}");
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_half_a_minute_later() {
    let house = open().await;
    assert_eq!(house.get("/v1/events").await.status, 200);
    let now = postrider::mail::Timestamp::from_seconds(1_795_000_001);
    assert_eq!(house.store.revoke_keys("shop", now).await.unwrap(), 1);
    house.move_clock(29);
    assert_eq!(house.get("/v1/events").await.status, 200);
    house.move_clock(1);
    assert_eq!(house.get("/v1/events").await.status, 401);
}

#[tokio::test]
async fn a_key_found_good_is_not_asked_for_again_at_once() {
    let house = open().await;
    assert_eq!(house.get("/v1/letters/7").await.status, 404);
    house.store.close().await;
    // The address is looked at after the key, and this one needs no database.
    assert_eq!(house.get("/v1/letters/7").await.status, 404);
    house.move_clock(30);
    assert_eq!(house.get("/v1/letters/7").await.status, 503);
}
