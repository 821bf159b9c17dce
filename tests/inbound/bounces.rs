//! Delivery reports, true and forged.

use std::time::Duration;

use postrider::{
    mail::{Event, EventKind, LetterId, Next, Signal, State, Timestamp, Verdict},
    net::SystemClock,
    port::{Clock, LeaseAsk, LeaseId, LeasedLetter, Settlement, Store},
    token::Kind,
};
use uuid::Uuid;

use crate::{
    client::hand_over,
    house::{self, House, Wish, address, open},
    reports::{Dsn, note},
};

const ANNA: &str = "anna@0.good.example";

#[tokio::test]
async fn a_late_bounce_moves_the_letter_and_suppresses_its_reader() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::ReturnPath, id);
    let reply = hand_over(house.smtp, &to, &Dsn::hard(ANNA).text()).await;
    assert!(reply.starts_with("250 2.0.0 Ok: kept as "), "{reply}");
    assert_eq!(house.read(1).await, ["bounce bounced envelope"]);
    assert_eq!(house.state(id).await, State::Bounced);
    assert_eq!(house.story(id).await, "queued delivered bounced");
    assert_eq!(house.suppressed().await, ["anna everything hard-bounce"]);
    let history = house.world.store.history(id).await.unwrap();
    let last = &history[2].event;
    assert_eq!((last.code, last.rule.is_some()), (Some(550), true));
    house.close().await;
}

#[tokio::test]
async fn the_same_report_twice_is_one_event() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::ReturnPath, id);
    let report = Dsn::hard(ANNA).text();
    // Another server on the way changes the trace and nothing else.
    let again = format!("Received: by relay.example;\r\n\tWed, 25 Nov 2026\r\n{report}");
    for text in [&report, &again, &report] {
        hand_over(house.smtp, &to, text).await;
    }
    let mut read = house.read(3).await;
    read.sort();
    let twice = "bounce duplicate envelope";
    assert_eq!(read, ["bounce bounced envelope", twice, twice]);
    assert_eq!(house.story(id).await, "queued delivered bounced");
    house.close().await;
}

#[tokio::test]
async fn delays_successes_and_full_mailboxes_suppress_nobody() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::ReturnPath, id);
    let dsn = |action, status, words| Dsn {
        action,
        status,
        words,
        ..Dsn::hard(ANNA)
    };
    for (report, read) in [
        (dsn("delayed", "4.4.1", "451 4.4.1 timed out"), "noted"),
        (dsn("delivered", "2.0.0", "250 2.0.0 Ok"), "noted"),
        (dsn("failed", "5.2.2", "552 5.2.2 mailbox full"), "bounced"),
        // It has bounced already: what comes now is history.
        (dsn("failed", "5.7.1", "550 5.7.1 spam"), "noted"),
    ] {
        let before = house.inbound().await.len();
        hand_over(house.smtp, &to, &report.text()).await;
        let told = house.read(before + 1).await;
        assert_eq!(told[before], format!("bounce {read} envelope"));
    }
    let story = "queued delivered reported reported bounced reported";
    assert_eq!(house.story(id).await, story);
    assert!(house.suppressed().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn forged_reports_change_nothing() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let mut wrong = address(Kind::ReturnPath, id);
    let letter = if wrong.as_bytes()[20] == b'a' {
        "b"
    } else {
        "a"
    };
    wrong.replace_range(20..21, letter);
    let reply = hand_over(house.smtp, &wrong, &Dsn::hard(ANNA).text()).await;
    assert_eq!(reply, "550 5.1.1 No such address here");
    // To an address that everybody knows, about a reader whom everybody knows, without a token and with a wrong one.
    let plain = Dsn::hard(ANNA).text();
    let forged = wrong.replacen("b+", "", 1);
    let with_wrong = Dsn {
        message_id: &forged,
        ..Dsn::hard(ANNA)
    };
    for text in [&plain, &with_wrong.text()] {
        hand_over(house.smtp, "postmaster@bounce.example.com", text).await;
    }
    let unproven = "bounce unproven -";
    assert_eq!(house.read(2).await, [unproven, unproven]);
    assert_eq!(house.story(id).await, "queued delivered");
    assert!(house.suppressed().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn whoever_saw_the_letter_can_bounce_it_and_not_bury_its_reader() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let message_id = address(Kind::MessageId, id);
    let about = |recipient| Dsn {
        message_id: &message_id,
        ..Dsn::hard(recipient)
    };
    let postmaster = "postmaster@bounce.example.com";
    let other = about("boris@0.good.example").text();
    hand_over(house.smtp, postmaster, &other).await;
    assert_eq!(house.read(1).await, ["bounce unproven returned-copy"]);
    assert_eq!(house.state(id).await, State::Delivered);
    hand_over(house.smtp, postmaster, &about(ANNA).text()).await;
    assert_eq!(house.read(2).await[1], "bounce bounced returned-copy");
    assert_eq!(house.state(id).await, State::Bounced);
    assert!(house.suppressed().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn what_nobody_understands_is_kept_and_changes_nothing() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::ReturnPath, id);
    let away = "Auto-Submitted: auto-replied\n";
    let texts = [
        note("hello", ""),
        note("Out of office", away),
        "\u{0}\u{1}\r\n\r\n".to_owned(),
        String::new(),
    ];
    for text in &texts {
        hand_over(house.smtp, &to, text).await;
    }
    let mut read = house.read(4).await;
    read.sort();
    let unknown = "other unrecognised -";
    assert_eq!(read, ["autoreply ignored -", unknown, unknown, unknown]);
    assert_eq!(house.story(id).await, "queued delivered");
    assert!(house.suppressed().await.is_empty());
    let first = house.inbound().await.remove(0).id;
    let raw = house.world.store.inbound_raw(first).await.unwrap();
    assert_eq!(raw.unwrap(), texts[0].as_bytes());
    house.close().await;
}

#[tokio::test]
async fn a_report_about_a_letter_that_is_not_kept_any_more_says_so() {
    let house = open().await;
    let gone = LetterId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0042));
    let to = address(Kind::ReturnPath, gone);
    hand_over(house.smtp, &to, &Dsn::hard(ANNA).text()).await;
    assert_eq!(house.read(1).await, ["bounce no-letter envelope"]);
    house.close().await;
}

