//! What brakes look at is counted with the verdicts, once each; a stop is one hold, and a release begins anew.

use std::time::Duration;

use postrider::{
    mail::{
        Class, Event, EventKind, Figures, HoldId, HoldOn, Measure, Next, Provider, Revision, State,
    },
    port::{
        AttemptRecord, BrakeStore, LeasedLetter, Settlement, Store,
        brake::{Account, Braking},
        inbound::{LateSettlement, LateStore, Settled},
    },
    store::PgStore,
};
use serde_json::json;

use crate::support::{self, START, accepted, delivered, lease, letter, settlement};

const DAYS: u16 = 3;

fn spring() -> HoldOn {
    HoldOn::CampaignAt("spring".to_owned(), Provider::Mailru)
}

/// The same with the provider that answered.
fn by_mailru(mut settled: Settlement, class: Option<Class>) -> Settlement {
    settled.verdict.event.class = class;
    settled.attempt = Some(by("mailru"));
    settled
}

/// An attempt at that provider.
pub(crate) fn by(provider: &'static str) -> AttemptRecord {
    AttemptRecord {
        site: "mxs.mail.ru".to_owned(),
        provider,
        host: None,
        remote: None,
        source: "s1".to_owned(),
        tls: None,
        prepare: Duration::ZERO,
        talk: Duration::ZERO,
        size_bytes: 1,
    }
}

fn took(held: &LeasedLetter) -> Settlement {
    by_mailru(delivered(held), None)
}

fn refused(held: &LeasedLetter, class: Class) -> Settlement {
    let bounced = settlement(held, Next::Finish(State::Bounced), EventKind::Bounced);
    by_mailru(bounced, Some(class))
}

/// Letters of a campaign in the hands of a worker.
async fn leased(store: &PgStore, count: usize) -> Vec<LeasedLetter> {
    let letters =
        (0..count).map(|n| letter(&format!("anna{n}@mail.ru"), json!({"campaign": "spring"})));
    accepted(store, &letters.collect::<Vec<_>>()).await;
    lease(store, u32::try_from(count).unwrap()).await
}

async fn figures(store: &PgStore, on: &HoldOn) -> Figures {
    let views = store.brakes(START, DAYS, 10).await.unwrap();
    let view = views.iter().find(|view| view.on == *on);
    view.map(|view| view.figures).unwrap_or_default()
}

async fn account(store: &PgStore) -> Option<Account> {
    let accounts = store.accounts(START, DAYS).await.unwrap();
    accounts.into_iter().find(|account| account.on == spring())
}

async fn complain(store: &PgStore, held: &LeasedLetter, hash: u8) -> Settled {
    let settlement = LateSettlement {
        id: held.id(),
        shard: held.shard(),
        stood: State::Delivered,
        word: "complaint",
        hash: [hash; 32],
        revision: Revision {
            state: None,
            event: Event::bare(START.plus(Duration::from_mins(1)), EventKind::Complained),
            suppress: None,
        },
    };
    store.settle_late(&settlement).await.unwrap()
}

async fn stop(store: &PgStore, account: &Account) -> Option<HoldId> {
    let braking = Braking {
        account,
        measure: Measure::Complaints,
        words: "3 complaints among 3 letters delivered",
        at: START.plus(Duration::from_mins(2)),
    };
    store.stop(&braking).await.unwrap()
}

