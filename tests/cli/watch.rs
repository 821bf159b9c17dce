//! Commands that go on until somebody ends them, or stops reading.

use std::{
    io::{BufRead, BufReader, Read, Write as _},
    process::Stdio,
};

use crate::desk::{desk, interrupt, letter};

#[tokio::test]
async fn the_feed_goes_on_behind_its_cursor() {
    let mut desk = desk().await;
    desk.queue(&["anna@mail.ru", "olga@yandex.ru"])
        .await
        .close()
        .await;
    let first = desk.run("events --limit 1");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let cursor = first["cursor"].as_str().unwrap();
    let rest = desk.quietly(&format!("events --after {cursor}"));
    assert_eq!(rest.lines().count(), 1);
    assert!(!rest.contains(cursor));
    desk.check("events");
}

#[tokio::test]
async fn a_follower_hears_of_the_next_letter_and_ends_at_ctrl_c() {
    let desk = desk().await;
    desk.queue(&["anna@mail.ru"]).await.close().await;
    let mut follower = desk
        .command("events --follow")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("queued"));
    desk.file("more.ndjson", letter("olga@yandex.ru"));
    desk.quietly("send more.ndjson");
    assert!(lines.next().unwrap().unwrap().contains("queued"));
    interrupt(&follower);
    assert!(follower.wait().unwrap().success());
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_trouble() {
    let desk = desk().await;
    // More than a pipe holds, so that the writer must notice.
    let many: Vec<String> = (0..600).map(|n| letter(&format!("a{n}@mail.ru"))).collect();
    desk.quietly("dkim new example.com --selector s1");
    desk.file("many.ndjson", many.join("\n"));
    desk.quietly("send many.ndjson");
    let mut events = desk
        .command("events")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(events.stdout.take());
    let output = events.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[tokio::test]
async fn a_sink_counts_until_it_is_interrupted() {
    let mut desk = desk().await;
    let mut sink = desk
        .command("sink --listen 127.0.0.1:0 --latency 1ms --defer 0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut talk = BufReader::new(sink.stderr.take().unwrap());
    talk.read_line(&mut said).unwrap();
    let address = said
        .split_whitespace()
        .nth(3)
        .unwrap()
        .trim_end_matches(';');
    let mut visitor = std::net::TcpStream::connect(address).unwrap();
    visitor.write_all(b"QUIT\r\n").unwrap();
    visitor.read_to_string(&mut String::new()).unwrap();
    interrupt(&sink);
    let output = sink.wait_with_output().unwrap();
    desk.note("sink", &output);
    desk.check("sink");
}
