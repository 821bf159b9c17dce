//! A node that dies between its 250 and the reading.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use postrider::{mail::State, token::Kind};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{
    client::{Client, hand_over},
    house::{House, Wish, address, open_with, program},
    reports::Dsn,
};

/// A node in a process of its own; it takes mails at that address.
fn node(house: &House, folder: &Path, door: SocketAddr) -> Child {
    let config = format!(
        r#"
[http]
listen = "127.0.0.1:0"
[smtp]
ehlo = "mail.example.com"
[dns]
servers = ["{dns}"]
{identity}[inbound]
smtp = ["{door}"]
certificate = "mx.pem"
key = "mx.key"
maildir = "bounces"
maildir_after = "remove"
"#,
        dns = house.world.lines.dns,
        identity = include_str!("../support/identity.toml"),
    );
    fs::write(folder.join("postrider.toml"), config).unwrap();
    let data = folder.join("postrider-data");
    fs::create_dir_all(&data).unwrap();
    let secret = data.join("token.secret");
    fs::write(&secret, "07".repeat(32)).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let issued = rcgen::generate_simple_self_signed(vec!["mail.example.com".to_owned()]).unwrap();
    fs::write(folder.join("mx.pem"), issued.cert.pem()).unwrap();
    fs::write(folder.join("mx.key"), issued.signing_key.serialize_pem()).unwrap();
    for part in ["new", "cur"] {
        fs::create_dir_all(folder.join("bounces").join(part)).unwrap();
    }
    let templates = folder.join("templates/plain/default");
    fs::create_dir_all(&templates).unwrap();
    fs::write(templates.join("subject.txt"), "plain").unwrap();
    fs::write(templates.join("text.txt"), "plain").unwrap();
    Command::new(program())
        .current_dir(folder)
        .arg("serve")
        .env("DATABASE_URL", &house.world.lines.url)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn listens(house: &House, door: SocketAddr) {
    let is_open = async || TcpStream::connect(door).await.is_ok();
    house.world.until("the node listens", is_open).await;
}

#[tokio::test]
async fn what_was_answered_with_250_is_read_by_whoever_comes_next() {
    let house = open_with(Wish {
        reads: false,
        ..Wish::default()
    })
    .await;
    let mut letters = Vec::new();
    for number in 0..4 {
        letters.push(house.delivered(&format!("anna{number}")).await);
    }
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door = free.local_addr().unwrap();
    drop(free);
    let mut first = node(&house, folder.path(), door);
    listens(&house, door).await;
    let (mut client, _) = Client::connect(door).await;
    assert!(client.ask("EHLO a").await.contains("STARTTLS"));
    for (number, id) in letters[1..].iter().enumerate() {
        let reader = format!("anna{}@0.good.example", number + 1);
        let to = address(Kind::ReturnPath, *id);
        let reply = hand_over(door, &to, &Dsn::hard(&reader).text()).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    // Some may have been read by now, some taken and not finished: the claims of the dead end within a minute.
    first.kill().await.unwrap();
    assert_eq!(house.inbound().await.len(), 3);
    // Meanwhile another server has put one into the Maildir.
    let to = address(Kind::ReturnPath, letters[0]);
    let report = Dsn::hard("anna0@0.good.example").text();
    let report = format!("Return-Path: <>\r\nDelivered-To: {to}\r\n{report}");
    let file = folder.path().join("bounces/new/1");
    fs::write(&file, report).unwrap();
    let _second = node(&house, folder.path(), door);
    let is_over = async || {
        let views = house.inbound().await;
        views.len() == 4 && views.iter().all(|view| view.read_at.is_some())
    };
    let begun = Instant::now();
    while !is_over().await {
        assert!(begun.elapsed() < Duration::from_mins(5), "nobody reads it");
        sleep(Duration::from_millis(200)).await;
    }
    for id in letters {
        assert_eq!(house.state(id).await, State::Bounced);
        assert_eq!(house.story(id).await, "queued delivered bounced");
    }
    assert_eq!(house.suppressed().await.len(), 4);
    assert!(!file.exists());
    house.close().await;
}
