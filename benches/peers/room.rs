//! A peer's room: its own layer over the machine's file system, where it is installed and runs.
//!
//! Owns the folder with that layer and the processes in it. Promises: nothing of a peer lies outside of its folder; it
//! starts with an empty spool; when its process is dropped, all of its processes end with it, because they live in a
//! process namespace of their own. Read `scripts/enter.sh` for how a room is entered.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::{dns, group::Group, lab::SELECTOR, letters::SENDER, peer::Peer, read, say};

const ENTER: &str = include_str!("scripts/enter.sh");
const COMMON: &str = include_str!("scripts/common.sh");

/// Lines of a log that explain a failure.
const LINES: usize = 12;

/// A room.
pub(crate) struct Room {
    folder: PathBuf,
}

impl Room {
    /// The room of a peer below that folder.
    pub(crate) fn of(folder: &Path, peer: &Peer) -> Result<Self> {
        let folder = folder.join(peer.room);
        for part in ["upper/etc/bench", "work", "root", "spool"] {
            fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self { folder })
    }

    /// Installs the peer, unless this was done before.
    pub(crate) async fn install(&self, peer: &Peer) -> Result<()> {
        let version = self.folder.join("version");
        if version.exists() || peer.script.is_empty() {
            return Ok(());
        }
        say(&format!(
            "installing {} into {}",
            peer.room,
            self.folder.display()
        ))?;
        let log = self.log("install.log")?;
        let mut command = self.command(peer, "install", None, "/etc/resolv.conf")?;
        let ended = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .await?;
        if !ended.success() {
            bail!(
                "{} cannot be installed ({ended}):\n{}",
                peer.room,
                self.tail("install.log")
            );
        }
        let mut command = self.command(peer, "version", None, "/etc/resolv.conf")?;
        let said = command.output().await?;
        if !said.status.success() {
            bail!("{} does not say its version", peer.room);
        }
        Ok(fs::write(
            version,
            String::from_utf8_lossy(&said.stdout).trim(),
        )?)
    }

    /// What is installed here.
    pub(crate) fn version(&self) -> String {
        read(&self.folder.join("version")).unwrap_or_default()
    }

    /// Starts the peer with an empty spool, as a member of that group.
    pub(crate) fn start(&self, peer: &Peer, group: &Group, key: &str) -> Result<Child> {
        let spool = self.folder.join("spool");
        fs::remove_dir_all(&spool)?;
        fs::create_dir(&spool)?;
        fs::set_permissions(&spool, Permissions::from_mode(0o755))?;
        let pem = self.folder.join("upper/etc/bench/dkim.pem");
        fs::write(&pem, key)?;
        fs::set_permissions(&pem, Permissions::from_mode(0o600))?;
        let resolv = self.folder.join("resolv.conf");
        fs::write(&resolv, format!("nameserver {}\n", dns::SERVER.ip()))?;
        let log = self.log("start.log")?;
        let mut command =
            self.command(peer, "start", Some(group), &resolv.display().to_string())?;
        let started = command.stdout(log.try_clone()?).stderr(log).spawn();
        started.with_context(|| format!("starting {}", peer.word))
    }

    /// What the peer said last.
    pub(crate) fn last_words(&self, peer: &Peer) -> String {
        let log = format!("upper{}", peer.log);
        let own = if peer.log.is_empty() {
            String::new()
        } else {
            self.tail(&log)
        };
        format!("{}\n{own}", self.tail("start.log"))
    }

    fn command(
        &self,
        peer: &Peer,
        act: &str,
        group: Option<&Group>,
        resolv: &str,
    ) -> Result<Command> {
        let enter = self.folder.join("enter.sh");
        fs::write(&enter, ENTER)?;
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
            ])
            .arg(enter)
            .arg(&self.folder)
            .arg(resolv)
            .args([
                "sh",
                "-c",
                &format!("{COMMON}\n{}", peer.script),
                peer.word,
                act,
            ])
            .env("BENCH_SPOOL", peer.spool)
            .env("BENCH_VARIANT", peer.variant)
            .env("BENCH_DOMAIN", SENDER)
            .env("BENCH_SELECTOR", SELECTOR)
            .env("BENCH_HOST", format!("mail.{SENDER}"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(group) = group {
            command.env("BENCH_GROUP", group.entry());
        }
        Ok(command)
    }

    fn log(&self, name: &str) -> Result<File> {
        Ok(File::create(self.folder.join(name))?)
    }

    fn tail(&self, name: &str) -> String {
        let text = fs::read(self.folder.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
