//! The feed of events.

use postrider::store::Cursor;
use sqlx::Connection;

use crate::support::{self, accepted, plain};

#[tokio::test]
async fn the_feed_never_skips_a_transaction_that_commits_late() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let mut slow = sqlx::PgConnection::connect_with(&pool.connect_options())
        .await
        .unwrap();
    let mut late = slow.begin().await.unwrap();
    sqlx::query("select postrider.enqueue($1::text::jsonb)")
        .bind(plain("late@mail.ru"))
        .execute(&mut *late)
        .await
        .unwrap();
    let quick = accepted(&store, &[plain("quick@mail.ru")]).await;

    let before = store.events_after(Cursor::default(), 10).await.unwrap();
    assert_eq!(before, [], "the quick one waits for the older transaction");
    late.commit().await.unwrap();
    let after = support::feed(&store, Cursor::default(), 2).await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[1].letter, quick[0]);
}

#[tokio::test]
async fn a_reader_that_goes_on_from_its_cursor_sees_every_event_once() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let mut sent = Vec::new();
    for batch in 0..3 {
        let letters: Vec<String> = (0..5)
            .map(|n| plain(&format!("u{batch}x{n}@mail.ru")))
            .collect();
        sent.extend(accepted(&store, &letters).await);
    }
    support::feed(&store, Cursor::default(), sent.len()).await;
    let mut seen = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let page = store.events_after(cursor, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Cursor::parse(&last.cursor.to_string()).unwrap();
        seen.extend(page.into_iter().map(|event| event.letter));
    }
    assert_eq!(seen, sent);
}
