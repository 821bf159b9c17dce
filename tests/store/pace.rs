//! What nodes tell each other about pace: parts that never overlap, daily limits that hold over nodes, states and their story.

use std::time::Duration;

use futures_util::future::join_all;
use postrider::{
    mail::{Phase, RouteKey, RouteState, Share, Timestamp},
    port::{
        Store,
        pace::{Beat, DayCount, Heard, NodeId, RouteChange, TicketAsk},
    },
    store::PgStore,
};
use uuid::Uuid;

use crate::support::{self, START};

/// The day of [`START`], counted from 1970-01-01.
const TODAY: i32 = 20_775;

fn route() -> RouteKey {
    RouteKey {
        source: "s1".to_owned(),
        target: "mailru".to_owned(),
    }
}

/// A node with one source, as its heart keeps it.
struct Node {
    id: NodeId,
    number: u64,
    using: Share,
    known: u64,
}

impl Node {
    fn new(id: u128) -> Self {
        Self {
            id: NodeId(Uuid::from_u128(id)),
            number: 0,
            using: Share::NONE,
            known: 0,
        }
    }

    fn next(&mut self) -> Beat {
        self.number += 1;
        Beat {
            node: self.id,
            name: "node".to_owned(),
            number: self.number,
            at: START,
            using: vec![("s1".to_owned(), self.using)],
            silent: Vec::new(),
            known: self.known,
            changes: Vec::new(),
            tickets: Vec::new(),
            counts: Vec::new(),
        }
    }

    async fn beat(&mut self, store: &PgStore) -> Heard {
        let beat = self.next();
        self.tell(store, beat).await
    }

    async fn tell(&mut self, store: &PgStore, beat: Beat) -> Heard {
        let heard = store.beat(beat).await.unwrap();
        self.using = heard
            .shares
            .first()
            .map_or(Share::NONE, |(_, share)| *share);
        self.known = heard.known;
        heard
    }
}

#[tokio::test]
async fn a_node_alone_has_all_and_two_end_with_halves_that_never_overlap() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let (mut one, mut other) = (Node::new(1), Node::new(2));
    one.beat(&store).await;
    assert_eq!(one.using, Share::ALL);
    for _ in 0..4 {
        let heard = other.beat(&store).await;
        assert!(one.using.and(other.using).is_none());
        assert_eq!(heard.others, [(one.id, one.number)]);
        one.beat(&store).await;
        assert!(one.using.and(other.using).is_none());
    }
    assert_eq!(
        (one.using.to, other.using.from),
        (Share::ALL.to / 2, Share::ALL.to / 2)
    );
    assert_eq!((one.using.from, other.using.to), (0, Share::ALL.to));
}

#[tokio::test]
async fn a_silent_node_is_given_up_and_one_that_has_beaten_since_is_not() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let (mut one, mut other) = (Node::new(1), Node::new(2));
    for _ in 0..4 {
        one.beat(&store).await;
        other.beat(&store).await;
    }
    let seen = other.number;
    other.beat(&store).await;
    for (number, all_is_mine) in [(seen, false), (seen + 1, true)] {
        let mut beat = one.next();
        beat.silent = vec![(other.id, number)];
        one.tell(&store, beat).await;
        one.beat(&store).await;
        assert_eq!(one.using == Share::ALL, all_is_mine, "{number}");
    }
    // Who was given up and lives after all begins with nothing.
    other.beat(&store).await;
    assert!(one.using.and(other.using).is_none());
    store.leave(one.id).await.unwrap();
    other.beat(&store).await;
    other.beat(&store).await;
    assert_eq!(other.using, Share::ALL);
}

#[tokio::test]
async fn a_beat_that_comes_after_a_later_one_changes_nothing() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let mut one = Node::new(1);
    let mut late = one.next();
    late.tickets = vec![ask(100, 5)];
    one.beat(&store).await;
    assert_eq!(store.beat(late).await.unwrap(), Heard::default());
    let today = &store.routes(None, None, START).await.unwrap();
    assert!(today.is_empty(), "{today:?}");
}

fn ask(limit: u32, want: u32) -> TicketAsk {
    TicketAsk {
        route: route(),
        day: TODAY,
        limit,
        want,
    }
}

