//! Enqueue: three doors, one path.

use std::fmt::Write as _;

use postrider::{
    mail::{Content, Scope, State},
    store::Answer,
};
use serde_json::json;
use sqlx::Connection;

use crate::support::{
    self, SIZE_MAX_BYTES, START, accepted, ban, count, enqueue, letter, plain, state, story,
};

const LETTERS: &str = "select count(*) from postrider.letter";

/// One answer as one line.
fn line(answer: &Answer) -> String {
    match answer {
        Answer::Accepted(_) => "accepted".to_owned(),
        Answer::Duplicate(_) => "duplicate".to_owned(),
        Answer::Conflict { why, .. } => format!("conflict: {why}"),
        Answer::Suppressed { reason, scope } => format!("suppressed: {reason}, {scope}"),
        Answer::Invalid { field, why } => format!("invalid: {field} {why}"),
    }
}

#[tokio::test]
async fn an_accepted_letter_is_queued_with_its_first_event() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let given = letter(
        "x@example.org",
        json!({"to": {"address": "АННА@Домен.рф", "name": "Анна", "locale": "ru"}, "campaign": "autumn",
            "reply_to": "help@example.com", "tags": ["a", "b"], "priority": 2,
            "attachments": [{"name": "a.txt", "type": "text/plain", "content": "QUJD"}]}),
    );
    let ids = accepted(&store, &[given]).await;
    let view = store.letter(ids[0]).await.unwrap().unwrap();
    let found = view.letter.unwrap();
    assert_eq!(
        (view.state, view.priority, view.attempts),
        (State::Queued, 2, Some(0))
    );
    assert_eq!(
        found.to.mailbox.address.to_string(),
        "АННА@xn--d1acufc.xn--p1ai"
    );
    assert_eq!(found.tags, ["a", "b"]);
    let Content::Template {
        name,
        variables,
        parts,
    } = found.content
    else {
        panic!("a template")
    };
    assert_eq!(
        (name.as_str(), variables.as_str(), parts[0].bytes.as_slice()),
        ("digest", r#"{"name": "Анна"}"#, b"ABC".as_slice())
    );
    // The last octet of the id is the shard.
    assert_eq!(i16::from(ids[0].0.as_bytes()[15]), found.shard.0);
    assert_eq!(story(&store, ids[0]).await, "queued");
}

