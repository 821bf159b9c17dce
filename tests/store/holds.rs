//! Holds: who is kept, who is let go, and that nobody is left behind.

use std::time::Duration;

use postrider::{
    mail::{Aside, Domain, HoldId, HoldOn, LetterId, Provider, State, Timestamp},
    port::{LeasedLetter, Parked, Store},
    store::{Laid, PgStore, Which},
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{self, START, accepted, ask, letter, plain, state, story};

const REASON: &str = "complaints rise";

async fn lay(store: &PgStore, on: HoldOn) -> HoldId {
    match store.lay(&on, "anna", REASON, START).await.unwrap() {
        Laid::New(id) => id,
        Laid::Before(id) => panic!("held before by {id:?}"),
    }
}

async fn park(store: &PgStore, letters: &[LeasedLetter], hold: HoldId) {
    let parked: Vec<Parked> = letters
        .iter()
        .map(|letter| Parked {
            lease: letter.lease,
            shard: letter.shard(),
            id: letter.id(),
            aside: Aside::Hold(hold),
        })
        .collect();
    store.park(&parked, START).await.unwrap();
}

async fn lease_at(store: &PgStore, now: Timestamp) -> Vec<LetterId> {
    store.promote(now, 100).await.unwrap();
    let ask = postrider::port::LeaseAsk {
        now,
        ..ask(100, 100)
    };
    let leased = store.lease(ask).await.unwrap().letters;
    leased.iter().map(LeasedLetter::id).collect()
}

#[tokio::test]
async fn a_parked_letter_waits_for_its_hold_and_nothing_else() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let hold = lay(&store, HoldOn::Provider(Provider::Mailru)).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let leased = support::lease(&store, 1).await;
    park(&store, &leased, hold).await;

    let later = START.plus(Duration::from_hours(9_000));
    assert_eq!(lease_at(&store, later).await, []);
    let view = store.letter(ids[0]).await.unwrap().unwrap();
    assert_eq!((view.state, view.due_at), (State::Queued, None));
    let queue = store.queue_status(10).await.unwrap();
    assert_eq!((queue.ready, queue.waiting, queue.held), (0, 0, 1));
    assert_eq!(store.let_go(START, 10).await.unwrap(), 0);

    assert_eq!(store.lift(&[hold], "ivan", START).await.unwrap(), [hold]);
    assert_eq!(store.lift(&[hold], "ivan", START).await.unwrap(), []);
    assert_eq!(store.let_go(START, 10).await.unwrap(), 1);
    assert_eq!(lease_at(&store, START).await, ids);
    assert_eq!(story(&store, ids[0]).await, "queued held released");
    let lines = store.history(ids[0]).await.unwrap();
    assert_eq!(
        lines[1].event.text.as_deref(),
        Some("provider mailru is held by anna: complaints rise")
    );
}

#[tokio::test]
async fn a_letter_that_comes_after_its_hold_was_lifted_goes_on() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let hold = lay(&store, HoldOn::All).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let leased = support::lease(&store, 1).await;
    store.lift(&[hold], "ivan", START).await.unwrap();
    park(&store, &leased, hold).await;
    assert_eq!(story(&store, ids[0]).await, "queued");
    assert_eq!(lease_at(&store, START).await, ids);
}

#[tokio::test]
async fn a_letter_whose_claim_was_lost_is_not_parked() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let hold = lay(&store, HoldOn::All).await;
    let ids = accepted(&store, &[plain("anna@mail.ru")]).await;
    let leased = support::lease(&store, 1).await;
    let adopted = support::adopt(&store, START.plus(Duration::from_hours(1))).await;
    assert_eq!(adopted.len(), 1);
    park(&store, &leased, hold).await;
    assert_eq!(state(&store, ids[0]).await, State::Leased);
}

#[tokio::test]
async fn a_held_letter_comes_back_when_its_validity_ends() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let hold = lay(&store, HoldOn::All).await;
    let end = START.plus(Duration::from_hours(2));
    let fields = json!({"valid_until": end.to_string()});
    let ids = accepted(&store, &[letter("anna@mail.ru", fields)]).await;
    park(&store, &support::lease(&store, 1).await, hold).await;
    let before = Timestamp::from_micros(end.micros() - 1);
    assert_eq!(lease_at(&store, before).await, []);
    assert_eq!(lease_at(&store, end).await, ids, "to be judged");
}

