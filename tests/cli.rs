//! The program as a person meets it: real processes, a real PostgreSQL, transcripts reviewed as snapshots.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

mod support;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::{
    mail::{
        Address, Class, Event, EventKind, Next, Reason, Scope, Signal as RouteSignal, Stage, State,
        Suppression, Timestamp, Verdict,
    },
    port::{AttemptRecord, LeaseAsk, LeaseId, LeasedLetter, Settlement, Store},
    store::PgStore,
};
use support::TestDatabase;
use tempfile::TempDir;
use uuid::Uuid;

/// A folder with templates, a database of its own, and all that was said so far.
struct Desk {
    folder: TempDir,
    database: TestDatabase,
    transcript: String,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    std::os::unix::fs::symlink(templates, folder.path().join("templates")).unwrap();
    Desk {
        folder,
        database: support::empty_database().await,
        transcript: String::new(),
    }
}

impl Desk {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("POSTRIDER_DATABASE_URL")
            .env("DATABASE_URL", self.database.url())
            .stdin(Stdio::null());
        command
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Runs a command and writes down what a person sees.
    fn run(&mut self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        self.note(line, &output);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that only prepares.
    fn quietly(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn note(&mut self, line: &str, output: &Output) {
        let transcript = &mut self.transcript;
        writeln!(transcript, "$ postrider {line}").unwrap();
        transcript.push_str(std::str::from_utf8(&output.stdout).unwrap());
        for said in std::str::from_utf8(&output.stderr).unwrap().lines() {
            writeln!(transcript, "| {said}").unwrap();
        }
        match output.status.code() {
            Some(0) => {}
            code => writeln!(transcript, "exit {code:?}").unwrap(),
        }
        transcript.push('\n');
    }

    fn check(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(true);
        for (pattern, word) in [
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}",
                "[letter]",
            ),
            (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[moment]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[moment]         "),
            (r"postrider_[a-z2-7]{52}", "[secret]"),
            (r#"p=[A-Za-z0-9+/=" ]+"#, "p=[key]"),
            (r"20\d\dq[1-4]a", "[selector]"),
            (r#""cursor":"\d+-\d+""#, r#""cursor":"[cursor]""#),
            (r"[0-9]+/s", "[rate]"),
            (r"\b\d+(ms|s|m \d+s)( ago)", "[span] ago"),
            (r"\+\d+(ms|s|m \d+s)", "+[span]"),
            (r"\bin 4h \d+m", "in [span]"),
        ] {
            settings.add_filter(pattern, word);
        }
        settings.bind(|| insta::assert_snapshot!(name, self.transcript));
    }

    /// A marketing desk: a key for example.com, and one letter for each address.
    async fn queue(&self, recipients: &[&str]) -> PgStore {
        self.quietly("dkim new example.com --selector s1");
        let lines: Vec<String> = recipients.iter().map(|to| letter(to)).collect();
        self.file("letters.ndjson", lines.join("\n"));
        self.quietly("send letters.ndjson");
        PgStore::connect(self.database.url().parse().unwrap(), 2)
            .await
            .unwrap()
    }
}

fn letter(to: &str) -> String {
    format!(
        r#"{{"stream":"marketing","campaign":"autumn","to":{{"address":"{to}","name":"Анна","locale":"ru"}},"from":"news@example.com","subject":"Скидки","text":"Здравствуйте!","tags":["a","b"]}}"#
    )
}

#[tokio::test]
async fn a_schema_is_brought_up_to_date_once() {
    let mut desk = desk().await;
    desk.run("migrate");
    desk.run("migrate");
    desk.run("migrate --json");
    desk.check("migrate");
}

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

#[tokio::test]
async fn a_letter_tells_its_story() {
    let mut desk = desk().await;
    let store = desk.queue(&["anna@mail.ru", "olga@yandex.ru"]).await;
    let letters = lease(&store).await;
    let (late, gone) = (&letters[0], &letters[1]);
    let verdicts = [deferred(late), bounced(gone)];
    assert_eq!(store.settle(&verdicts).await.unwrap(), []);
    store.close().await;
    for letter in [late, gone] {
        desk.run(&format!("letter show {}", letter.id()));
    }
    desk.run(&format!("letter show {} --json", late.id()));
    desk.run("queue status");
    desk.run("report");
    desk.run("report --json");
    desk.run("suppression list");
    desk.run(&format!("letter cancel {}", late.id()));
    desk.run(&format!("letter cancel {}", gone.id()));
    desk.run(&format!("letter show {}", late.id()));
    desk.check("story");
}

#[tokio::test]
async fn a_letter_in_the_hands_of_a_worker_is_not_withdrawn() {
    let mut desk = desk().await;
    let store = desk.queue(&["anna@mail.ru"]).await;
    let letters = lease(&store).await;
    store.close().await;
    desk.run(&format!("letter cancel {}", letters[0].id()));
    desk.check("leased");
}

async fn lease(store: &PgStore) -> Vec<LeasedLetter> {
    let now = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
    let ask = LeaseAsk {
        lease: LeaseId(Uuid::now_v7()),
        now,
        until: now.plus(Duration::from_mins(1)),
        max: 10,
        per_lane: 10,
        room: Vec::new(),
        after: None,
    };
    let mut letters = store.lease(ask).await.unwrap().letters;
    letters.sort_by_key(LeasedLetter::id);
    letters
}

fn deferred(letter: &LeasedLetter) -> Settlement {
    let due = now().plus(Duration::from_hours(5));
    let event = refusal(
        EventKind::Deferred,
        451,
        "4.7.1 Greylisted, try again later",
        Class::Rate,
    );
    settlement(
        letter,
        Next::Retry { due },
        Event {
            due: Some(due),
            ..event
        },
        None,
    )
}

fn bounced(letter: &LeasedLetter) -> Settlement {
    let address = Address::parse("olga@yandex.ru").unwrap();
    let event = refusal(
        EventKind::Bounced,
        550,
        "5.7.1 No such user!",
        Class::BadMailbox,
    );
    let ban = Suppression {
        address,
        scope: Scope::Everything,
        reason: Reason::HardBounce,
        evidence: "550 5.7.1 No such user!".to_owned(),
        letter: Some(letter.id()),
        since: now(),
        until: None,
    };
    settlement(letter, Next::Finish(State::Bounced), event, Some(ban))
}

fn refusal(kind: EventKind, code: u16, text: &str, class: Class) -> Event {
    Event {
        attempt: Some(1),
        stage: Some(Stage::RcptTo),
        code: Some(code),
        text: Some(text.to_owned()),
        class: Some(class),
        rule: Some("test-rule".to_owned()),
        ..Event::bare(now(), kind)
    }
}

fn settlement(
    letter: &LeasedLetter,
    next: Next,
    event: Event,
    suppress: Option<Suppression>,
) -> Settlement {
    Settlement {
        id: letter.id(),
        shard: letter.shard(),
        lease: letter.lease,
        attempts: 1,
        verdict: Verdict {
            next,
            event,
            suppress,
            signal: RouteSignal::Nothing,
        },
        attempt: Some(AttemptRecord {
            site: "mx.example".to_owned(),
            provider: "mailru",
            host: Some("mx1.example.net".to_owned()),
            remote: Some("192.0.2.1".parse().unwrap()),
            source: "s1".to_owned(),
            tls: Some("TLSv1.3".to_owned()),
            prepare: Duration::from_micros(1_500),
            talk: Duration::from_millis(35),
            size_bytes: 6_144,
        }),
    }
}

fn now() -> Timestamp {
    use postrider::port::Clock;
    postrider::net::SystemClock.now()
}

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

/// A folder for a private server, named in `own.toml`.
fn private_data(desk: &Desk) -> TempDir {
    let data = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(data.path(), open).unwrap();
    let folder = data.path().join("data");
    desk.file("own.toml", format!("data_folder = {folder:?}\n"));
    data
}

/// A command that is told no database.
fn own(desk: &Desk, line: &str) -> Command {
    let mut command = desk.command(line);
    command
        .args(["--config", "own.toml"])
        .env_remove("DATABASE_URL");
    command
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
}
