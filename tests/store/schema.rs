//! Migrations and partitions.

use std::time::Duration;

use postrider::store::PgStore;
use sqlx::PgPool;

use crate::support::{self, START, accepted, count, plain};

const DAY: Duration = Duration::from_hours(24);
const DAYS_MADE: &str = "select count(*) from pg_inherits
    where inhparent = 'postrider.event'::regclass and inhrelid <> 'postrider.event_default'::regclass";

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let options = support::empty_database().await;
    let (one, two, three) = tokio::join!(
        PgStore::migrate(&options),
        PgStore::migrate(&options),
        PgStore::migrate(&options)
    );
    one.unwrap();
    two.unwrap();
    three.unwrap();
    PgStore::migrate(&options).await.unwrap();
    let pool = PgPool::connect_with(options).await.unwrap();
    let twice = "select count(*) - count(distinct version) from postrider.migration";
    assert_eq!(count(&pool, twice).await, 0);
}

#[tokio::test]
async fn history_moves_into_its_day_and_goes_with_it() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    assert_eq!(
        count(&pool, "select count(*) from postrider.event_default").await,
        1
    );

    assert_eq!(store.make_event_days(START, 2).await.unwrap(), 3);
    assert_eq!(store.make_event_days(START, 2).await.unwrap(), 0);
    assert_eq!(
        count(&pool, "select count(*) from postrider.event_default").await,
        0
    );
    assert_eq!(support::story(&store, ids[0]).await, "queued");

    assert_eq!(store.drop_event_days(START).await.unwrap(), 0);
    assert_eq!(store.drop_event_days(START.plus(DAY)).await.unwrap(), 1);
    assert_eq!(count(&pool, DAYS_MADE).await, 2);
    assert_eq!(support::story(&store, ids[0]).await, "");
}

#[tokio::test]
async fn two_nodes_make_the_same_days_once() {
    let pool = support::database().await;
    let (one, two) = (support::store(&pool).await, support::store(&pool).await);
    let (one, two) = tokio::join!(one.make_event_days(START, 4), two.make_event_days(START, 4));
    assert_eq!(one.unwrap() + two.unwrap(), 5);
}

#[tokio::test]
async fn only_finished_letters_are_purged() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let ids = accepted(&store, &[plain("anna@mail.ru"), plain("boris@mail.ru")]).await;
    store.cancel(ids[0], START).await.unwrap();
    assert_eq!(store.purge_letters(START, 10).await.unwrap(), 0);
    assert_eq!(store.purge_letters(START.plus(DAY), 10).await.unwrap(), 1);
    assert!(store.letter(ids[0]).await.unwrap().is_none());
    assert!(store.letter(ids[1]).await.unwrap().is_some());
}

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_stored_only_as_a_hash() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let text = store.new_key("shop", [7; 32], START).await.unwrap();
    assert_eq!(
        store.key_owner(&text).await.unwrap().as_deref(),
        Some("shop")
    );
    assert_eq!(store.key_owner("postrider_guess").await.unwrap(), None);
    let bare: bool = sqlx::query_scalar(
        "select bool_or(position($1::bytea in k.hash) > 0) from postrider.api_key k",
    )
    .bind([7_u8; 8].as_slice())
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(!bare);
    assert_eq!(store.revoke_keys("shop", START).await.unwrap(), 1);
    assert_eq!(store.key_owner(&text).await.unwrap(), None);
    assert!(store.keys().await.unwrap()[0].revoked_at.is_some());
}

#[tokio::test]
async fn four_months_of_upkeep_keep_ninety_days_of_history_and_the_next_three() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    for day in 0..120 {
        let now = START.plus(DAY * day);
        store.make_event_days(now, 3).await.unwrap();
        store.drop_event_days(now.minus(DAY * 90)).await.unwrap();
        // Tomorrow is made before it comes, and nothing old stays longer than it should.
        let kept = i64::from(day.min(90)) + 4;
        assert_eq!(count(&pool, DAYS_MADE).await, kept, "day {day}");
    }
}
