//! Letters that arrived: TLS, pipelining, signatures, and books that agree on both ends.

use aws_lc_rs::{encoding::AsDer, rsa, signature::KeyPair};
use data_encoding::BASE64;
use mail_auth::{
    common::{
        crypto::{RsaKey, Sha256},
        headers::HeaderWriter,
    },
    dkim::{DkimSigner, Done},
};
use postrider::sim::{Dialect, Finding, Refusal, SmallInternet, Tally, Temper, Verify};
use rustls_pki_types::PrivateKeyDer;

use crate::client::{Client, LETTER, SENDER, one_provider, start};

#[tokio::test]
async fn a_letter_goes_under_tls_and_what_was_slipped_in_before_is_forgotten() {
    let (internet, socket) = start(Dialect::Postfix, Temper::generous()).await;
    let client = Client::connect(socket).await;
    let slipped_in = "MAIL FROM:<>\r\nRCPT TO:<spy@mail.example>\r\n";
    let mut client = client.start_tls_slipping_in(slipped_in).await;
    let offers = client.say("EHLO out.example.com").await;
    assert!(!offers.contains("STARTTLS"), "{offers}");
    assert!(
        client
            .hand_over(SENDER, "anna@mail.example", LETTER)
            .await
            .starts_with("250")
    );
    assert!(client.say("STARTTLS").await.starts_with("502"));
    let tally = internet.stop().await;
    assert_eq!(
        (
            tally.providers[0].connections,
            tally.providers[0].tls_connections
        ),
        (1, 1)
    );
    assert_eq!(tally.accepted(), 1);
}

#[tokio::test]
async fn a_host_without_tls_does_not_offer_it() {
    let mut plan = one_provider(1, Dialect::Postfix, Temper::generous());
    plan.providers[0].starttls = false;
    plan.providers[0].smtputf8 = true;
    let internet = SmallInternet::start(plan).await.unwrap();
    let mut client = Client::connect(*internet.reroute().values().next().unwrap()).await;
    let offers = client.say("EHLO out.example.com").await;
    assert!(!offers.contains("STARTTLS"), "{offers}");
    for offer in ["PIPELINING", "SIZE ", "8BITMIME", "SMTPUTF8"] {
        assert!(offers.contains(offer), "{offers}");
    }
    assert!(client.say("STARTTLS").await.starts_with("502"));
    assert!(
        client
            .say("MAIL FROM:<a@example.com> SMTPUTF8")
            .await
            .starts_with("250")
    );
    assert!(
        client
            .say("RCPT TO:<почта@mail.example>")
            .await
            .starts_with("250")
    );
    internet.stop().await;
}

#[tokio::test]
async fn a_hundred_pipelined_letters_are_counted_and_found_one_by_one() {
    let (internet, socket) = start(Dialect::Mailru, Temper::generous()).await;
    let mut client = Client::connect(socket).await;
    let (mut talk, mut expected) = (String::new(), Vec::new());
    for number in 0..100 {
        let word = if number % 10 == 0 { "unknown-" } else { "" };
        let recipient = format!("{word}anna{number}@mail.example");
        let letter = LETTER.replace("<1@", &format!("<{number}@"));
        let one = format!(
            "MAIL FROM:<b+{number}@example.com>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n{letter}.\r\n"
        );
        talk.push_str(&one);
        expected.push((recipient, if word.is_empty() { 250 } else { 550 }));
    }
    client.send(talk.as_bytes()).await;
    for (recipient, code) in &expected {
        for stage in [250, 250, 354, *code] {
            let reply = client.reply().await;
            assert!(
                reply.starts_with(&stage.to_string()),
                "{recipient}: {reply}"
            );
        }
    }
    let letters = internet.letters();
    assert_eq!(letters.len(), 100);
    for (number, (recipient, code)) in expected.iter().enumerate() {
        let copies = u16::from(*code == 250);
        let refusal = (*code == 550).then_some(Refusal::UnknownUser);
        let letter = letters
            .by_envelope(&format!("b+{number}@example.com"), recipient)
            .unwrap();
        assert_eq!(
            (letter.last_code, letter.accepted, letter.attempts),
            (*code, copies, 1)
        );
        assert_eq!(letter.last_refusal, refusal);
        assert_eq!(letters.copies(&format!("{number}@example.com")), copies);
    }
    let tally = internet.stop().await;
    assert_eq!((tally.providers[0].attempts, tally.accepted()), (100, 90));
    assert_eq!(tally.providers[0].refused_for(Refusal::UnknownUser), 10);
}

