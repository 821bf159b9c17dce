//! Mails from files: the Maildir and the command.

use std::{fs, path::Path, process::Output};

use postrider::{
    inbound::{Maildir, maildir::After},
    net::SystemClock,
    token::Kind,
};
use tokio::process::Command;

use crate::{
    house::{House, address, open, program},
    reports::{Dsn, note},
};

const ANNA: &str = "anna@0.good.example";

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// As a delivering server writes it.
fn delivered(to: &str, text: &str) -> String {
    format!("Return-Path: <>\r\nDelivered-To: {to}\r\nReceived: by mx\r\n{text}")
}

#[tokio::test]
async fn what_lies_in_a_maildir_is_read_and_what_cannot_be_read_stays() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let folder = place();
    let new = folder.path().join("new");
    let report = delivered(&address(Kind::ReturnPath, id), &Dsn::hard(ANNA).text());
    fs::write(new.join("1.report"), &report).unwrap();
    fs::write(new.join(".hidden"), &report).unwrap();
    fs::create_dir(new.join("2.folder")).unwrap();
    fs::write(new.join("3.giant"), vec![b'x'; 100_000]).unwrap();
    let maildir = Maildir {
        folder: folder.path().to_owned(),
        after: After::Keep,
        size_max: 70_000,
    };
    maildir.check().unwrap();
    let store = &house.world.store;
    let picked = maildir.pick_up(store, &SystemClock).await.unwrap();
    assert_eq!((picked.kept, picked.stuck.len()), (1, 2));
    assert_eq!(names(&new), [".hidden", "2.folder", "3.giant"]);
    assert_eq!(names(&folder.path().join("cur")), ["1.report:2,S"]);
    assert_eq!(house.read(1).await, ["bounce bounced envelope"]);
    // The same file once more, as after a death between keeping and moving, is one event.
    fs::write(new.join("1.report"), &report).unwrap();
    let removing = Maildir {
        after: After::Remove,
        ..maildir
    };
    removing.pick_up(store, &SystemClock).await.unwrap();
    assert_eq!(house.read(2).await[1], "bounce duplicate envelope");
    assert_eq!(names(&new), [".hidden", "2.folder", "3.giant"]);
    assert_eq!(house.story(id).await, "queued delivered bounced");
    house.close().await;
}

/// Runs the program against the house's database, with its token secret.
async fn run(house: &House, folder: &Path, line: &[&str], input: &str) -> Output {
    let data = folder.join("postrider-data");
    fs::create_dir_all(&data).unwrap();
    let secret = data.join("token.secret");
    fs::write(&secret, "07".repeat(32)).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = "[identity]\nreturn_path_domain = \"bounce.example.com\"\nunsubscribe_domain = \"unsub.example.com\"\n";
    fs::write(folder.join("postrider.toml"), config).unwrap();
    fs::write(folder.join("input"), input).unwrap();
    Command::new(program())
        .current_dir(folder)
        .args(line)
        .env("DATABASE_URL", &house.world.lines.url)
        .stdin(fs::File::open(folder.join("input")).unwrap())
        .output()
        .await
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn the_command_goes_the_same_way() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let folder = tempfile::tempdir().unwrap();
    let to = address(Kind::ReturnPath, id);
    let report = Dsn::hard(ANNA).text();
    fs::write(folder.path().join("a.eml"), delivered(&to, &report)).unwrap();
    fs::write(folder.path().join("b.eml"), note("hello", "")).unwrap();
    let line = ["inbound", "a.eml", "b.eml", "no-such.eml"];
    let output = run(&house, folder.path(), &line, "").await;
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("a.eml: bounce, bounced, letter {id}\nb.eml: other, unrecognised\n");
    assert_eq!(told(&output), expected);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("no-such.eml: No such file"), "{errors}");
    assert_eq!(house.story(id).await, "queued delivered bounced");

    let line = ["inbound", "-", "--to", &to, "--json"];
    let output = run(&house, folder.path(), &line, &report).await;
    let body: serde_json::Value = serde_json::from_str(&told(&output)).unwrap();
    assert_eq!(body["effect"], "duplicate");
    assert_eq!(body["rcpt_to"][0], to);

    let output = run(
        &house,
        folder.path(),
        &["inbound", "list", "--unrecognised"],
        "",
    )
    .await;
    let list = told(&output);
    assert_eq!(list.lines().count(), 2, "{list}");
    let mail = list.lines().last().unwrap().split(' ').next().unwrap();
    let output = run(
        &house,
        folder.path(),
        &["inbound", "show", mail, "--raw"],
        "",
    )
    .await;
    assert_eq!(output.stdout, note("hello", "").as_bytes());
    let output = run(&house, folder.path(), &["inbound", "show", mail], "").await;
    assert!(told(&output).contains("effect     unrecognised"));
    house.close().await;
}

#[tokio::test]
async fn a_new_secret_signs_and_the_old_one_is_still_read() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let folder = tempfile::tempdir().unwrap();
    let output = run(&house, folder.path(), &["token", "rotate"], "").await;
    let made = "Made token secret 2 in postrider-data/token.2.secret.\n";
    assert_eq!(told(&output), made);
    let output = run(&house, folder.path(), &["token", "list"], "").await;
    let list = told(&output);
    let uses: Vec<_> = list
        .lines()
        .map(|line| line.split_whitespace().nth(3))
        .collect();
    assert_eq!(uses, [Some("file"), Some("signs"), Some("read")], "{list}");
    let to = address(Kind::ReturnPath, id);
    let line = ["inbound", "-", "--to", &to];
    let output = run(&house, folder.path(), &line, &Dsn::hard(ANNA).text()).await;
    let bounced = format!("-: bounce, bounced, letter {id}\n");
    assert_eq!(told(&output), bounced);
    house.close().await;
}

#[tokio::test]
async fn a_maildir_is_picked_up_by_hand_too() {
    let house = open().await;
    let id = house.delivered("anna").await;
    let (folder, box_) = (tempfile::tempdir().unwrap(), place());
    let to = address(Kind::Unsubscribe, id);
    let wish = delivered(&to, &note("unsubscribe", ""));
    fs::write(box_.path().join("new/1"), wish).unwrap();
    let path = box_.path().to_str().unwrap();
    let output = run(&house, folder.path(), &["inbound", "--maildir", path], "").await;
    assert!(output.status.success(), "{output:?}");
    // The house reads as well: either of them may have been first.
    assert_eq!(house.read(1).await, ["unsubscribe suppressed envelope"]);
    let output = run(&house, folder.path(), &["inbound", "--maildir", "."], "").await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("must have the folders new and cur"),
        "{errors}"
    );
    house.close().await;
}
