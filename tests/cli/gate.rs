//! The gate of `lint` at the door of `send`, and what `check --history` tells.

use postrider::{
    mail::Timestamp,
    store::{CheckChange, PgStore},
};
use serde_json::Value;

use crate::desk::{Desk, desk};

/// Three streams that part on flaws.
const STREAMS: &str = r#"
[smtp]
ehlo = "mail.example.com"
[[stream]]
name = "strict"
lint = "refuse"
[[stream]]
name = "mild"
lint = "warn"
[[stream]]
name = "blind"
"#;

async fn gated(identity: &str) -> Desk {
    let desk = desk().await;
    desk.file("postrider.toml", format!("{identity}{STREAMS}"));
    desk.quietly("dkim new example.com --selector s1");
    desk
}

fn letter(stream: &str, subject: &str, text: &str) -> String {
    format!(
        r#"{{"stream":"{stream}","to":"anna@mail.ru","from":"news@example.com","subject":"{subject}","text":"{text}"}}"#
    )
}

/// In each stream a good letter, one that filters dislike, and one that pretends to be an answer.
fn letters() -> String {
    let way_out = "Hello Anna, to unsubscribe see https://u.example.com/";
    let each = ["strict", "mild", "blind"].map(|stream| {
        [
            letter(stream, "Offers", way_out),
            letter(stream, "OFFERS ARE HERE FOR YOU", way_out),
            letter(stream, "Re: your order", way_out),
        ]
    });
    each.concat().join("\n")
}

const IDENTITY: &str = include_str!("../support/identity.toml");

#[tokio::test]
async fn each_stream_does_what_it_wants_about_flaws() {
    let mut desk = gated(IDENTITY).await;
    desk.file("letters.ndjson", letters());
    desk.run("send letters.ndjson");
    desk.run("send letters.ndjson --json");
    let queued = desk.quietly("letter list --json");
    // Twice: three of the blind, three of the mild, two of the strict.
    assert_eq!(queued.lines().count(), 16, "{queued}");
    desk.check("gate");
}

#[tokio::test]
async fn without_names_to_write_under_the_gate_says_that_it_does_not_look() {
    let desk = gated("").await;
    desk.file("letters.ndjson", letters());
    let output = desk.command("send letters.ndjson").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let note = "note: letters are not looked at here, because: the configuration lacks";
    assert!(said.contains(note), "{said}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("9 accepted"), "{told}");
}

fn fault(domain: &str, finding: &str, found: &str) -> CheckChange {
    CheckChange {
        at: Timestamp::default(),
        domain: domain.to_owned(),
        finding: finding.to_owned(),
        about: domain.to_owned(),
        level: "failure".to_owned(),
        appeared: true,
        found: found.to_owned(),
    }
}

/// What two nodes saw: a fault that came and went, and one that stands.
async fn note(store: &PgStore) {
    let domains = ["example.com".to_owned(), "example.org".to_owned()];
    let spf = fault("example.com", "spf.missing", "no record \u{1b}[31m");
    let dmarc = fault("example.org", "dmarc.missing", "no policy");
    let rounds: [(&str, &[CheckChange]); 3] = [
        ("2026-11-01T10:00:00Z", std::slice::from_ref(&spf)),
        ("2026-11-02T11:30:00Z", &[spf.clone(), dmarc.clone()]),
        ("2026-11-03T12:00:00Z", std::slice::from_ref(&dmarc)),
    ];
    for (at, standing) in rounds {
        let at = Timestamp::parse(at).unwrap();
        store.note_check(&domains, standing, at).await.unwrap();
    }
}

#[tokio::test]
async fn the_history_of_a_set_up_is_told() {
    let mut desk = desk().await;
    desk.quietly("migrate");
    desk.run("check --history");
    desk.run("check --since 7d");
    desk.run("check --history --watch");
    let store = PgStore::connect(desk.database.url().parse().unwrap(), 2);
    let store = store.await.unwrap();
    note(&store).await;
    store.close().await;
    let told = desk.quietly("check --history");
    insta::assert_snapshot!("history_told", told);
    let since = desk.quietly("check --history --since 2026-11-02T11:30:00Z");
    assert_eq!(
        told.lines().skip(1).collect::<Vec<_>>(),
        since.lines().collect::<Vec<_>>()
    );
    let one = desk.quietly("check example.org --history --json");
    let one: Value = serde_json::from_str(&one).unwrap();
    let expected = serde_json::json!({
        "at": "2026-11-02T11:30:00Z", "change": "appeared", "domain": "example.org", "id": "dmarc.missing",
        "level": "failure", "about": "example.org", "found": "no policy",
    });
    assert_eq!(one, expected);
    desk.check("history");
}