/// What is laid holds what it names; `kept` are the letters that stay of the five below.
async fn check_sweep(which: Which, on: HoldOn, kept: &[usize]) {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let spring = json!({"campaign": "spring"});
    let later = json!({"send_at": START.plus(Duration::from_mins(1)).to_string()});
    let ids = accepted(
        &store,
        &[
            letter("anna@mail.ru", spring.clone()),
            letter("anna@yandex.ru", spring),
            letter("boris@mail.ru", json!({"stream": "transactional"})),
            plain("clara@yandex.ru"),
            letter("dina@mail.ru", later),
        ],
    )
    .await;
    let hold = lay(&store, on).await;
    let page = store.hold_page(&which, hold, Uuid::nil(), START).await;
    let page = page.unwrap();
    assert_eq!((page.seen, page.next, page.leased), (5, None, 0));
    assert_eq!(usize::try_from(page.moved).unwrap(), kept.len());
    let gone = lease_at(&store, START).await;
    for (number, id) in ids.iter().take(4).enumerate() {
        assert_eq!(
            !gone.contains(id),
            kept.contains(&number),
            "{which:?} {number}"
        );
    }
}

#[tokio::test]
async fn a_sweep_takes_aside_what_it_names_and_is_due() {
    let domain = Domain::parse("mail.ru").unwrap();
    let name = |text: &str| text.to_owned();
    check_sweep(Which::All, HoldOn::All, &[0, 1, 2, 3]).await;
    check_sweep(
        Which::Domain(name("mail.ru")),
        HoldOn::Domain(domain),
        &[0, 2],
    )
    .await;
    check_sweep(
        Which::Campaign(name("spring")),
        HoldOn::Campaign(name("spring")),
        &[0, 1],
    )
    .await;
    check_sweep(
        Which::Stream(name("transactional")),
        HoldOn::Stream(name("transactional")),
        &[2],
    )
    .await;
}

#[tokio::test]
async fn what_is_withdrawn_ends_at_once_and_says_by_whom() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let spring = json!({"campaign": "spring"});
    let letters = [
        letter("anna@mail.ru", spring.clone()),
        plain("boris@mail.ru"),
        letter("clara@yandex.ru", spring),
    ];
    let ids = accepted(&store, &letters[..2]).await;
    let hold = lay(&store, HoldOn::Campaign("spring".to_owned())).await;
    let which = Which::Campaign("spring".to_owned());
    store
        .hold_page(&which, hold, Uuid::nil(), START)
        .await
        .unwrap();
    let leased = support::lease(&store, 10).await;
    assert_eq!(leased.len(), 1);
    let more = accepted(&store, &letters[2..]).await;

    let words = "withdrawn by anna: wrong price";
    let page = store
        .cancel_page(&Which::All, words, Uuid::nil(), START)
        .await;
    let page = page.unwrap();
    assert_eq!((page.moved, page.leased), (2, 1));
    assert_eq!(state(&store, ids[0]).await, State::Cancelled);
    assert_eq!(state(&store, ids[1]).await, State::Leased);
    assert_eq!(state(&store, more[0]).await, State::Cancelled);
    assert_eq!(story(&store, ids[0]).await, "queued held cancelled");
    let last = store.history(ids[0]).await.unwrap().pop().unwrap();
    assert_eq!(last.event.text.as_deref(), Some(words));
}

#[tokio::test]
async fn the_same_is_held_once_and_may_be_held_again() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let on = HoldOn::Stream("marketing".to_owned());
    let first = lay(&store, on.clone()).await;
    let again = store.lay(&on, "boris", "me too", START).await.unwrap();
    assert_eq!(again, Laid::Before(first));
    store.lift(&[first], "ivan", START).await.unwrap();
    let second = lay(&store, on).await;
    let views = store.holds(true, 10).await.unwrap();
    let ids: Vec<HoldId> = views.iter().map(|view| view.hold.id).collect();
    assert_eq!(ids, [second, first], "those in force first");
    assert_eq!(views[1].released, Some((START, "ivan".to_owned())));
    assert_eq!(Store::holds(&store).await.unwrap(), [views[0].hold.clone()]);
}
