//! Addresses are the same in SQL and in Rust.

use postrider::mail::Address;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::PgPool;

use crate::support;

/// What each side makes of an address: the normal form and the key.
fn in_rust(text: &str) -> Option<(String, String)> {
    let address = Address::parse(text).ok()?;
    Some((address.to_string(), address.key()))
}

async fn in_sql(pool: &PgPool, texts: &[String]) -> Vec<Option<(String, String)>> {
    let rows: Vec<(Option<String>, Option<String>)> = sqlx::query_as(
        "select a, postrider.address_key(a) from unnest($1::text[]) with ordinality as u (given, n),
            lateral (select postrider.address(given) as a) as s order by n",
    )
    .bind(texts)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter().map(|(a, key)| a.zip(key)).collect()
}

async fn check(texts: Vec<String>) {
    let pool = support::database().await;
    let found = in_sql(&pool, &texts).await;
    for (text, sql) in texts.iter().zip(found) {
        assert_eq!(sql, in_rust(text), "{text:?}");
    }
}

#[tokio::test]
async fn known_odd_addresses_have_one_form_and_one_key() {
    let texts = [
        "Anna.Smirnova@Mail.RU",
        "o'neil+tag@example.com",
        "ANNA@ДОМЕН.рф",
        "anna@xn--d1acufc.xn--p1ai",
        "ПОЧТАΣ@пример.рф",
        "a@bücher.example",
        "a@faß.example",
        "a@例え.テスト",
        "a@例え。テスト",
        "a@example.com.",
        "a@ΒΌΛΟΣ.example",
        "a@xn--.com",
        "a@xn--a.com",
        "a@xn--zzzzzzzzzz.com",
        "a@XN--D1ACUFC.рф",
        "",
        "@example.com",
        "a@",
        "a b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@b@example.com",
        "a@localhost",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@-bad.com",
        "a@bad-.com",
        "a@ba_d.com",
        "a@a--b.com",
        "a@.com",
        "a@example..com",
        "a\u{a0}b@example.com",
        "a\u{85}b@example.com",
        "a\r\n@example.com",
        "a@exam ple.com",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    texts.push(format!("{}@example.com", "x".repeat(64)));
    texts.push(format!("{}@example.com", "x".repeat(65)));
    texts.push(format!("{}@example.com", "я".repeat(33)));
    texts.push(format!("a@{}.com", "x".repeat(64)));
    texts.push(format!("a@{}com", "x.".repeat(130)));
    texts.push(format!("{}@{}com", "y".repeat(64), "x.".repeat(93)));
    texts.push(format!("{}@{}com", "y".repeat(64), "x.".repeat(94)));
    check(texts).await;
}

#[tokio::test]
async fn generated_addresses_have_one_form_and_one_key() {
    let parts = (
        "[a-zA-Zа-яА-ЯёЁäöüÄß0-9.+_'-]{1,12}",
        "[a-zA-Zа-яА-ЯёЁäöüÄßα-ωΑ-Ρ0-9-]{1,14}",
        "(com|ru|РФ|рф|example|xn--p1ai|de|123)",
    );
    let addresses = parts.prop_map(|(local, name, top)| format!("{local}@{name}.{top}"));
    let mut runner = TestRunner::new(Config::default());
    let texts = (0..2_000)
        .map(|_| addresses.new_tree(&mut runner).unwrap().current())
        .collect();
    check(texts).await;
}
