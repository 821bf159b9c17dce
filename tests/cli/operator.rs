//! Keys, signing keys, suppressions, templates, configurations, and everything that cannot be.

use std::fs;

use crate::desk::{desk, letter};

#[tokio::test]
async fn a_key_is_shown_once_and_can_be_revoked() {
    let mut desk = desk().await;
    desk.run("key list");
    desk.run("key new shop-backend");
    desk.run("key new reports --json");
    desk.run("key list");
    desk.run("key revoke 1");
    desk.run("key revoke 1");
    desk.run("key revoke 7");
    desk.run("key list --json");
    desk.check("key");
}

#[tokio::test]
async fn a_new_signing_key_opens_the_door_for_its_domain() {
    let mut desk = desk().await;
    desk.run("dkim list");
    desk.file("letter.ndjson", letter("anna@mail.ru"));
    desk.run("send letter.ndjson");
    desk.run("dkim new example.com");
    desk.run("send letter.ndjson");
    desk.run("dkim new example.com --selector s2 --ed25519 --json");
    desk.run("dkim new example.com --selector s2");
    desk.run("dkim new example.com --selector ../s3");
    desk.run("dkim list");
    desk.check("dkim");
    let key = desk.folder.path().join("dkim-keys/example.com/s2.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn nobody_writes_to_a_suppressed_address() {
    let mut desk = desk().await;
    desk.queue(&["ivan@gmail.com"]).await.close().await;
    desk.run("suppression list");
    desk.run("suppression add Anna@mail.ru --scope marketing --note asked-by-phone");
    desk.run("suppression show anna@MAIL.ru");
    desk.file("letter.ndjson", letter("anna@mail.ru"));
    desk.run("send letter.ndjson --json");
    desk.run("suppression list --reason manual --json");
    desk.run("suppression add anna@mail.ru --until 2001-01-01T00:00:00Z");
    desk.run("suppression remove anna@mail.ru");
    desk.run("suppression remove anna@mail.ru");
    desk.run("suppression show anna@mail.ru");
    desk.check("suppression");
}

#[tokio::test]
async fn a_campaign_is_held_released_and_withdrawn() {
    let mut desk = desk().await;
    let store = desk.queue(&["anna@mail.ru", "ivan@gmail.com"]).await;
    store.close().await;
    desk.run("queue list");
    desk.run("queue hold --domain mail.ru --reason look-first --author anna");
    desk.run("queue hold --domain mail.ru --reason again --author ivan");
    desk.run("queue hold --provider mailru --reason their-bad-hour --author anna --json");
    desk.run("queue status");
    desk.run("queue list");
    desk.run("queue list --json");
    desk.run("queue release 1 --author ivan");
    desk.run("queue release 1 --author ivan");
    desk.run("queue cancel --stream marketing --reason wrong-price --author anna");
    desk.run("queue cancel --stream marketing --reason wrong-price --author anna --yes");
    desk.run("queue list --past");
    desk.run(
        "queue hold --campaign spring --provider mailru --reason complaints-rise --author anna",
    );
    desk.run("queue list");
    desk.run("queue brakes");
    for line in [
        "queue hold --reason x --author anna",
        "queue hold --all --provider mailru --reason x --author anna",
        "queue hold --stream marketing --provider mailru --reason x --author anna",
        "queue hold --provider mail.ru --reason x --author anna",
        "queue hold --all --author anna",
        "queue release 77 --author anna",
        "queue release --author anna",
    ] {
        desk.run(line);
    }
    desk.check("hold");
}

#[tokio::test]
async fn a_warm_up_is_planned_before_anything_is_sent() {
    let mut desk = desk().await;
    for line in [
        "warmup plan",
        "warmup plan --target-per-day 1200 --start 2026-12-30",
        "warmup plan --target-per-day 1200 --schedule quick --start 2026-12-30 --json",
        "warmup plan --target-per-day 1200 --schedule slow",
        "warmup plan --target-per-day 0",
        "warmup plan --target-per-day 1200 --start tomorrow",
        "warmup plan --schedule gentle",
        "warmup status",
    ] {
        desk.run(line);
    }
    desk.file(
        "postrider.toml",
        "[[warmup]]\nsource = \"default\"\nprovider = \"google\"\ntarget_per_day = 300\nstart = \"2026-12-01\"\n",
    );
    desk.run("warmup plan");
    desk.check("warmup");
}

#[tokio::test]
async fn templates_are_tried_before_a_letter_needs_them() {
    let mut desk = desk().await;
    desk.run("template list");
    desk.run("template check");
    let bad = desk.folder.path().join("bad");
    for (name, text) in [
        ("a/en/subject.txt", "Hello {{ name }}"),
        ("a/en/text.txt", "one\n{{ missing }}\n"),
        ("a/sample.json", "{\"name\":\"Anna\"}"),
    ] {
        let path = bad.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    desk.file("bad.toml", "templates.folder = \"bad\"\n");
    desk.run("template check --config bad.toml");
    desk.file("bad/a/en/text.txt", "one\n{% if %}\n");
    desk.run("template check --config bad.toml");
    desk.run("template list --config bad.toml");
    desk.file("none.toml", "templates.folder = \"none\"\n");
    desk.run("template check --config none.toml");
    desk.check("template");
}

#[tokio::test]
async fn a_configuration_is_checked_before_it_is_used() {
    let mut desk = desk().await;
    desk.run("config check");
    desk.file("postrider.toml", "nod = \"n\"\n");
    desk.run("config check");
    desk.file("postrider.toml", "[delivery]\nlease = \"1s\"\n");
    desk.run("key list");
    desk.run("config check --config nowhere.toml");
    desk.check("config");
    let default = desk.quietly("config default");
    desk.file("postrider.toml", default);
    let shown = desk.quietly("config show");
    assert!(shown.contains("node = \"node-1\""), "{shown}");
    let json: serde_json::Value =
        serde_json::from_str(&desk.quietly("config show --json")).unwrap();
    assert_eq!(json["node"], "node-1");
}

#[tokio::test]
async fn what_cannot_be_is_explained() {
    let mut desk = desk().await;
    desk.queue(&["anna@mail.ru"]).await.close().await;
    desk.file("sheet.csv", b"PK\x03\x04\xff\xfe\x00\x01,\xff\n");
    desk.file("wrong.csv", "emial,to.name\na@b.example,x\n");
    desk.file("letters.txt", "");
    desk.file("binary.ndjson", b"\xff\xfe\x00\n\x00\x01\n");
    desk.file("empty.ndjson", "");
    fs::create_dir(desk.folder.path().join("folder.ndjson")).unwrap();
    for line in [
        "send nowhere.ndjson",
        "send folder.ndjson",
        "send letters.txt",
        "send sheet.csv",
        "send wrong.csv",
        "send binary.ndjson",
        "send empty.ndjson",
        "send letters.ndjson --set colour=red",
        "send letters.ndjson --batch 0",
        "letter show 01a20aba-0544-7001-b764-9c42d26f83b7",
        "letter show 42",
        "letter cancel 01a20aba-0544-7001-b764-9c42d26f83b7",
        "letter list --state sleeping",
        "key list --database-url postgres://nobody@127.0.0.1:1/none",
        "key list --database-url nonsense",
        "suppression add nobody",
        "dance",
    ] {
        desk.run(line);
    }
    desk.check("bad_input");
}
