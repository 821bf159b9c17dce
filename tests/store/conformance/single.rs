//! What no course of statements shows: a wish for so much content, and waiting.

use std::time::Duration;

use postrider::port::{LeaseAsk, Store};
use tokio::time::{Instant, timeout};

use super::bench::{Bench, Postgres, VARIABLES, Wish, memory};
use crate::support::{START, ask};

/// Long enough for any machine; nobody waits so long who is called.
const LONG: Duration = Duration::from_mins(2);

async fn put(bench: &impl Bench, count: usize, wait: Duration) {
    for number in 0..count {
        let wish = Wish {
            to: format!("reader{number}@a.example"),
            stream: "marketing",
            priority: 5,
            send_at: (!wait.is_zero()).then(|| START.plus(wait)),
        };
        bench.enqueue(&wish, START).await.unwrap();
    }
}

/// A lease brings so much content and no more, but one letter at least; the rest is free at once.
async fn content_is_bounded(bench: &impl Bench) {
    let octets = VARIABLES.len() as u64;
    put(bench, 6, Duration::ZERO).await;
    let mut brought = Vec::new();
    for wish in [0, octets * 2, octets * 2 - 1, u64::MAX] {
        let ask = LeaseAsk {
            octets: wish,
            ..ask(10, 10)
        };
        brought.push(bench.store().lease(ask).await.unwrap().letters.len());
    }
    assert_eq!(brought, [1, 2, 1, 2]);
}

/// Whoever waits is called when letters are ready, and not when they only wait for their time.
async fn waiting_ends_with_work(bench: &impl Bench) {
    let (store, later, patience) = (
        bench.store(),
        Duration::from_secs(5),
        Duration::from_millis(200),
    );
    put(bench, 1, later).await;
    let begun = Instant::now();
    store.wait_for_work(patience).await;
    assert!(begun.elapsed() >= patience, "nothing is ready yet");
    let waits = timeout(LONG, store.wait_for_work(LONG * 2));
    let promotes = async { store.promote(START.plus(later), 10).await.unwrap() };
    let (called, moved) = tokio::join!(waits, promotes);
    assert_eq!((called, moved), (Ok(()), 1));
    // What is ready already calls too.
    assert_eq!(timeout(LONG, store.wait_for_work(LONG * 2)).await, Ok(()));
}

#[tokio::test]
async fn both_stores_bound_the_content_of_a_lease() {
    content_is_bounded(&Postgres::new().await).await;
    content_is_bounded(&memory()).await;
}

#[tokio::test]
async fn both_stores_call_whoever_waits_for_work() {
    waiting_ends_with_work(&Postgres::new().await).await;
    waiting_ends_with_work(&memory()).await;
}