#[tokio::test]
async fn an_internet_that_forgets_keeps_no_letters_and_checks_none() {
    let mut plan = one_provider(1, Dialect::Postfix, Temper::generous());
    plan.remember = false;
    plan.verify = Verify::None;
    let internet = SmallInternet::start(plan).await.unwrap();
    let mut client = Client::connect(*internet.reroute().values().next().unwrap()).await;
    client.hand_over(SENDER, "anna@mail.example", LETTER).await;
    assert!(internet.letters().is_empty());
    let tally = internet.stop().await;
    assert_eq!((tally.accepted(), tally.verified), (1, 0));
}

/// A fresh key: the signer and its DNS record.
fn key(domain: &str) -> (DkimSigner<RsaKey<Sha256>, Done>, String) {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let public =
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    let record = format!("v=DKIM1; k=rsa; p={}", BASE64.encode(public.as_ref()));
    let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let private = PrivateKeyDer::try_from(private.as_ref()).unwrap();
    let signer = DkimSigner::from_key(RsaKey::<Sha256>::from_key_der(private).unwrap())
        .domain(domain)
        .selector("k1")
        .headers([
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
        ]);
    (signer, record)
}

/// What a receiver finds in a letter, when only `example.com` has published its key.
async fn found(
    letter: &str,
    signer_domain: &str,
    spoil: impl Fn(String) -> String,
) -> Vec<Finding> {
    let (signer, record) = key(signer_domain);
    let (internet, socket) = start(Dialect::Postfix, Temper::generous()).await;
    internet.publish_txt(&format!("k1._domainkey.{signer_domain}"), &record);
    let signature = signer.sign(letter.as_bytes()).unwrap().to_header();
    let mut client = Client::connect(socket).await;
    let sent = spoil(format!("{signature}{letter}"));
    assert!(
        client
            .hand_over(SENDER, "anna@mail.example", &sent)
            .await
            .starts_with("250")
    );
    let Tally {
        verified, findings, ..
    } = internet.stop().await;
    assert_eq!(verified, 1);
    for found in findings.values() {
        assert!(found.examples[0].starts_with("1@example.com"), "{found:?}");
    }
    findings.into_keys().collect()
}

#[tokio::test]
async fn a_good_signature_is_found_good_and_a_broken_or_forged_one_is_noticed() {
    let same = |letter: String| letter;
    assert_eq!(found(LETTER, "example.com", same).await, []);
    let body = |letter: String| letter.replace("\r\n\r\nhello", "\r\n\r\nhallo");
    let broken = [Finding::BadSignature, Finding::NotAligned];
    assert_eq!(found(LETTER, "example.com", body).await, broken);
    let subject = |letter: String| letter.replace("Subject: hello", "Subject: hallo");
    assert_eq!(found(LETTER, "example.com", subject).await, broken);
    let unpublished = |letter: String| letter.replace("s=k1;", "s=k2;");
    assert_eq!(found(LETTER, "example.com", unpublished).await, broken);
    // A valid signature of somebody else.
    assert_eq!(
        found(LETTER, "forger.example", same).await,
        [Finding::NotAligned]
    );
}

#[tokio::test]
async fn one_click_unsubscribe_counts_only_whole_and_under_the_signature() {
    let pair = "List-Unsubscribe: <https://example.com/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    let same = |letter: String| letter;
    assert_eq!(
        found(&format!("{pair}{LETTER}"), "example.com", same).await,
        []
    );
    let half = pair.split_inclusive('\n').nth(1).unwrap();
    let found_half = found(&format!("{half}{LETTER}"), "example.com", same).await;
    assert_eq!(found_half, [Finding::UnsubscribeUnsigned]);
}

#[tokio::test]
async fn a_sample_of_letters_is_checked_and_all_are_counted() {
    let mut plan = one_provider(1, Dialect::Postfix, Temper::generous());
    plan.verify = Verify::Sample(3);
    let internet = SmallInternet::start(plan).await.unwrap();
    let mut client = Client::connect(*internet.reroute().values().next().unwrap()).await;
    for number in 0..60 {
        let recipient = format!("anna{number}@mail.example");
        client.hand_over(SENDER, &recipient, LETTER).await;
    }
    assert_eq!(internet.letters().copies("1@example.com"), 60);
    let tally = internet.stop().await;
    assert_eq!(tally.accepted(), 60);
    assert!((8..35).contains(&tally.verified), "{}", tally.verified);
    let found = &tally.findings[&Finding::Unsigned];
    assert_eq!((found.count, found.examples.len()), (tally.verified, 3));
}