#[tokio::test]
async fn a_letter_exists_only_if_the_callers_transaction_commits() {
    let pool = support::database().await;
    support::store(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("select postrider.enqueue($1::text::jsonb)")
        .bind(plain("anna@mail.ru"))
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    let rows =
        "select (select count(*) from postrider.letter) + (select count(*) from postrider.queue)
        + (select count(*) from postrider.event)";
    assert_eq!(count(&pool, rows).await, 0);
}

#[tokio::test]
async fn an_invalid_letter_leaves_the_callers_transaction_alive() {
    let pool = support::database().await;
    support::store(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    for text in [
        "{}",
        "[]",
        "null",
        r#"{"stream": 1, "send_at": "2026-02-30T25:00:00Z"}"#,
    ] {
        let status: String =
            sqlx::query_scalar("select postrider.enqueue($1::text::jsonb)->>'status'")
                .bind(text)
                .fetch_one(&mut *transaction)
                .await
                .unwrap();
        assert_eq!(status, "invalid", "{text}");
    }
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn every_fault_names_its_field_and_why() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let long = "x".repeat(300);
    let changes = [
        json!({"stream": null}),
        json!({"stream": "gossip"}),
        json!({"to": null}),
        json!({"to": 7}),
        json!({"to": {"name": "Anna"}}),
        json!({"to": {"address": "a@mail.ru", "nmae": "Anna"}}),
        json!({"to": {"address": "a@mail.ru", "name": "Anna\r\nBcc: x@example.org"}}),
        json!({"to": {"address": "a@mail.ru", "name": long}}),
        json!({"to": {"address": "a@mail.ru", "locale": "russian language"}}),
        json!({"to": {"address": "a@mail.ru", "time_zone": "../etc"}}),
        json!({"to": {"address": "a@mail.ru", "time_zone": "Mars/Phobos"}}),
        json!({"to": "nobody"}),
        json!({"to": "a b@mail.ru"}),
        json!({"to": "a@localhost"}),
        json!({"to": format!("{}@mail.ru", "x".repeat(65))}),
        json!({"from": "news"}),
        json!({"from": "news@example.org"}),
        json!({"from": {"address": "news@example.com", "locale": "ru"}}),
        json!({"reply_to": "nobody"}),
        json!({"campaign": "осень"}),
        json!({"campaign": 5}),
        json!({"template": "gossip"}),
        json!({"template": 5}),
        json!({"template": null}),
        json!({"template": null, "variables": null}),
        json!({"variables": []}),
        json!({"subject": "Hi"}),
        json!({"template": null, "variables": null, "subject": "Hi"}),
        json!({"template": null, "variables": null, "subject": "Hi\n", "text": "t"}),
        json!({"template": null, "variables": null, "subject": "Hi", "text": 5}),
        json!({"template": null, "variables": null, "raw": "a", "html": "b"}),
        json!({"attachments": {}}),
        json!({"attachments": [{"name": "a", "type": "text/plain", "content": "?"}]}),
        json!({"attachments": [{"name": "a\n", "type": "text/plain", "content": ""}]}),
        json!({"attachments": [{"name": "a", "type": "plain", "content": ""}]}),
        json!({"attachments": [{"type": "text/plain", "content": ""}]}),
        json!({"send_at": "tomorrow"}),
        json!({"send_at": "2027-02-30T10:00:00Z"}),
        json!({"valid_until": 5}),
        json!({"valid_until": "2026-01-01T10:00:00Z"}),
        json!({"priority": 10}),
        json!({"priority": 1.5}),
        json!({"priority": "1"}),
        json!({"tags": "a"}),
        json!({"tags": ["a", 1]}),
        json!({"tags": vec!["a"; 17]}),
        json!({"idempotency_key": ""}),
        json!({"idempotency_key": long}),
        json!({"valid_untill": "2027-01-01T10:00:00Z"}),
        json!({"variables": {"text": "\u{0}"}}),
    ];
    let mut letters: Vec<String> = changes
        .iter()
        .map(|change| letter("anna@mail.ru", change.clone()))
        .collect();
    letters.extend(["7", "{", ""].map(str::to_owned));
    let answers = enqueue(&store, &letters).await;
    let mut table = String::new();
    let names = changes
        .iter()
        .map(ToString::to_string)
        .chain(letters[changes.len()..].iter().cloned());
    for (given, answer) in names.zip(&answers) {
        let given: String = given.chars().take(90).collect();
        writeln!(table, "{given}\n    {}", line(answer)).unwrap();
    }
    insta::assert_snapshot!(table);
    assert_eq!(count(&pool, LETTERS).await, 0);
}

#[tokio::test]
async fn a_bad_letter_in_a_set_spoils_no_other() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let set = [
        plain("a@mail.ru"),
        letter("b@mail.ru", json!({"send_at": "2027-13-01T00:00:00Z"})),
        letter("c@mail.ru", json!({"variables": {"text": "\u{0}"}})),
        plain("d@mail.ru"),
    ];
    let answers: Vec<String> = enqueue(&store, &set).await.iter().map(line).collect();
    assert_eq!(
        (answers[0].as_str(), answers[3].as_str()),
        ("accepted", "accepted")
    );
    assert!(answers[1].starts_with("invalid: send_at"), "{}", answers[1]);
    assert!(answers[2].starts_with("invalid"), "{}", answers[2]);
}

#[tokio::test]
async fn a_letter_beyond_the_size_limit_is_invalid() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let big = letter(
        "a@mail.ru",
        json!({"variables": {"text": "x".repeat(2_000)}}),
    );
    let answers = store.enqueue(&[big], 1_000, START).await.unwrap();
    assert_eq!(line(&answers[0]), "invalid:  is larger than 1000 octets");
}

