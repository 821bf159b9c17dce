//! Expired leases, letters in doubt, and the late words that still count.

use std::time::Duration;

use postrider::{
    mail::{EventKind, LetterId, Next, State, Timestamp},
    port::{Claim, LeasedLetter, Store},
    store::PgStore,
};

use crate::support::{
    self, START, accepted, adopt, count, delivered, lease, plain, settlement, state, story,
};

const LATER: Timestamp = Timestamp::from_seconds(START.seconds() + 3_600);

/// A letter whose holder fell silent, in the hands of its heir.
async fn orphan() -> (sqlx::PgPool, PgStore, LetterId, LeasedLetter, LeasedLetter) {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let id = accepted(&store, &[plain("anna@mail.ru")]).await[0];
    let old = lease(&store, 1).await.remove(0);
    let heir = adopt(&store, LATER).await.remove(0);
    (pool, store, id, old, heir)
}

fn held() -> Next {
    Next::Finish(State::InDoubt)
}

fn again() -> Next {
    Next::Retry {
        due: LATER.plus(Duration::from_mins(5)),
    }
}

async fn queued(pool: &sqlx::PgPool) -> i64 {
    count(pool, "select count(*) from postrider.queue").await
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_once_and_never_queued_again_by_itself() {
    let (_pool, store, id, old, heir) = orphan().await;
    assert_eq!(store.promote(LATER, 10).await.unwrap(), 0);
    assert!(adopt(&store, LATER).await.is_empty());
    assert!(lease(&store, 1).await.is_empty());
    assert_eq!((heir.id(), heir.attempts), (id, 0));
    assert_ne!(heir.lease, old.lease);
    let claim = vec![(old.lease, old.shard(), id)];
    assert_eq!(store.renew(claim, LATER).await.unwrap(), [id]);
    assert_eq!(story(&store, id).await, "queued lease_expired");
}

#[tokio::test]
async fn a_late_word_resolves_what_was_left_in_doubt_for_good() {
    let (pool, store, id, old, heir) = orphan().await;
    let doubt = settlement(&heir, held(), EventKind::InDoubt);
    assert_eq!(store.settle(&[doubt]).await.unwrap(), []);
    assert_eq!(state(&store, id).await, State::InDoubt);
    assert_eq!(store.settle(&[delivered(&old)]).await.unwrap(), []);
    assert_eq!(state(&store, id).await, State::Delivered);
    // The word counts once.
    assert_eq!(store.settle(&[delivered(&old)]).await.unwrap(), [id]);
    assert_eq!(queued(&pool).await, 0);
    assert!(story(&store, id).await.contains("delivered"));
}

#[tokio::test]
async fn a_late_word_spares_the_reader_a_second_copy() {
    let (pool, store, id, old, heir) = orphan().await;
    let doubt = settlement(&heir, again(), EventKind::InDoubt);
    assert_eq!(store.settle(&[doubt]).await.unwrap(), []);
    assert_eq!(state(&store, id).await, State::Queued);
    assert_eq!(store.settle(&[delivered(&old)]).await.unwrap(), []);
    assert_eq!(state(&store, id).await, State::Delivered);
    assert_eq!(queued(&pool).await, 0);
}

#[tokio::test]
async fn a_late_word_also_counts_before_the_heir_has_spoken() {
    let (pool, store, id, old, heir) = orphan().await;
    assert_eq!(store.settle(&[delivered(&old)]).await.unwrap(), []);
    let doubt = settlement(&heir, again(), EventKind::InDoubt);
    assert_eq!(store.settle(&[doubt]).await.unwrap(), [id]);
    assert_eq!(state(&store, id).await, State::Delivered);
    assert_eq!(queued(&pool).await, 0);
}

#[tokio::test]
async fn a_late_word_is_only_history_once_the_letter_was_leased_again() {
    let (_pool, store, id, old, heir) = orphan().await;
    let doubt = settlement(&heir, again(), EventKind::InDoubt);
    store.settle(&[doubt]).await.unwrap();
    store
        .promote(LATER.plus(Duration::from_hours(1)), 10)
        .await
        .unwrap();
    let new = lease(&store, 1).await.remove(0);
    assert_eq!(new.attempts, 1);
    assert_eq!(store.settle(&[delivered(&old)]).await.unwrap(), [id]);
    assert_eq!(state(&store, id).await, State::Leased);
}

#[tokio::test]
async fn a_late_refusal_for_now_puts_the_letter_back_but_not_out_of_a_final_state() {
    let (_pool, store, id, old, heir) = orphan().await;
    store
        .settle(&[settlement(&heir, again(), EventKind::InDoubt)])
        .await
        .unwrap();
    let deferred = settlement(&old, again(), EventKind::Deferred);
    assert_eq!(
        store.settle(std::slice::from_ref(&deferred)).await.unwrap(),
        []
    );
    assert_eq!(state(&store, id).await, State::Queued);

    let (_pool, store, id, old, heir) = orphan().await;
    store
        .settle(&[settlement(&heir, held(), EventKind::InDoubt)])
        .await
        .unwrap();
    let deferred = settlement(&old, again(), EventKind::Deferred);
    assert_eq!(store.settle(&[deferred]).await.unwrap(), [id]);
    assert_eq!(state(&store, id).await, State::InDoubt);
}

#[tokio::test]
async fn a_second_doubt_about_the_same_claim_changes_nothing() {
    let (_pool, store, id, old, heir) = orphan().await;
    store
        .settle(&[settlement(&heir, held(), EventKind::InDoubt)])
        .await
        .unwrap();
    let doubt = settlement(&old, held(), EventKind::InDoubt);
    assert_eq!(store.settle(&[doubt]).await.unwrap(), [id]);
    assert_eq!(state(&store, id).await, State::InDoubt);
}

#[tokio::test]
async fn whole_leases_are_given_back_and_others_stay() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters: Vec<String> = (0..6).map(|n| plain(&format!("u{n}@mail.ru"))).collect();
    accepted(&store, &letters).await;
    let dead = lease(&store, 3).await;
    let alive = lease(&store, 2).await;
    assert_eq!(
        store.release_leases(&[dead[0].lease], START).await.unwrap(),
        3
    );
    assert_eq!(store.release_leases(&[], START).await.unwrap(), 0);
    let free = lease(&store, 10).await;
    assert_eq!(free.len(), 4);
    assert!(
        free.iter()
            .all(|letter| alive.iter().all(|held| held.id() != letter.id()))
    );
}

#[tokio::test]
async fn what_can_still_change_is_read_again_and_the_rest_is_not() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters: Vec<String> = (0..2).map(|n| plain(&format!("u{n}@mail.ru"))).collect();
    accepted(&store, &letters).await;
    let held = lease(&store, 2).await;
    store.settle(&[delivered(&held[0])]).await.unwrap();
    let claims: Vec<Claim> = held
        .iter()
        .map(|letter| Claim {
            lease: letter.lease,
            shard: letter.shard(),
            id: letter.id(),
            attempts: 4,
        })
        .collect();
    let read = store.recall(&claims).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].id(), read[0].attempts), (held[1].id(), 4));
    assert_eq!(
        read[0].letter.as_ref().unwrap(),
        held[1].letter.as_ref().unwrap()
    );
}
