//! What waits and for what; what came and went of a set-up; what is happening now.

use std::time::Duration;

use postrider::{
    mail::{Aside, Class, EventKind, HoldOn, Next, Timestamp},
    policy::waits::Cause,
    port::{AttemptRecord, LeasedLetter, Parked, Settlement, Store},
    store::{ChangeFilter, CheckChange, Laid, Waiting},
};
use serde_json::json;

use crate::support::{self, START, accepted, delivered, lease, letter, plain, settlement};

const HOUR: Duration = Duration::from_hours(1);

fn attempt(site: &str, provider: &'static str) -> AttemptRecord {
    AttemptRecord {
        site: site.to_owned(),
        provider,
        host: None,
        remote: None,
        source: "main".to_owned(),
        tls: None,
        prepare: Duration::ZERO,
        talk: Duration::ZERO,
        size_bytes: 1,
    }
}

fn deferred(letter: &LeasedLetter, class: Class, rule: &str) -> Settlement {
    let due = START.plus(HOUR);
    let mut settlement = settlement(letter, Next::Retry { due }, EventKind::Deferred);
    settlement.verdict.event.class = Some(class);
    settlement.verdict.event.rule = Some(rule.to_owned());
    settlement.verdict.event.due = Some(due);
    settlement.attempt = Some(attempt("mxs.mail.ru", "mailru"));
    settlement
}

fn told(lines: &[Waiting]) -> Vec<String> {
    let word = |line: &Waiting| {
        let name = line.name.as_deref().unwrap_or("?");
        let class = line.class.as_deref().unwrap_or("-");
        let cause = line.cause.name();
        format!("{name} {cause} {class} {}", line.letters)
    };
    let mut told: Vec<String> = lines.iter().map(word).collect();
    told.sort();
    told
}

#[tokio::test]
async fn what_waits_is_counted_by_provider_site_cause_and_class() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let later = json!({"send_at": START.plus(HOUR).to_string()});
    let mut letters: Vec<String> = (0..6).map(|n| plain(&format!("u{n}@mail.ru"))).collect();
    letters.push(letter("late@mail.ru", later));
    letters.push(plain("new@elsewhere.example"));
    accepted(&store, &letters).await;
    let leased = lease(&store, 100).await;
    let mut of_mailru: Vec<_> = leased
        .iter()
        .filter(|it| {
            it.letter
                .as_ref()
                .unwrap()
                .to
                .mailbox
                .address
                .domain()
                .as_str()
                == "mail.ru"
        })
        .collect();
    let other = leased.iter().find(|it| {
        it.id() != of_mailru[0].id() && !of_mailru.iter().any(|that| that.id() == it.id())
    });
    store
        .release(
            vec![(
                other.unwrap().lease,
                other.unwrap().shard(),
                other.unwrap().id(),
            )],
            START,
        )
        .await
        .unwrap();
    let kept = of_mailru.pop().unwrap();
    let Laid::New(hold) = store
        .lay(&HoldOn::All, "anna", "a test", START)
        .await
        .unwrap()
    else {
        panic!("nothing was held before")
    };
    let parked = Parked {
        lease: kept.lease,
        shard: kept.shard(),
        id: kept.id(),
        aside: Aside::Hold(hold),
    };
    store.park(&[parked], START).await.unwrap();
    let gone = of_mailru.pop().unwrap();
    let settlements = [
        deferred(of_mailru[0], Class::Rate, "greylisted"),
        deferred(of_mailru[1], Class::Rate, "too-fast"),
        deferred(of_mailru[2], Class::System, "busy"),
        Settlement {
            attempt: Some(attempt("mxs.mail.ru", "mailru")),
            ..delivered(gone)
        },
    ];
    assert_eq!(store.settle(&settlements).await.unwrap(), []);

    let waits = store.waits(10, 10).await.unwrap();
    let expected = [
        "? queue - 1",
        "mailru greylist rate 1",
        "mailru hold - 1",
        "mailru retry system 1",
        "mailru schedule - 1",
        "mailru throttle rate 1",
        "mailru work - 1",
    ];
    assert_eq!(told(&waits.providers), expected);
    assert_eq!(
        told(&waits.sites),
        expected[1..]
            .iter()
            .map(|line| line.replace("mailru", "mxs.mail.ru"))
            .collect::<Vec<_>>()
    );
    let ages = waits.providers.iter().map(|line| line.oldest_at);
    assert!(ages.into_iter().all(|at| at == Some(START)), "{waits:?}");
    let retry = waits
        .providers
        .iter()
        .find(|line| line.cause == Cause::Retry);
    assert_eq!(retry.unwrap().due_at, Some(START.plus(HOUR)));
    let way = store.way_of("mail.ru").await.unwrap();
    assert_eq!(way, Some(("mxs.mail.ru".to_owned(), "mailru".to_owned())));
    assert_eq!(store.way_of("elsewhere.example").await.unwrap(), None);
    assert_eq!(store.line_of("elsewhere.example").await.unwrap(), 1);
    assert_eq!(store.line_of("mail.ru").await.unwrap(), 0);
    let few = store.waits(1, 1).await.unwrap();
    assert_eq!((few.sites.len(), few.providers.len()), (1, 7));
    assert!(
        few.domains
            .iter()
            .all(|line| line.name.as_deref() == Some("mail.ru"))
    );
}

