//! The sink as a bench uses it.

use std::time::Duration;

use postrider::sim::{Sink, SinkPlan, SinkTally};
use tokio::time::Instant;

use crate::client::{Client, LETTER, SENDER};

#[tokio::test]
async fn every_letter_of_many_connections_is_counted() {
    let sink = Sink::start(SinkPlan::default()).await.unwrap();
    let one =
        format!("MAIL FROM:<{SENDER}>\r\nRCPT TO:<anna@mail.example>\r\nDATA\r\n{LETTER}.\r\n");
    for _ in 0..10 {
        let mut client = Client::connect(sink.address()).await;
        client.send(one.repeat(100).as_bytes()).await;
        for _ in 0..100 {
            for code in ["250", "250", "354", "250"] {
                assert!(client.reply().await.starts_with(code));
            }
        }
        assert!(client.say("QUIT").await.starts_with("221"));
        assert_eq!(client.reply().await, "");
    }
    let tally = sink.stop().await;
    assert_eq!((tally.connections, tally.accepted), (10, 1_000));
    assert!(tally.bytes > 1_000 * one.len() as u64);
}

async fn refused(seed: u64) -> (String, SinkTally) {
    let plan = SinkPlan {
        deferred: 0.1,
        bounced: 0.2,
        seed,
        ..SinkPlan::default()
    };
    let sink = Sink::start(plan).await.unwrap();
    let mut client = Client::connect(sink.address()).await;
    let mut codes = String::new();
    for _ in 0..1_000 {
        let reply = client.hand_over(SENDER, "anna@mail.example", LETTER).await;
        codes += &reply[..1];
    }
    (codes, sink.stop().await)
}

#[tokio::test]
async fn a_share_of_letters_is_refused_and_the_seed_says_which() {
    let (codes, tally) = refused(1).await;
    assert_eq!((&codes, tally), (&refused(1).await.0, refused(1).await.1));
    assert_ne!(codes, refused(2).await.0);
    assert_eq!(tally.accepted + tally.deferred + tally.bounced, 1_000);
    assert!((70..130).contains(&tally.deferred), "{tally:?}");
    assert!((160..240).contains(&tally.bounced), "{tally:?}");
}

#[tokio::test]
async fn a_sink_speaks_tls_and_waits_as_told() {
    let plan = SinkPlan {
        starttls: true,
        latency: Duration::from_millis(10),
        ..SinkPlan::default()
    };
    let sink = Sink::start(plan).await.unwrap();
    let started = Instant::now();
    let mut client = Client::connect(sink.address()).await.start_tls().await;
    assert!(
        client
            .hand_over(SENDER, "anna@mail.example", LETTER)
            .await
            .starts_with("250")
    );
    // EHLO, STARTTLS, MAIL, RCPT, DATA, dot.
    assert!(started.elapsed() >= Duration::from_millis(60));
    let tally = sink.stop().await;
    assert_eq!((tally.tls_connections, tally.accepted), (1, 1));
}
