//! Feedback reports: by token, by a known reporter, and by nobody in particular.

use std::time::Duration;

use mail_auth::{
    common::crypto::{RsaKey, Sha256},
    common::headers::HeaderWriter,
    dkim::DkimSigner,
};
use postrider::{mail::State, token::Kind};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, pem::PemObject};

use crate::{
    client::hand_over,
    desk,
    house::{House, Wish, address, open, open_with},
    reports::complaint,
};

const FBL: &str = "fbl@fbl.example.com";

#[tokio::test]
async fn a_complaint_suppresses_at_once_and_stops_no_password_reset() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let waiting = house.queued("anna").await;
    let to = address(Kind::Feedback, id);
    hand_over(house.smtp, &to, &complaint("abuse", "", "a@b.example")).await;
    assert_eq!(house.read(1).await, ["complaint suppressed envelope"]);
    assert_eq!(house.story(id).await, "queued delivered complained");
    assert_eq!(house.suppressed().await, ["anna marketing complaint"]);
    let engine = house.world.engine(&desk::Wishes::default()).await;
    house.world.settled().await;
    engine.stop().await;
    assert_eq!(house.state(waiting).await, State::Suppressed);
    let reset = house.delivered_in("transactional", "anna").await;
    assert_eq!(house.state(reset).await, State::Delivered);
    house.close().await;
}

#[tokio::test]
async fn a_returned_copy_names_the_letter() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let message_id = address(Kind::MessageId, id);
    let report = complaint("opt-out", "", &message_id);
    hand_over(house.smtp, FBL, &report).await;
    assert_eq!(house.read(1).await, ["complaint suppressed returned-copy"]);
    assert_eq!(house.suppressed().await, ["anna marketing complaint"]);
    house.close().await;
}

#[tokio::test]
async fn what_is_no_complaint_suppresses_nobody() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let to = address(Kind::Feedback, id);
    for kind in ["not-spam", "auth-failure"] {
        let report = complaint(kind, "Original-Rcpt-To: anna@0.good.example\n", "a@b");
        hand_over(house.smtp, &to, &report).await;
    }
    let noted = "complaint noted envelope";
    assert_eq!(house.read(2).await, [noted, noted]);
    assert!(house.suppressed().await.is_empty());
    house.close().await;
}

/// A report as a feedback loop signs it.
fn signed(text: &str, domain: &str) -> String {
    let pem = include_str!("../../src/dkim/testdata/rsa-2048-pkcs1.pem");
    let der = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = RsaKey::<Sha256>::from_key_der(PrivateKeyDer::Pkcs1(der)).unwrap();
    let signature = DkimSigner::from_key(key)
        .domain(domain)
        .selector("loop")
        .headers(["From", "Subject"])
        .sign(text.as_bytes())
        .unwrap();
    format!("{}{text}", signature.to_header())
}

async fn with_reporter() -> House {
    let house = open_with(Wish {
        reporters: vec!["fbl.provider.example"],
        ..Wish::default()
    })
    .await;
    for name in ["fbl.provider.example", "evil.example"] {
        let name = format!("loop._domainkey.{name}");
        house
            .world
            .internet
            .publish_txt(&name, &desk::dkim_record().text);
    }
    house
}

#[tokio::test]
async fn a_known_reporter_is_believed_and_nobody_who_looks_like_one() {
    let house = with_reporter().await;
    let report = complaint(
        "abuse",
        "Original-Rcpt-To: anna@0.good.example\n",
        "a@b.example",
    );
    let good = signed(&report, "fbl.provider.example");
    let stranger = signed(&report, "evil.example");
    let broken = good.replace("spam complaint", "spam c0mplaint");
    let cases = [
        (&report, "complaint unproven -"),
        (&stranger, "complaint unproven -"),
        (&broken, "complaint unproven -"),
        (&good, "complaint suppressed reporter"),
    ];
    for (number, (text, expected)) in cases.into_iter().enumerate() {
        assert!(house.suppressed().await.is_empty());
        hand_over(house.smtp, FBL, text).await;
        assert_eq!(house.read(number + 1).await[number], expected);
    }
    assert_eq!(house.suppressed().await, ["anna marketing complaint"]);
    house.close().await;
}

#[tokio::test]
async fn a_redacted_complaint_is_counted_and_no_more() {
    let house = with_reporter().await;
    let report = complaint("abuse", "Original-Rcpt-To: redacted\n", "a@b.example");
    hand_over(house.smtp, FBL, &signed(&report, "fbl.provider.example")).await;
    assert_eq!(house.read(1).await, ["complaint counted reporter"]);
    assert!(house.suppressed().await.is_empty());
    // What is kept goes when its time is over, and not before.
    let store = &house.world.store;
    let at = house.inbound().await[0].received_at;
    assert_eq!(store.purge_inbound(at, 10).await.unwrap(), 0);
    let later = at.plus(Duration::from_secs(1));
    assert_eq!(store.purge_inbound(later, 10).await.unwrap(), 1);
    house.close().await;
}
