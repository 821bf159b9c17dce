//! Patience and limits: greylisting, rates, connections, letters per connection.

use std::time::Duration;

use postrider::sim::{Dialect, Greylist, Rate, Refusal, Temper};
use tokio::time::Instant;

use crate::client::{Client, LETTER, SENDER, start};

#[tokio::test]
async fn a_greylister_takes_the_letter_once_its_delay_is_over() {
    let delay = Duration::from_millis(60);
    let temper = Temper {
        greylist: Some(Greylist { delay, share: 1.0 }),
        ..Temper::default()
    };
    let (internet, socket) = start(Dialect::Yandex, temper).await;
    let mut client = Client::connect(socket).await;
    let started = Instant::now();
    let mut refused = 0;
    loop {
        let reply = client.hand_over(SENDER, "anna@mail.example", LETTER).await;
        if reply.starts_with("250") {
            break;
        }
        assert_eq!(
            reply,
            "451 4.7.1 Sorry, the service is currently unavailable. Please come back later."
        );
        refused += 1;
    }
    assert!(started.elapsed() >= delay);
    let tally = internet.stop().await;
    assert_eq!(tally.providers[0].refused_for(Refusal::Greylisted), refused);
    assert_eq!(tally.providers[0].attempts, refused + 1);
    assert_eq!(tally.accepted(), 1);
}

#[tokio::test]
async fn a_rate_limiter_takes_its_burst_and_no_more() {
    let temper = Temper {
        rate: Some(Rate {
            per_second: 0.0,
            burst: 3.0,
        }),
        ..Temper::default()
    };
    for (dialect, texts) in [
        (
            Dialect::Mailru,
            ["451 Ratelimit exceeded for mailbox", "421 try again later"],
        ),
        (
            Dialect::Yandex,
            [
                "451 4.7.1 Sorry, the service",
                "450 4.2.1 The recipient has exceeded",
            ],
        ),
        (
            Dialect::Google,
            [
                "421-4.7.28 Gmail has detected an unusual rate",
                "450-4.2.1 The user you are",
            ],
        ),
        (
            Dialect::Outlook,
            [
                "451 4.7.650 The mail server [127.0.0.1] has been temporarily rate limited due to IP reputation.",
                "(S775)",
            ],
        ),
    ] {
        let (internet, socket) = start(dialect, temper.clone()).await;
        let mut seen = String::new();
        for number in 0..16 {
            let mut client = Client::connect(socket).await;
            let recipient = format!("anna{number}@mail.example");
            seen += &client.hand_over(SENDER, &recipient, LETTER).await;
        }
        for text in texts {
            assert!(seen.contains(text), "{dialect:?}: {text} in {seen}");
        }
        let tally = internet.stop().await;
        assert_eq!(tally.accepted(), 3);
        assert_eq!(tally.providers[0].refused_for(Refusal::RateLimited), 13);
    }
}

#[tokio::test]
async fn one_connection_too_many_is_not_greeted() {
    let temper = Temper {
        connections_max: 1,
        ..Temper::default()
    };
    let (internet, socket) = start(Dialect::Outlook, temper).await;
    let mut first = Client::connect(socket).await;
    let (mut second, greeting) = Client::greeted(socket).await;
    assert!(greeting.starts_with("421 RP-003"), "{greeting}");
    assert_eq!(second.reply().await, "", "and the line is closed");
    assert!(first.say("QUIT").await.starts_with("221"));
    assert_eq!(first.reply().await, "");
    let tally = internet.stop().await;
    assert_eq!(
        (
            tally.providers[0].connections,
            tally.providers[0].connections_peak
        ),
        (2, 2)
    );
    assert_eq!(
        tally.providers[0].refused_for(Refusal::TooManyConnections),
        1
    );
}

#[tokio::test]
async fn a_connection_carries_only_so_many_letters() {
    let temper = Temper {
        letters_per_connection: 2,
        ..Temper::default()
    };
    let (internet, socket) = start(Dialect::Yahoo, temper).await;
    let mut client = Client::connect(socket).await;
    for _ in 0..2 {
        let reply = client.hand_over(SENDER, "anna@mail.example", LETTER).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    let reply = client.hand_over(SENDER, "anna@mail.example", LETTER).await;
    assert!(
        reply.starts_with("421 Max message per connection reached"),
        "{reply}"
    );
    assert_eq!(client.reply().await, "");
    assert_eq!(internet.stop().await.accepted(), 2);
}