/// Many nodes that ask at once get what the day has, and not a letter more.
#[tokio::test]
async fn a_daily_limit_is_given_out_once() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let asking = (1..=8_u128).map(|id| {
        let store = store.clone();
        async move {
            let mut node = Node::new(id);
            let mut given = 0;
            for _ in 0..5 {
                let mut beat = node.next();
                beat.tickets = vec![ask(100, 7)];
                given += node.tell(&store, beat).await.tickets[0].count;
            }
            given
        }
    });
    let given: u32 = join_all(asking).await.into_iter().sum();
    assert_eq!(given, 100);
    let mut node = Node::new(9);
    let mut beat = node.next();
    // The operator raises the limit during the day, then lowers it below what is gone; another day is another day.
    beat.tickets = vec![
        ask(103, 7),
        ask(50, 7),
        TicketAsk {
            day: TODAY + 1,
            ..ask(100, 7)
        },
    ];
    let heard = node.tell(&store, beat).await;
    let counts: Vec<u32> = heard.tickets.iter().map(|ticket| ticket.count).collect();
    assert_eq!(counts, [3, 0, 7]);
}

#[tokio::test]
async fn what_became_of_letters_is_added_up_by_day() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let count = |accepted: u32| DayCount {
        route: route(),
        day: TODAY,
        attempted: accepted + 3,
        accepted,
        deferred: 2,
        blocked: 1,
        spam: 0,
        strangers: 0,
    };
    for (id, accepted) in [(1, 10), (2, 5)] {
        let mut node = Node::new(id);
        let mut beat = node.next();
        beat.counts = vec![count(accepted)];
        node.tell(&store, beat).await;
    }
    let routes = store.routes(None, None, START).await.unwrap();
    let today = &routes[0].today;
    assert_eq!(
        (
            today.attempted,
            today.accepted,
            today.deferred,
            today.blocked
        ),
        (21, 15, 4, 2)
    );
    let tomorrow = START.plus(Duration::from_hours(24));
    assert!(store.routes(None, None, tomorrow).await.unwrap().is_empty());
}

fn state(phase: Phase, cause: &str, by: &str) -> RouteState {
    RouteState {
        phase,
        rate: Some(600),
        ceiling: Some(700),
        connections: Some(3),
        until: Some(START.plus(Duration::from_mins(2))),
        quiet_until: Some(START.plus(Duration::from_secs(30))),
        steps: 1,
        pauses: 2,
        cause: cause.to_owned(),
        changed_at: START,
        by: by.to_owned(),
    }
}

#[tokio::test]
async fn a_state_reaches_every_node_once_and_an_order_beats_what_was_made_from_an_older_one() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let (mut one, mut other) = (Node::new(1), Node::new(2));
    let learned = state(Phase::Holding, "refused", "governor");
    let mut beat = one.next();
    beat.changes = vec![RouteChange {
        route: route(),
        from: 0,
        state: learned.clone(),
    }];
    one.tell(&store, beat).await;
    let news = other.beat(&store).await.routes;
    assert_eq!(news[0].state.as_ref(), Some(&learned));
    assert!(other.beat(&store).await.routes.is_empty(), "told once");

    let ordered = state(Phase::Fixed, "agreed with them", "anna");
    store.set_route(&route(), &ordered).await.unwrap();
    let mut beat = other.next();
    beat.changes = vec![RouteChange {
        route: route(),
        from: news[0].version,
        state: state(Phase::Open, "nobody objects", "governor"),
    }];
    let heard = other.tell(&store, beat).await;
    assert_eq!(heard.routes[0].state.as_ref(), Some(&ordered));

    let later: Timestamp = START.plus(Duration::from_secs(9));
    let reset = (&route(), "the talk is over");
    let wiped = store.reset_route(reset.0, later, reset.1, "anna").await;
    assert!(wiped.unwrap());
    assert_eq!(one.beat(&store).await.routes.last().unwrap().state, None);
    let changes = store.route_changes(&route(), 10).await.unwrap();
    let causes: Vec<(&str, &str)> = changes
        .iter()
        .map(|change| (&change.by[..], &change.cause[..]))
        .collect();
    assert_eq!(
        causes,
        [
            ("anna", "the talk is over"),
            ("anna", "agreed with them"),
            ("governor", "refused"),
        ]
    );
}
