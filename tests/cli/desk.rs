//! A person at a desk: a folder, a database, and a transcript of all that was said.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::{
    mail::Timestamp,
    port::{LeaseAsk, LeaseId, LeasedLetter, Store},
    store::PgStore,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{self, TestDatabase};

/// A folder with templates, a database of its own, and all that was said so far.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) database: TestDatabase,
    transcript: String,
}

pub(crate) async fn desk() -> Desk {
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
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("POSTRIDER_DATABASE_URL")
            .env("DATABASE_URL", self.database.url())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs a command and writes down what a person sees.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        self.note(line, &output);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command whose words hold spaces, with something to read.
    pub(crate) fn ask(&mut self, words: &[&str], input: &str) {
        let mut command = self.command("");
        command.args(words).stdin(Stdio::piped());
        let (out, err) = (Stdio::piped(), Stdio::piped());
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        // A program that does not read has ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let quoted = words.iter().map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                (*word).to_owned()
            }
        });
        self.note(&quoted.collect::<Vec<_>>().join(" "), &output);
    }

    /// Runs a command that only prepares.
    pub(crate) fn quietly(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn note(&mut self, line: &str, output: &Output) {
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

    pub(crate) fn check(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
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
            (r"(?m)\b\d+(ms|s) +(\[span\]|in \[span\]|-$)", "[age]  $2"),
        ] {
            settings.add_filter(pattern, word);
        }
        settings.bind(|| insta::assert_snapshot!(name, self.transcript));
    }

    /// A marketing desk: a key for example.com, and one letter for each address.
    pub(crate) async fn queue(&self, recipients: &[&str]) -> PgStore {
        self.quietly("dkim new example.com --selector s1");
        let lines: Vec<String> = recipients.iter().map(|to| letter(to)).collect();
        self.file("letters.ndjson", lines.join("\n"));
        self.quietly("send letters.ndjson");
        PgStore::connect(self.database.url().parse().unwrap(), 2)
            .await
            .unwrap()
    }
}

pub(crate) fn letter(to: &str) -> String {
    format!(
        r#"{{"stream":"marketing","campaign":"autumn","to":{{"address":"{to}","name":"Анна","locale":"ru"}},"from":"news@example.com","subject":"Скидки","text":"Здравствуйте!","tags":["a","b"]}}"#
    )
}

/// A folder for a private server, named in `own.toml`.
pub(crate) fn private_data(desk: &Desk) -> TempDir {
    let data = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(data.path(), open).unwrap();
    let folder = data.path().join("data");
    desk.file(
        "own.toml",
        format!("data_folder = \"{}\"\n", folder.display()),
    );
    data
}

/// A command that is told no database.
pub(crate) fn own(desk: &Desk, line: &str) -> Command {
    let mut command = desk.command(line);
    command
        .args(["--config", "own.toml"])
        .env_remove("DATABASE_URL");
    command
}

/// What an engine gets that asks at that moment, in the order of the letters' ids.
pub(crate) async fn lease(store: &PgStore, now: Timestamp) -> Vec<LeasedLetter> {
    let ask = LeaseAsk {
        lease: LeaseId(Uuid::now_v7()),
        now,
        until: now.plus(Duration::from_mins(1)),
        max: 10,
        octets: u64::MAX,
        per_lane: 10,
        room: Vec::new(),
        priority_max: 9,
        after: None,
    };
    let mut letters = store.lease(ask).await.unwrap().letters;
    letters.sort_by_key(LeasedLetter::id);
    letters
}

pub(crate) fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
}