#[tokio::test]
async fn outcomes_are_counted_from_a_mark() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    accepted(&store, &[plain("anna@mail.ru")]).await;
    let mark = store.mark_now().await.unwrap();
    let leased = lease(&store, 1).await;
    let settled = Settlement {
        attempt: Some(attempt("mxs.mail.ru", "mailru")),
        ..delivered(&leased[0])
    };
    store.settle(&[settled]).await.unwrap();
    let outcomes = store.outcomes_since(&mark, START).await.unwrap();
    let told: Vec<_> = outcomes
        .iter()
        .map(|line| (line.provider.as_deref(), line.kind.as_str(), line.events))
        .collect();
    assert_eq!(told, [(Some("mailru"), "delivered", 1)]);
    let mark = store.mark_now().await.unwrap();
    assert_eq!(store.outcomes_since(&mark, START).await.unwrap(), []);
}

fn fault(domain: &str, finding: &str) -> CheckChange {
    CheckChange {
        at: START,
        domain: domain.to_owned(),
        finding: finding.to_owned(),
        about: format!("_dmarc.{domain}"),
        level: "failure".to_owned(),
        appeared: true,
        found: "no record".to_owned(),
    }
}

#[tokio::test]
async fn a_fault_of_the_set_up_comes_and_goes_once() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let domains = ["example.com".to_owned(), "example.net".to_owned()];
    let at = |hours: u64| START.plus(HOUR * u32::try_from(hours).unwrap());
    let (one, two) = (
        fault("example.com", "dmarc.missing"),
        fault("example.net", "spf.missing"),
    );
    let note = async |standing: &[CheckChange], now: Timestamp| -> Vec<(String, bool)> {
        let changes = store.note_check(&domains, standing, now).await.unwrap();
        changes
            .into_iter()
            .map(|change| (change.finding, change.appeared))
            .collect()
    };
    let is = |finding: &str, appeared| vec![(finding.to_owned(), appeared)];
    assert_eq!(
        note(std::slice::from_ref(&one), at(0)).await,
        is("dmarc.missing", true)
    );
    // The next round, another node, or the same one after a restart finds nothing new.
    assert_eq!(note(std::slice::from_ref(&one), at(1)).await, []);
    assert_eq!(
        note(&[one.clone(), two.clone()], at(2)).await,
        is("spf.missing", true)
    );
    assert_eq!(
        note(std::slice::from_ref(&two), at(3)).await,
        is("dmarc.missing", false)
    );
    assert_eq!(note(&[one, two], at(4)).await, is("dmarc.missing", true));

    let filter = ChangeFilter {
        max: 10,
        ..ChangeFilter::default()
    };
    let all = store.check_changes(&filter).await.unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.at, it.appeared)).collect();
    assert_eq!(
        told,
        [(at(0), true), (at(2), true), (at(3), false), (at(4), true)]
    );
    let newest = ChangeFilter {
        domains: vec!["example.com".to_owned()],
        since: Some(at(3)),
        max: 1,
    };
    let newest = store.check_changes(&newest).await.unwrap();
    assert_eq!((newest.len(), newest[0].at), (1, at(4)));
    // What still stands is kept, however old its line is.
    assert_eq!(store.purge_check_changes(at(100)).await.unwrap(), 2);
    let left = store.check_changes(&filter).await.unwrap();
    assert!(left.iter().all(|change| change.appeared) && left.len() == 2);
}
