//! What became of a letter, and what the figures say of it.

use std::time::Duration;

use crate::desk::{desk, lease};
use postrider::{
    mail::{
        Address, Class, Event, EventKind, Next, Reason, Scope, Signal, Stage, State, Suppression,
        Timestamp, Verdict,
    },
    port::{AttemptRecord, LeasedLetter, Settlement, Store},
};

/// A moment at which everything is due.
fn far() -> Timestamp {
    Timestamp::parse("2999-01-01T00:00:00Z").unwrap()
}

#[tokio::test]
async fn a_letter_tells_its_story() {
    let mut desk = desk().await;
    let store = desk.queue(&["anna@mail.ru", "olga@yandex.ru"]).await;
    let letters = lease(&store, far()).await;
    let (late, gone) = (&letters[0], &letters[1]);
    let verdicts = [deferred(late), bounced(gone)];
    assert_eq!(store.settle(&verdicts).await.unwrap(), []);
    store.close().await;
    for letter in [late, gone] {
        desk.run(&format!("letter show {}", letter.id()));
    }
    desk.run(&format!("letter show {} --json", late.id()));
    desk.run("queue status");
    desk.run("report");
    desk.run("report --json");
    desk.run("suppression list");
    desk.run(&format!("letter cancel {}", late.id()));
    desk.run(&format!("letter cancel {}", gone.id()));
    desk.run(&format!("letter show {}", late.id()));
    desk.check("story");
}

#[tokio::test]
async fn a_letter_in_the_hands_of_a_worker_is_not_withdrawn() {
    let mut desk = desk().await;
    let store = desk.queue(&["anna@mail.ru"]).await;
    let letters = lease(&store, far()).await;
    store.close().await;
    desk.run(&format!("letter cancel {}", letters[0].id()));
    desk.check("leased");
}

fn deferred(letter: &LeasedLetter) -> Settlement {
    let due = now().plus(Duration::from_hours(5));
    let event = refusal(
        EventKind::Deferred,
        451,
        "4.7.1 Greylisted, try again later",
        Class::Rate,
    );
    settlement(
        letter,
        Next::Retry { due },
        Event {
            due: Some(due),
            ..event
        },
        None,
    )
}

fn bounced(letter: &LeasedLetter) -> Settlement {
    let address = Address::parse("olga@yandex.ru").unwrap();
    let event = refusal(
        EventKind::Bounced,
        550,
        "5.7.1 No such user!",
        Class::BadMailbox,
    );
    let ban = Suppression {
        address,
        scope: Scope::Everything,
        reason: Reason::HardBounce,
        evidence: "550 5.7.1 No such user!".to_owned(),
        letter: Some(letter.id()),
        since: now(),
        until: None,
    };
    settlement(letter, Next::Finish(State::Bounced), event, Some(ban))
}

fn refusal(kind: EventKind, code: u16, text: &str, class: Class) -> Event {
    Event {
        attempt: Some(1),
        stage: Some(Stage::RcptTo),
        code: Some(code),
        text: Some(text.to_owned()),
        class: Some(class),
        rule: Some("test-rule".to_owned()),
        ..Event::bare(now(), kind)
    }
}

fn settlement(
    letter: &LeasedLetter,
    next: Next,
    event: Event,
    suppress: Option<Suppression>,
) -> Settlement {
    Settlement {
        id: letter.id(),
        shard: letter.shard(),
        lease: letter.lease,
        attempts: 1,
        verdict: Verdict {
            next,
            event,
            suppress,
            signal: Signal::Nothing,
            keeps_source: false,
        },
        attempt: Some(AttemptRecord {
            site: "mx.example".to_owned(),
            provider: "mailru",
            host: Some("mx1.example.net".to_owned()),
            remote: Some("192.0.2.1".parse().unwrap()),
            source: "s1".to_owned(),
            tls: Some("TLSv1.3".to_owned()),
            prepare: Duration::from_micros(1_500),
            talk: Duration::from_millis(35),
            size_bytes: 6_144,
        }),
    }
}

fn now() -> Timestamp {
    use postrider::port::Clock;
    postrider::net::SystemClock.now()
}
