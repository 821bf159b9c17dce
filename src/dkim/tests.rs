//! Keys good, weak and broken; which of them signs; what DNS must show.

use std::collections::BTreeMap;

use super::*;
use crate::mail::Domain;

const WEAK: &str = include_str!("testdata/rsa-1024.pem");
const PKCS1: &str = include_str!("testdata/rsa-2048-pkcs1.pem");
const ED25519: &str = include_str!("testdata/ed25519.pem");

fn file(domain: &str, selector: &str, pem: &str) -> KeyFile {
    KeyFile {
        domain: domain.to_owned(),
        selector: selector.to_owned(),
        pem: pem.to_owned(),
    }
}

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

/// `Keyring` of one file, as what an operator reads.
fn check(selector: &str, pem: &str, expected: &str) {
    let found = match Keyring::new([file("example.com", selector, pem)], &BTreeMap::new()) {
        Ok(ring) => format!("{ring:?}"),
        Err(faults) => faults[0].to_string(),
    };
    assert_eq!(found, expected);
}

#[test]
fn keys_of_every_usual_form_are_read() {
    check("s1", PKCS1, r#"{"example.com/s1"}"#);
    check("s1", ED25519, r#"{"example.com/s1"}"#);
    check("s1", &generate_rsa_2048().unwrap(), r#"{"example.com/s1"}"#);
    check("s1", &generate_ed25519().unwrap(), r#"{"example.com/s1"}"#);
}

#[test]
fn a_weak_key_is_refused_with_the_way_out() {
    check(
        "s1",
        WEAK,
        "DKIM key example.com/s1: has less than 2048 bits; make a new one with `postrider dkim new` and publish it \
         under a new selector",
    );
}

#[test]
fn junk_is_named_with_its_place() {
    let junk = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    check(
        "s1",
        junk,
        "DKIM key example.com/s1: is neither an RSA nor an Ed25519 key in PKCS#8 or PKCS#1",
    );
    check(
        "s 1",
        PKCS1,
        "DKIM key example.com/s 1: the selector is not a DNS label",
    );
    check(
        "s1",
        "hello",
        "DKIM key example.com/s1: is no private key in PEM: no items found",
    );
}

#[test]
fn the_closest_domain_and_the_newest_selector_sign() {
    let files = || {
        [
            file("example.com", "2026q3a", ED25519),
            file("example.com", "2026q4a", ED25519),
            file("shop.example.com", "s1", PKCS1),
        ]
    };
    let ring = Keyring::new(files(), &BTreeMap::new()).unwrap();
    let signs = |ring: &Keyring, author: &str| {
        let keys = ring.keys(&domain(author));
        let names: Vec<String> = keys
            .iter()
            .map(|key| format!("{}/{}", key.public.domain, key.public.selector))
            .collect();
        names.join(" ")
    };
    assert_eq!(signs(&ring, "example.com"), "example.com/2026q4a");
    assert_eq!(signs(&ring, "news.example.com"), "example.com/2026q4a");
    assert_eq!(signs(&ring, "a.shop.example.com"), "shop.example.com/s1");
    assert_eq!(signs(&ring, "example.org"), "");
    let chosen = BTreeMap::from([(domain("example.com"), "2026q3a".to_owned())]);
    let ring = Keyring::new(files(), &chosen).unwrap();
    assert_eq!(signs(&ring, "example.com"), "example.com/2026q3a");
}

#[test]
fn ed25519_is_a_second_signature_only_when_asked() {
    let files = || {
        [
            file("example.com", "r1", PKCS1),
            file("example.com", "e1", ED25519),
        ]
    };
    let ring = Keyring::new(files(), &BTreeMap::new()).unwrap();
    assert_eq!(ring.keys(&domain("example.com")).len(), 1);
    let ring = ring.with_second_signature(true);
    assert_eq!(ring.keys(&domain("example.com")).len(), 2);
}

#[test]
fn dns_shows_the_public_half() {
    let files = [
        file("example.com", "r1", PKCS1),
        file("пример.рф", "e1", ED25519),
    ];
    let ring = Keyring::new(files, &BTreeMap::new()).unwrap();
    let lines: Vec<String> = ring
        .public_keys()
        .map(|key| dns_record(key).zone_line())
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