#[tokio::test]
async fn the_same_key_never_makes_a_second_letter() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let keyed = |to: &str| letter(to, json!({"idempotency_key": "order-7"}));
    let answers = enqueue(
        &store,
        &[keyed("a@mail.ru"), keyed("a@mail.ru"), keyed("b@mail.ru")],
    )
    .await;
    let again = enqueue(&store, &[keyed("a@mail.ru")]).await;
    let lines: Vec<String> = answers.iter().chain(&again).map(line).collect();
    assert_eq!(
        lines,
        [
            "accepted",
            "duplicate",
            "conflict: this key was accepted before with other content",
            "duplicate"
        ]
    );
    let Answer::Accepted(first) = answers[0] else {
        panic!()
    };
    assert_eq!(again[0], Answer::Duplicate(first));
    assert_eq!(count(&pool, LETTERS).await, 1);
}

#[tokio::test]
async fn callers_at_once_with_one_key_make_one_letter() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let keyed: Vec<String> = (0..20)
        .map(|n| letter("a@mail.ru", json!({"idempotency_key": format!("k{n}")})))
        .collect();
    let backwards: Vec<String> = keyed.iter().rev().cloned().collect();
    let (one, two, three) = tokio::join!(
        store.enqueue(&keyed, SIZE_MAX_BYTES, START),
        store.enqueue(&backwards, SIZE_MAX_BYTES, START),
        store.enqueue(&keyed, SIZE_MAX_BYTES, START),
    );
    let answers = [one.unwrap(), two.unwrap(), three.unwrap()].concat();
    let accepted = answers.iter().filter(|a| line(a) == "accepted").count();
    let duplicates = answers.iter().filter(|a| line(a) == "duplicate").count();
    assert_eq!((accepted, duplicates), (20, 40));
    assert_eq!(count(&pool, LETTERS).await, 20);
}

#[tokio::test]
async fn the_first_letters_of_a_domain_do_not_wait_for_each_other() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    let mut open = connection.begin().await.unwrap();
    sqlx::query("select postrider.enqueue($1::text::jsonb)")
        .bind(plain("a@new.example"))
        .execute(&mut *open)
        .await
        .unwrap();
    accepted(&store, &[plain("b@new.example")]).await;
    open.commit().await.unwrap();
    accepted(&store, &[plain("c@new.example")]).await;
    assert_eq!(store.queue_status(5).await.unwrap().lanes[0].ready, 3);
}

#[tokio::test]
async fn a_suppressed_recipient_gets_no_letter_in_the_scope() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    store
        .suppress(&ban("gone@mail.ru", Scope::Everything))
        .await
        .unwrap();
    store
        .suppress(&ban("tired@mail.ru", Scope::Marketing))
        .await
        .unwrap();
    let scope = Scope::Stream("transactional".to_owned());
    store.suppress(&ban("odd@mail.ru", scope)).await.unwrap();
    let mut over = ban("back@mail.ru", Scope::Everything);
    over.until = Some(START);
    store.suppress(&over).await.unwrap();

    let mut table = String::new();
    for to in [
        "GONE@Mail.ru",
        "tired@mail.ru",
        "odd@mail.ru",
        "back@mail.ru",
    ] {
        for stream in ["marketing", "transactional"] {
            let answers = enqueue(&store, &[letter(to, json!({"stream": stream}))]).await;
            writeln!(table, "{to} {stream}: {}", line(&answers[0])).unwrap();
        }
    }
    insta::assert_snapshot!(table, @r"
    GONE@Mail.ru marketing: suppressed: hard-bounce, everything
    GONE@Mail.ru transactional: suppressed: hard-bounce, everything
    tired@mail.ru marketing: suppressed: hard-bounce, marketing
    tired@mail.ru transactional: accepted
    odd@mail.ru marketing: accepted
    odd@mail.ru transactional: suppressed: hard-bounce, stream:transactional
    back@mail.ru marketing: accepted
    back@mail.ru transactional: accepted
    ");
}

#[tokio::test]
async fn a_letter_for_later_waits_and_can_be_withdrawn() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let later = letter("a@mail.ru", json!({"send_at": "2027-01-01T00:00:00Z"}));
    let ids = accepted(&store, &[later]).await;
    assert!(support::lease(&store, 10).await.is_empty());
    let status = store.queue_status(5).await.unwrap();
    assert_eq!((status.ready, status.waiting), (0, 1));
    store.cancel(ids[0], START).await.unwrap();
    assert_eq!(state(&store, ids[0]).await, State::Cancelled);
    assert_eq!(story(&store, ids[0]).await, "queued cancelled");
}
