//! The database under the commands: given, private, shared.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::desk::{desk, interrupt, letter, own, private_data};

#[tokio::test]
async fn a_schema_is_brought_up_to_date_once() {
    let mut desk = desk().await;
    desk.run("migrate");
    desk.run("migrate");
    desk.run("migrate --json");
    desk.check("migrate");
}

#[tokio::test]
async fn a_command_gets_a_database_of_its_own_and_its_code_comes_back() {
    let desk = desk().await;
    let output = desk
        .command("database run --")
        .args(["sh", "-c", "echo $DATABASE_URL; exit 7"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
    let url = String::from_utf8(output.stdout).unwrap();
    assert!(url.starts_with("postgres://"), "{url}");
    assert!(!url.contains(&desk.database.url()), "{url}");
}

/// Without a database address the first program starts the private server, the second joins it, and the first waits for
/// the second before it stops the server.
#[tokio::test]
async fn two_programs_share_the_private_server() {
    let desk = desk().await;
    let _data = private_data(&desk);
    let own = |line: &str| own(&desk, line);
    let made = own("key new first").output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    assert!(
        own("dkim new example.com")
            .output()
            .unwrap()
            .status
            .success()
    );
    desk.file("letter.ndjson", letter("anna@mail.ru"));
    assert!(own("send letter.ndjson").output().unwrap().status.success());
    let mut host = own("events --follow")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    // The host's server runs: these two join it.
    let mut guest = own("events --follow")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(guest.stdout.take().unwrap()).lines();
    heard.next().unwrap().unwrap();
    let listed = own("key list").output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("first"));
    interrupt(&host);
    let mut said = BufReader::new(host.stderr.take().unwrap()).lines();
    let note = said.next().unwrap().unwrap();
    assert_eq!(
        note,
        "note: waiting for another program that works on this PostgreSQL"
    );
    interrupt(&guest);
    assert!(guest.wait().unwrap().success());
    assert!(host.wait().unwrap().success());
}

/// A node goes on when its private server was killed: for want of memory, or by a hand that slipped.
#[tokio::test]
async fn a_node_starts_its_private_server_again_when_it_was_killed() {
    let desk = desk().await;
    let data = private_data(&desk);
    desk.file("own.toml", node_on(&data.path().join("data")));
    let made = own(&desk, "dkim new example.com").output().unwrap();
    assert!(made.status.success());
    let mut node = own(&desk, "serve").stderr(Stdio::piped()).spawn().unwrap();
    let log = Log::of(&mut node);
    log.wait_for("Postrider serves");
    let mark = data.path().join("data/postgres/data/postmaster.pid");
    let number = std::fs::read_to_string(mark).unwrap();
    let number = number.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(number), Signal::SIGKILL).unwrap();
    log.wait_for("has ended by itself; it is started again");
    let made = own(&desk, "key new after").output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
    interrupt(&node);
    log.wait_for("has settled everything and stops");
    assert!(node.wait().unwrap().success());
}

/// What a program says, read as it comes.
struct Log(mpsc::Receiver<String>);

impl Log {
    fn of(program: &mut Child) -> Self {
        let lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self(heard)
    }

    fn wait_for(&self, words: &str) {
        let patience = Duration::from_mins(1);
        while !self.0.recv_timeout(patience).unwrap().contains(words) {}
    }
}

fn node_on(data: &Path) -> String {
    format!(
        "data_folder = \"{}\"\n{}\n[http]\nlisten = \"127.0.0.1:0\"\n[smtp]\nehlo = \"mta.example.com\"\n",
        data.display(),
        include_str!("../support/identity.toml"),
    )
}

/// Each starts the private server, joins it, or meets it while it stops: whatever comes, the command is done.
#[tokio::test]
async fn programs_that_start_at_once_do_not_trip_each_other_up() {
    let desk = desk().await;
    let _data = private_data(&desk);
    let programs: Vec<Child> = (0..6)
        .map(|number| {
            let mut program = own(&desk, &format!("key new n{number}"));
            program.stdout(Stdio::piped()).stderr(Stdio::piped());
            program.spawn().unwrap()
        })
        .collect();
    for program in programs {
        let output = program.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
    let listed = own(&desk, "key list --json").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 6);
}
