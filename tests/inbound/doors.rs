//! The listener on real sockets: what it takes, what it refuses, and what a bad guest cannot do.

use std::{sync::Arc, time::Duration};

use postrider::{inbound::Settings, net::Trust, token::Kind};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    client::{Client, hand_over},
    house::{House, Wish, address, open, open_with},
    reports::Dsn,
};

async fn with(settings: Settings) -> House {
    open_with(Wish {
        settings,
        reads: false,
        ..Wish::default()
    })
    .await
}

async fn hello(house: &House) -> Client<TcpStream> {
    let (mut client, greeting) = Client::connect(house.smtp).await;
    assert!(greeting.starts_with("220 "), "{greeting}");
    client.ask("EHLO mx.reader.example").await;
    client
}

#[tokio::test]
async fn nobody_is_relayed_for() {
    let house = open().await;
    let mut client = hello(&house).await;
    client.ask("MAIL FROM:<anna@example.com>").await;
    for to in ["boris@example.org", "boris@example.com", "x@[127.0.0.1]"] {
        let reply = client.ask(&format!("RCPT TO:<{to}>")).await;
        assert!(
            reply.starts_with("550 5.7.1") || reply.starts_with("501"),
            "{to}: {reply}"
        );
    }
    assert!(client.ask("DATA").await.starts_with("503"));
    assert!(house.inbound().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_mail_in_a_mail_stays_one_mail() {
    let house = with(Settings::default()).await;
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    let mut client = hello(&house).await;
    client.ask("MAIL FROM:<>").await;
    client.ask(&format!("RCPT TO:<{to}>")).await;
    client.ask("DATA").await;
    let smuggled = format!("one\n.\nMAIL FROM:<>\nRCPT TO:<{to}>\nDATA\ntwo\r\n.\r\n");
    client.say(smuggled.as_bytes()).await;
    assert!(client.hear().await.starts_with("250"));
    client.ask("QUIT").await;
    assert_eq!(house.inbound().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn too_much_is_refused_and_the_talk_goes_on() {
    let house = with(Settings {
        size_max: 70_000,
        ..Settings::default()
    })
    .await;
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    let mut client = hello(&house).await;
    let reply = client.ask("MAIL FROM:<> SIZE=70001").await;
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    let big = "x\r\n".repeat(30_000);
    assert!(client.mail(&[&to], &big).await.starts_with("552 5.3.4"));
    assert!(client.mail(&[&to], "small\r\n").await.starts_with("250"));
    let long = format!("NOOP {}", "x".repeat(20_000));
    assert!(client.ask(&long).await.starts_with("500"));
    assert_eq!(house.inbound().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_guest_who_sleeps_is_seen_off() {
    let house = with(Settings {
        patience: Duration::from_millis(300),
        mail_patience: Duration::from_millis(600),
        ..Settings::default()
    })
    .await;
    let (mut silent, _) = Client::connect(house.smtp).await;
    assert!(silent.hear().await.starts_with("421 4.4.2"));
    assert_eq!(silent.hear().await, "");
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    let mut dripping = hello(&house).await;
    dripping.ask("MAIL FROM:<>").await;
    dripping.ask(&format!("RCPT TO:<{to}>")).await;
    dripping.ask("DATA").await;
    // However steadily it drips, the mail's own time ends.
    while dripping.can_say(b"x").await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(house.inbound().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn too_many_guests_are_told_to_come_back() {
    let house = with(Settings {
        guests_per_client_max: 2,
        ..Settings::default()
    })
    .await;
    let one = hello(&house).await;
    let _two = hello(&house).await;
    let (_, greeting) = Client::connect(house.smtp).await;
    assert!(greeting.starts_with("421 4.7.0"), "{greeting}");
    drop(one);
    let has_place = async || Client::connect(house.smtp).await.1.starts_with("220");
    house.world.until("a place is free", has_place).await;
    house.close().await;
}

#[tokio::test]
async fn many_connections_in_a_minute_are_refused() {
    let house = with(Settings {
        rate_per_client: 3,
        ..Settings::default()
    })
    .await;
    let mut greetings = Vec::new();
    for _ in 0..4 {
        let (mut client, greeting) = Client::connect(house.smtp).await;
        greetings.push(greeting[..3].to_owned());
        client.ask("QUIT").await;
    }
    assert_eq!(greetings, ["220", "220", "220", "421"]);
    house.close().await;
}

fn acceptor() -> TlsAcceptor {
    let names = vec!["mx.bounce.example.com".to_owned()];
    let issued = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn starttls_encrypts_and_forgets_what_was_said_before() {
    let house = with(Settings {
        tls: Some(acceptor()),
        ..Settings::default()
    })
    .await;
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    let (mut client, _) = Client::connect(house.smtp).await;
    assert!(client.ask("EHLO a").await.contains("STARTTLS"));
    // What an attacker on the way adds in clear behind STARTTLS must not count as said under TLS.
    client.say(b"STARTTLS\r\nMAIL FROM:<>\r\n").await;
    assert!(client.hear().await.starts_with("220"));
    let connector = TlsConnector::from(Trust::new().unwrap().any);
    let name = ServerName::try_from("mx.bounce.example.com").unwrap();
    let stream = connector.connect(name, client.into_stream()).await.unwrap();
    let mut client = Client::over(stream);
    assert!(client.ask("MAIL FROM:<>").await.starts_with("503"));
    assert!(!client.ask("EHLO a").await.contains("STARTTLS"));
    assert!(
        client
            .mail(&[&to], "under cover\r\n")
            .await
            .starts_with("250")
    );
    assert!(client.ask("STARTTLS").await.starts_with("502"));
    assert_eq!(house.inbound().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let house = open().await;
    let (anna, boris) = (house.queued("anna").await, house.queued("boris").await);
    let (mut client, greeting) = Client::connect(house.lmtp).await;
    assert!(greeting.contains("LMTP"));
    assert!(client.ask("EHLO a").await.starts_with("500"));
    assert!(client.ask("LHLO a").await.starts_with("250"));
    client.ask("MAIL FROM:<>").await;
    for (to, code) in [
        (address(Kind::Unsubscribe, anna), "250"),
        ("nobody@unsub.example.com".to_owned(), "550"),
        (address(Kind::Unsubscribe, boris), "250"),
    ] {
        assert!(
            client
                .ask(&format!("RCPT TO:<{to}>"))
                .await
                .starts_with(code)
        );
    }
    client.ask("DATA").await;
    assert!(
        client
            .ask("Subject: unsubscribe\r\n\r\n.")
            .await
            .starts_with("250")
    );
    assert!(client.hear().await.starts_with("250"));
    assert!(client.ask("QUIT").await.starts_with("221"));
    assert_eq!(house.read(1).await, ["unsubscribe suppressed envelope"]);
    let stopped = [
        "anna stream:marketing unsubscribe",
        "boris stream:marketing unsubscribe",
    ];
    assert_eq!(house.suppressed().await, stopped);
    house.close().await;
}

#[tokio::test]
async fn whoever_is_in_the_middle_of_a_mail_may_end_it_when_we_stop() {
    let house = with(Settings::default()).await;
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    let mut idle = hello(&house).await;
    let mut busy = hello(&house).await;
    busy.ask("MAIL FROM:<>").await;
    busy.ask(&format!("RCPT TO:<{to}>")).await;
    busy.ask("DATA").await;
    house.begin_to_close();
    assert!(idle.hear().await.starts_with("421 4.3.2"));
    let rest = format!("{}.\r\n", Dsn::hard("anna@0.good.example").text());
    busy.say(rest.as_bytes()).await;
    assert!(busy.hear().await.starts_with("250"));
    assert!(busy.hear().await.starts_with("421 4.3.2"));
    assert_eq!(house.inbound().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_database_that_is_away_loses_nothing() {
    let house = with(Settings::default()).await;
    let to = address(Kind::ReturnPath, house.queued("anna").await);
    house.world.store.close().await;
    let reply = hand_over(house.smtp, &to, "hello\r\n").await;
    assert!(reply.starts_with("451 4.3.0"), "{reply}");
    house.close().await;
}
