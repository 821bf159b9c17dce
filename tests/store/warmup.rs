//! A day of a warm-up is opened once, and holds what nodes told and what readers said later.

use std::time::Duration;

use postrider::{
    mail::{Event, EventKind, Revision, RouteKey, State, WarmCap},
    port::{
        Beat, NodeId, Store, WarmupStore,
        inbound::{LateSettlement, LateStore},
        pace::{DayCount, TicketAsk},
    },
};
use uuid::Uuid;

use crate::support::{self, START, accepted, delivered, lease, plain};

fn today() -> i32 {
    i32::try_from(START.seconds().div_euclid(86_400)).unwrap()
}

fn route() -> RouteKey {
    RouteKey {
        source: "s1".to_owned(),
        target: "mailru".to_owned(),
    }
}

fn cap(letters: Option<u32>, reason: &str) -> WarmCap {
    WarmCap {
        step: 2,
        letters,
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn of_two_nodes_the_first_says_what_a_day_may_bring() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let route = route();
    let (one, other) = (cap(Some(50), "one"), cap(None, "other"));
    let (first, second) = tokio::join!(
        store.open_day(&route, today(), &one),
        store.open_day(&route, today(), &other),
    );
    let in_force = first.unwrap();
    assert_eq!(in_force, second.unwrap());
    assert!(in_force == one || in_force == other);
    let next = store.open_day(&route, today() + 1, &other).await.unwrap();
    assert_eq!(next, other);
    assert_eq!(store.warm_routes(None, None).await.unwrap(), [route]);
    assert_eq!(store.warm_routes(Some("s2"), None).await.unwrap(), []);
}

#[tokio::test]
async fn a_day_holds_what_became_of_its_letters() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let (route, day) = (route(), today());
    store
        .open_day(&route, day, &cap(Some(50), "begun"))
        .await
        .unwrap();
    let beat = Beat {
        node: NodeId(Uuid::now_v7()),
        name: "node-1".to_owned(),
        number: 1,
        at: START,
        using: Vec::new(),
        silent: Vec::new(),
        known: 0,
        changes: Vec::new(),
        tickets: vec![TicketAsk {
            route: route.clone(),
            day,
            limit: 50,
            want: 60,
        }],
        counts: vec![DayCount {
            route: route.clone(),
            day,
            attempted: 9,
            accepted: 5,
            deferred: 1,
            blocked: 1,
            spam: 2,
            strangers: 1,
        }],
    };
    let heard = store.beat(beat).await.unwrap();
    assert_eq!(heard.tickets[0].count, 50, "never more than the cap");

    accepted(&store, &[plain("anna@mail.ru")]).await;
    let held = lease(&store, 1).await.remove(0);
    let mut took = delivered(&held);
    took.attempt = Some(crate::brakes::by("mailru"));
    store.settle(&[took]).await.unwrap();
    let settlement = LateSettlement {
        id: held.id(),
        shard: held.shard(),
        stood: State::Delivered,
        word: "complaint",
        hash: [1; 32],
        revision: Revision {
            state: None,
            event: Event::bare(START.plus(Duration::from_mins(1)), EventKind::Complained),
            suppress: None,
        },
    };
    for _ in 0..2 {
        store.settle_late(&settlement).await.unwrap();
    }
    let days = store.warm_days(&route, day - 1).await.unwrap();
    let [lived] = &days[..] else {
        panic!("one day, not {days:?}")
    };
    assert_eq!(
        (lived.day, lived.cap.clone()),
        (day, Some(cap(Some(50), "begun")))
    );
    assert_eq!((lived.granted, lived.attempted, lived.accepted), (50, 9, 5));
    let refused = (lived.deferred, lived.blocked, lived.spam, lived.strangers);
    assert_eq!((refused, lived.complaints), ((1, 1, 2, 1), 1));
    assert_eq!(store.warm_days(&route, day + 1).await.unwrap(), []);
}
