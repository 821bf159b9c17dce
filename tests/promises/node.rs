//! `postrider serve` as a process of its own, with a folder, a configuration and a log that can be waited for.
#![expect(
    clippy::disallowed_methods,
    reason = "another process lives in real time"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::world::Lines;

/// What a node has not done after this it never will.
const PATIENCE: Duration = Duration::from_mins(2);

const KEY: &str = include_str!("../../src/dkim/testdata/rsa-2048-pkcs1.pem");

/// The receivers of these tests take what comes.
const UNHURRIED: &str = "[default]\nconnections = 1000\nconnections_per_minute = 1000000\n\
    messages_per_second = 1000000\nadaptive = false\n";

/// An operator's folder: the same names and secrets as `desk`, so that both ends of every letter can be compared.
pub(crate) struct House {
    folder: TempDir,
    url: String,
}

/// A node at work.
pub(crate) struct Node {
    child: Child,
    log: mpsc::Receiver<String>,
    /// Where its HTTP interface listens.
    pub(crate) http: SocketAddr,
}

impl House {
    /// Every letter goes to that receiver; `more` is appended to the section `delivery` of the configuration.
    pub(crate) fn new(lines: &Lines, receiver: SocketAddr, more: &str) -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
            url: lines.url.clone(),
        };
        house.write(
            "postrider.toml",
            &format!(
                r#"
[http]
listen = "127.0.0.1:0"
[smtp]
ehlo = "mail.example.com"
[dns]
servers = ["{dns}"]
{identity}[[route]]
domain = "*"
host = "{host}"
port = {port}
tls = "off"
[delivery]
shaping = "shaping.toml"
{more}
"#,
                dns = lines.dns,
                identity = include_str!("../support/identity.toml"),
                host = receiver.ip(),
                port = receiver.port(),
            ),
        );
        house.write("shaping.toml", UNHURRIED);
        house.write("templates/plain/default/subject.txt", "A plain letter");
        house.write("templates/plain/default/text.txt", "one");
        house.secret("dkim-keys/example.com/test.pem", KEY);
        house.secret("postrider-data/token.secret", &"07".repeat(32));
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Whole or not at all, as careful editors and deployments write.
        let beside = path.with_extension("new~");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    fn secret(&self, name: &str, text: &str) {
        self.write(name, text);
        let closed = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.path(name), closed).unwrap();
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("POSTRIDER_DATABASE_URL")
            .env("DATABASE_URL", &self.url)
            .stdin(Stdio::null());
        command
    }

    /// A command that has to succeed.
    pub(crate) fn run(&self, line: &str) {
        let output = self.command(line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
    }

    /// The first line that a command says, which has to succeed, as JSON.
    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        let output = self.command(line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let first = output.stdout.split(|octet| *octet == b'\n').next();
        serde_json::from_slice(first.unwrap()).unwrap()
    }

    /// Starts a node and waits until it serves.
    pub(crate) fn serve(&self) -> Node {
        let mut child = self
            .command("serve")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (tell, log) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut node = Node {
            child,
            log,
            http: ([127, 0, 0, 1], 0).into(),
        };
        let line = node.says("its HTTP interface is at ");
        let (_, rest) = line.split_once("interface is at ").unwrap();
        node.http = rest.split_whitespace().next().unwrap().parse().unwrap();
        node
    }
}

impl Node {
    /// Waits for a line of its log that holds those words.
    pub(crate) fn says(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => heard.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never said {words:?}, but:\n{}", heard.join("\n"))
                }
            }
        }
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
        let deadline = Instant::now() + PATIENCE;
        // The log ends when the process does.
        let mut said = Vec::new();
        while let Ok(line) = self
            .log
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            said.push(line);
        }
        assert!(Instant::now() < deadline, "it does not end: {said:?}");
        (self.child.wait().unwrap(), said.join("\n"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After a failed test; a process that has ended does not mind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder's own name, for templates that come later.
pub(crate) fn template(name: &str, file: &str) -> String {
    Path::new("templates")
        .join(name)
        .join("default")
        .join(file)
        .display()
        .to_string()
}
