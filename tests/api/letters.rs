//! `POST /v1/letters` with one letter or an array.

use serde_json::{Value, json};

use crate::house::{House, assert_page, letter, letter_with, open};

async fn post(house: &House, letter: &Value) -> crate::house::Told {
    house.post("application/json", letter.to_string()).await
}

#[tokio::test]
async fn one_letter_gets_the_status_of_its_answer() {
    let house = open().await;
    let keyed = letter_with("anna@example.org", json!({"idempotency_key": "order-7"}));
    assert_page("letter_accepted", &post(&house, &keyed).await);
    assert_page("letter_duplicate", &post(&house, &keyed).await);
    let other = letter_with("boris@example.org", json!({"idempotency_key": "order-7"}));
    assert_page("letter_conflict", &post(&house, &other).await);
    let misspelt = letter_with("anna@example.org", json!({"valid_untill": "tomorrow"}));
    assert_page("letter_invalid", &post(&house, &misspelt).await);
    let entry = json!({"address": "vera@example.org"}).to_string();
    house.ask("POST", "/v1/suppressions", entry).await;
    assert_page(
        "letter_suppressed",
        &post(&house, &letter("vera@example.org")).await,
    );
    assert_eq!(house.count_letters().await, 1);
}

#[tokio::test]
async fn a_time_zone_that_does_not_exist_is_named() {
    let house = open().await;
    let to = json!({"address": "anna@example.org", "time_zone": "Europe/Atlantis"});
    let told = post(&house, &letter_with("", json!({"to": to}))).await;
    assert_page("letter_in_no_time_zone", &told);
    let to = json!({"address": "anna@example.org", "time_zone": "Asia/Yekaterinburg"});
    assert_eq!(
        post(&house, &letter_with("", json!({"to": to})))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn an_array_is_answered_element_by_element() {
    let house = open().await;
    let letters = json!([
        letter("anna@example.org"),
        7,
        letter("no address"),
        {"stream": "marketing", "to": "a\u{0}@example.org"},
        letter("boris@example.org"),
    ]);
    assert_page("array", &post(&house, &letters).await);
    assert_eq!(house.count_letters().await, 2);
}

#[tokio::test]
async fn an_empty_array_has_no_answers() {
    let house = open().await;
    assert_eq!(post(&house, &json!([])).await.text(), "[]");
}

#[tokio::test]
async fn a_letter_with_a_charset_in_its_type_is_taken() {
    let house = open().await;
    let told = house
        .post(
            "Application/JSON; charset=utf-8",
            letter("anna@example.org").to_string(),
        )
        .await;
    assert_eq!(told.status, 201);
}

#[tokio::test]
async fn what_came_in_is_counted_by_its_answer() {
    let house = open().await;
    post(&house, &letter("anna@example.org")).await;
    house.stream("no letter\n").await;
    let metrics = house.get("/metrics").await;
    let counts: Vec<&str> = metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("postrider_letters_enqueued_total"))
        .collect();
    insta::assert_snapshot!(counts.join("\n"), @r#"
    postrider_letters_enqueued_total{answer="accepted",door="http"} 1
    postrider_letters_enqueued_total{answer="invalid",door="http"} 1
    "#);
}