#[tokio::test]
async fn each_verdict_is_counted_once_where_it_belongs() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters = leased(&store, 6).await;
    let again = Next::Retry {
        due: START.plus(Duration::from_mins(5)),
    };
    let slow = settlement(&letters[4], again, EventKind::Deferred);
    let batch = [
        took(&letters[0]),
        took(&letters[1]),
        refused(&letters[2], Class::BadMailbox),
        refused(&letters[3], Class::Content),
        by_mailru(slow.clone(), Some(Class::Content)),
        // Nobody answered for it, so it says nothing about a provider.
        settlement(
            &letters[5],
            Next::Finish(State::Expired),
            EventKind::Expired,
        ),
    ];
    assert_eq!(store.settle(&batch).await.unwrap(), []);
    let expected = Figures {
        answered: 5,
        delivered: 2,
        hard_bounces: 1,
        spam: 2,
        complaints: 0,
    };
    assert_eq!(figures(&store, &spring()).await, expected);
    // A claim that was lost counts nothing.
    assert_eq!(store.settle(&batch).await.unwrap().len(), 6);
    assert_eq!(figures(&store, &spring()).await, expected);
    assert_eq!(complain(&store, &letters[0], 1).await, Settled::Done);
    assert_eq!(complain(&store, &letters[0], 1).await, Settled::Heard);
    let one = figures(&store, &spring()).await.complaints;
    assert_eq!(one, 1);
}

#[tokio::test]
async fn letters_without_a_campaign_count_by_their_stream() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    accepted(&store, &[support::plain("anna@mail.ru")]).await;
    let letters = lease(&store, 1).await;
    store.settle(&[took(&letters[0])]).await.unwrap();
    let on = HoldOn::StreamAt("marketing".to_owned(), Provider::Mailru);
    assert_eq!(figures(&store, &on).await.delivered, 1);
    assert_eq!(figures(&store, &spring()).await, Figures::default());
}

#[tokio::test]
async fn two_nodes_lay_one_hold_and_a_release_begins_anew() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters = leased(&store, 4).await;
    let batch: Vec<Settlement> = letters[..3].iter().map(took).collect();
    store.settle(&batch).await.unwrap();
    for (place, held) in (0..).zip(&letters[..3]) {
        complain(&store, held, place).await;
    }
    let seen = account(&store).await.unwrap();
    assert_eq!((seen.figures.complaints, seen.figures.delivered), (3, 3));
    let (one, other) = tokio::join!(stop(&store, &seen), stop(&store, &seen));
    assert_eq!(
        u8::from(one.is_some()) + u8::from(other.is_some()),
        1,
        "{one:?} {other:?}"
    );
    let hold = one.or(other).unwrap();
    let holds = Store::holds(&store).await.unwrap();
    assert_eq!(
        (holds[0].on.clone(), holds[0].author.as_str()),
        (spring(), "brake")
    );
    assert_eq!(account(&store).await, None, "what is held is not looked at");
    let changes = store.brake_changes(10).await.unwrap();
    assert_eq!((changes.len(), changes[0].hold), (1, Some(hold)));

    let later = START.plus(Duration::from_mins(3));
    assert_eq!(store.lift(&[hold], "ivan", later).await.unwrap(), [hold]);
    assert_eq!(figures(&store, &spring()).await, Figures::default());
    assert_eq!(
        stop(&store, &seen).await,
        None,
        "figures from before the release"
    );
    // Nor are late complaints about letters from before held against what comes after.
    assert_eq!(complain(&store, &letters[0], 9).await, Settled::Done);
    assert_eq!(figures(&store, &spring()).await, Figures::default());
    store.settle(&[took(&letters[3])]).await.unwrap();
    assert_eq!(figures(&store, &spring()).await.delivered, 1);
}

#[tokio::test]
async fn a_warning_is_given_once() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters = leased(&store, 3).await;
    let batch: Vec<Settlement> = letters.iter().map(took).collect();
    store.settle(&batch).await.unwrap();
    for (place, held) in (0..2).zip(&letters) {
        complain(&store, held, place).await;
    }
    let seen = account(&store).await.unwrap();
    let braking = Braking {
        account: &seen,
        measure: Measure::Complaints,
        words: "2 complaints",
        at: START,
    };
    assert!(store.warn(&braking).await.unwrap());
    assert!(!store.warn(&braking).await.unwrap());
    let known = account(&store).await.unwrap();
    assert_eq!(known.warned, [Measure::Complaints]);
}
