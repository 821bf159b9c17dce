//! Letters from files and pipes.

use std::{io::Write as _, process::Stdio};

use crate::desk::{desk, letter};

#[tokio::test]
async fn letters_of_a_file_reach_the_queue_and_bad_lines_are_named() {
    let mut desk = desk().await;
    desk.quietly("dkim new example.com --selector s1");
    let good = letter("anna@mail.ru");
    let lines = [
        good.as_str(),
        "{\"stream\":",
        "",
        "{\"stream\":\"marketing\",\"to\":\"nobody\",\"from\":\"news@example.com\",\"subject\":\"s\",\"text\":\"t\"}",
        "[]",
        "{\"stream\":\"trigger\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.com\",\"subject\":\"s\",\"text\":\"t\",\"idempotency_key\":\"k\"}",
        "{\"stream\":\"trigger\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.com\",\"subject\":\"s\",\"text\":\"t\",\"idempotency_key\":\"k\"}",
        "{\"stream\":\"trigger\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.com\",\"subject\":\"other\",\"text\":\"t\",\"idempotency_key\":\"k\"}",
        "{\"stream\":\"newsletter\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.com\",\"subject\":\"s\",\"text\":\"t\"}",
        "{\"stream\":\"trigger\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.org\",\"subject\":\"s\",\"text\":\"t\"}",
        "{\"stream\":\"trigger\",\"to\":\"olga@yandex.ru\",\"from\":\"news@example.com\",\"template\":\"no-such\"}",
    ];
    desk.file("letters.ndjson", lines.join("\n"));
    desk.run("send letters.ndjson");
    desk.run("send letters.ndjson --json --batch 2");
    desk.run("queue status");
    desk.run("queue status --json --domains 1");
    desk.run("letter list --to ANNA@mail.ru");
    desk.run("letter list --stream trigger --json");
    desk.run("letter list --campaign none");
    desk.run("letter list --since 1h --limit 1");
    desk.run("letter list --since 2999-01-01T00:00:00Z");
    desk.check("send");
}

#[tokio::test]
async fn a_sheet_of_recipients_becomes_letters() {
    let mut desk = desk().await;
    desk.quietly("dkim new example.com --selector s1");
    desk.file(
        "people.csv",
        "to.address,to.name,variables.name,variables:json,tags\n\
         anna@mail.ru,Анна,Анна,,a;b\n\
         olga@yandex.ru,Ольга\n\
         ivan@gmail.com,Иван,Иван,{,\n",
    );
    desk.run("send people.csv --set stream=marketing --set from=news@example.com --set template=weekly-digest");
    desk.run("letter list");
    desk.check("csv");
}

#[tokio::test]
async fn letters_come_by_a_pipe_as_well() {
    let desk = desk().await;
    desk.quietly("dkim new example.com --selector s1");
    let mut send = desk
        .command("send - --json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = send.stdin.take().unwrap();
    writeln!(pipe, "{}", letter("anna@mail.ru")).unwrap();
    drop(pipe);
    let output = send.wait_with_output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["line"], 1);
    assert_eq!(answer["status"], "accepted");
    assert!(output.status.success());
}
