//! What was measured, as it is written to a file: the only source of the table.
//!
//! Promises: every figure of every run is kept, with machine, commit and versions; a run that failed is kept as such.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    lab::SELECTOR,
    letters::{DOMAINS, SENDER},
    peer::Peer,
    race::{CONNECTIONS, Run, Work},
    read,
    room::Room,
    say,
    wishes::Wishes,
};

/// A whole bench.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Of this package.
    pub(crate) commit: String,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// What was to be done.
    pub(crate) task: Task,
    /// Who did it, in the order of a round.
    pub(crate) peers: Vec<Entry>,
}

/// A machine.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Cores for this process.
    pub(crate) cores: usize,
    /// Their model.
    pub(crate) processor: String,
    /// Memory in MB of 10^6 octets.
    pub(crate) memory_mb: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The distribution.
    pub(crate) system: String,
    /// The file system of the spools.
    pub(crate) disk: String,
    /// Load when the bench began.
    pub(crate) load: String,
    /// How processor time was read.
    pub(crate) meter: String,
}

/// The work.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Letters of a run.
    pub(crate) letters: usize,
    /// Octets of a letter without signature.
    pub(crate) octets: usize,
    /// Recipient domains.
    pub(crate) domains: usize,
    /// Connections of the injector.
    pub(crate) connections: usize,
    /// Who signs.
    pub(crate) signature: String,
    /// Whether our program was built with optimisation.
    pub(crate) optimised: bool,
}

/// One who took part.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its word in `BENCH_ONLY`.
    pub(crate) word: String,
    /// Its name.
    pub(crate) title: String,
    /// What was installed.
    pub(crate) version: String,
    /// Whether an accepted letter survives a power cut.
    pub(crate) durable: bool,
    /// Its runs; `None` for one that failed.
    pub(crate) runs: Vec<Option<Run>>,
    /// Why.
    pub(crate) failures: Vec<String>,
}

impl Record {
    /// An empty record.
    pub(crate) fn new(wishes: &Wishes, work: &Work) -> Self {
        Self {
            // Root may look at a folder that is somebody else's.
            commit: said(
                "git",
                &[
                    "-c",
                    "safe.directory=*",
                    "-C",
                    env!("CARGO_MANIFEST_DIR"),
                    "describe",
                    "--always",
                    "--dirty",
                ],
            ),
            machine: Machine::look(wishes),
            task: Task {
                letters: work.letters,
                octets: work.octets,
                domains: DOMAINS,
                connections: CONNECTIONS,
                signature: format!(
                    "rsa-sha256 2048 relaxed/relaxed, {SELECTOR}._domainkey.{SENDER}"
                ),
                optimised: !cfg!(debug_assertions),
            },
            peers: Vec::new(),
        }
    }

    /// Reads one.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        serde_json::from_str(&read(path)?)
            .with_context(|| format!("{} is not a record of this bench", path.display()))
    }

    /// Writes it.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("writing the record {}", path.display()))
    }

    /// Enters what a run of a peer has brought, and says it.
    pub(crate) fn enter(&mut self, peer: &Peer, room: &Room, outcome: Result<Run>) -> Result<()> {
        let place = self.peers.iter().position(|entry| entry.word == peer.word);
        let place = place.unwrap_or(self.peers.len());
        if place == self.peers.len() {
            self.peers.push(Entry::new(peer, room));
        }
        let entry = &mut self.peers[place];
        match outcome {
            Ok(run) => {
                say(&format!(
                    "  {}: {:.0} letters/s",
                    peer.word, run.letters_per_second
                ))?;
                entry.runs.push(Some(run));
            }
            Err(error) => {
                say(&format!("  {} failed: {error:?}", peer.word))?;
                entry.runs.push(None);
                entry.failures.push(format!("{error:#}"));
            }
        }
        Ok(())
    }

    /// An error if a run failed.
    pub(crate) fn all_came_home(&self) -> Result<()> {
        let lost = self.peers.iter().filter(|entry| !entry.failures.is_empty());
        let lost: BTreeMap<&str, usize> = lost
            .map(|entry| (entry.word.as_str(), entry.failures.len()))
            .collect();
        if !lost.is_empty() {
            bail!("runs failed: {lost:?}");
        }
        Ok(())
    }
}

impl Entry {
    fn new(peer: &Peer, room: &Room) -> Self {
        let version = room.version();
        let own = format!("postrider {}", env!("CARGO_PKG_VERSION"));
        Self {
            word: peer.word.to_owned(),
            title: peer.title.to_owned(),
            version: if version.is_empty() { own } else { version },
            durable: peer.durable,
            runs: Vec::new(),
            failures: Vec::new(),
        }
    }
}

impl Machine {
    fn look(wishes: &Wishes) -> Self {
        let memory = field("/proc/meminfo", "MemTotal", ':');
        let kibibytes: u64 = memory
            .split(' ')
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let folder = wishes.folder.display().to_string();
        let meter = if wishes.groups.is_some() {
            "control group"
        } else {
            "/proc"
        };
        Self {
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            processor: field("/proc/cpuinfo", "model name", ':'),
            memory_mb: kibibytes * 1_024 / 1_000_000,
            kernel: said("uname", &["-r"]),
            system: field("/etc/os-release", "PRETTY_NAME", '=').replace('"', ""),
            disk: said("stat", &["-f", "-c", "%T", &folder]),
            load: crate::load(),
            meter: meter.to_owned(),
        }
    }
}

/// The value behind a name in a file of lines; empty where there is none.
fn field(path: &str, name: &str, mark: char) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once(mark));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

/// What a program says; empty where it does not.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