/// Takes the only ready letter as a worker would.
async fn leased(house: &House) -> LeasedLetter {
    let now = SystemClock.now();
    let ask = LeaseAsk {
        lease: LeaseId(Uuid::from_u128(9)),
        now,
        until: now.plus(Duration::from_mins(10)),
        max: 1,
        octets: 1 << 20,
        per_lane: 1,
        room: Vec::new(),
        priority_max: 9,
        after: None,
    };
    let store = &house.world.store;
    store.lease(ask).await.unwrap().letters.remove(0)
}

async fn settle(house: &House, held: &LeasedLetter, next: Next, kind: EventKind) {
    let settlement = Settlement {
        id: held.id(),
        shard: held.shard(),
        lease: held.lease,
        attempts: 1,
        verdict: Verdict {
            next,
            event: Event::bare(SystemClock.now(), kind),
            suppress: None,
            signal: Signal::Nothing,
            keeps_source: false,
        },
        attempt: None,
    };
    house.world.store.settle(&[settlement]).await.unwrap();
}

fn later() -> Timestamp {
    SystemClock.now().plus(Duration::from_hours(1))
}

#[tokio::test]
async fn a_report_resolves_a_letter_in_doubt_either_way() {
    for (action, state) in [("failed", State::Bounced), ("delivered", State::Delivered)] {
        for next in [Next::Finish(State::InDoubt), Next::Retry { due: later() }] {
            let house = open().await;
            let id = house.queued("anna").await;
            settle(&house, &leased(&house).await, next, EventKind::InDoubt).await;
            let report = Dsn {
                action,
                ..Dsn::hard(ANNA)
            };
            let to = address(Kind::ReturnPath, id);
            hand_over(house.smtp, &to, &report.text()).await;
            let read = house.read(1).await;
            assert_eq!(read, [format!("bounce {} envelope", state.name())]);
            assert_eq!(house.state(id).await, state);
            let queue = house.world.queue().await;
            assert_eq!(queue.ready + queue.waiting + queue.leased, 0);
            house.close().await;
        }
    }
}

#[tokio::test]
async fn a_report_that_overtakes_our_own_settling_waits_for_it() {
    let house = house::open_with(Wish {
        reads: false,
        ..Wish::default()
    })
    .await;
    let id = house.queued("anna").await;
    let held = leased(&house).await;
    let to = address(Kind::ReturnPath, id);
    hand_over(house.smtp, &to, &Dsn::hard(ANNA).text()).await;
    house.read_now().await;
    assert_eq!(house.state(id).await, State::Leased);
    assert_eq!(house.inbound().await[0].read_at, None);
    let done = Next::Finish(State::Delivered);
    settle(&house, &held, done, EventKind::Delivered).await;
    let is_due = async || {
        house.read_now().await;
        house.inbound().await[0].read_at.is_some()
    };
    house.world.until("the report is due again", is_due).await;
    assert_eq!(house.state(id).await, State::Bounced);
    assert_eq!(house.story(id).await, "queued delivered bounced");
    house.close().await;
}
