//! Mails that another mail server of ours has put into a Maildir.
//!
//! Owns the way of a file: `new/`, read, kept, and then `cur/` or gone. Promises: a file leaves `new/` only when its mail
//! is kept; one that cannot be read stays where it is and is named once; nothing is read beyond the largest mail granted.
//! A death between keeping and moving keeps a mail twice, and it is acted upon once (`engine::feedback`).

use std::{
    collections::BTreeSet,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    mail::{Door, Incoming},
    port::{Clock, StoreError, inbound::Intake},
};

/// How often it looks.
const ROUND: Duration = Duration::from_secs(2);

/// Files of one look.
const FILES_MAX: usize = 1_000;

/// The trace that a delivering server puts before a mail, newest first.
const RETURN_PATH: &str = "return-path";
const RECIPIENT: [&str; 3] = ["delivered-to", "x-original-to", "envelope-to"];

/// What happens to a file whose mail is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It goes to `cur/`, marked as seen.
    Keep,
    /// It is removed.
    Remove,
}

/// A Maildir to pick up from.
#[derive(Clone, Debug)]
pub struct Maildir {
    /// The folder with `new` and `cur`.
    pub folder: PathBuf,
    /// What happens to a file whose mail is kept.
    pub after: After,
    /// Largest mail, in octets.
    pub size_max: usize,
}

/// What one look brought.
#[derive(Debug, Default)]
pub struct Picked {
    /// Mails kept.
    pub kept: usize,
    /// Files that stay, and why.
    pub stuck: Vec<(PathBuf, io::Error)>,
}

impl Maildir {
    /// Whether it is one.
    pub fn check(&self) -> io::Result<()> {
        for part in ["new", "cur"] {
            fs::read_dir(self.folder.join(part))?;
        }
        Ok(())
    }

    /// Picks up until told to stop.
    pub async fn watch<I: Intake, C: Clock>(self, intake: I, clock: C, stop: CancellationToken) {
        let mut named = BTreeSet::new();
        loop {
            match self.pick_up(&intake, &clock).await {
                Ok(picked) => name_new(&mut named, picked.stuck),
                Err(trouble) => {
                    error!(error = ?trouble, "The Maildir waits until mails can be kept again");
                }
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(ROUND))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Keeps what lies in `new/` now, oldest name first.
    pub async fn pick_up<I: Intake, C: Clock>(
        &self,
        intake: &I,
        clock: &C,
    ) -> Result<Picked, StoreError> {
        let mut picked = Picked::default();
        let new = self.folder.join("new");
        let listed = off_thread(move || files(&new)).await;
        let files = listed.unwrap_or_else(|error| {
            picked.stuck.push((self.folder.clone(), error));
            Vec::new()
        });
        for file in files {
            let (path, size_max) = (file.clone(), self.size_max);
            match off_thread(move || read(&path, size_max)).await {
                Ok(raw) => {
                    let mail = incoming(raw, Door::Maildir, clock);
                    intake.keep(mail).await?;
                    picked.kept += 1;
                    let (here, path) = (self.clone(), file.clone());
                    if let Err(error) = off_thread(move || here.put_away(&path)).await {
                        picked.stuck.push((file, error));
                    }
                }
                Err(error) => picked.stuck.push((file, error)),
            }
        }
        Ok(picked)
    }

    fn put_away(&self, file: &Path) -> io::Result<()> {
        match (self.after, file.file_name()) {
            (After::Keep, Some(name)) => {
                let mut name = name.to_owned();
                name.push(":2,S");
                fs::rename(file, self.folder.join("cur").join(name))
            }
            _ => fs::remove_file(file),
        }
    }
}

/// A mail from a file: its envelope is what the delivering server wrote before it.
pub fn incoming(raw: Vec<u8>, door: Door, clock: &impl Clock) -> Incoming {
    let (mail_from, rcpt_to) = trace(&raw);
    Incoming {
        at: clock.now(),
        door,
        remote: None,
        mail_from,
        rcpt_to,
        raw,
    }
}

/// The whole file, if it is a plain one of at most so many octets.
pub fn read(path: &Path, size_max: usize) -> io::Result<Vec<u8>> {
    // Looked at before opening, because opening a pipe waits for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is not a plain file"));
    }
    read_all(fs::File::open(path)?, size_max)
}

/// Everything to the end, if it is at most so many octets.
pub fn read_all(from: impl Read, size_max: usize) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    let bound = u64::try_from(size_max).unwrap_or(u64::MAX);
    from.take(bound.saturating_add(1)).read_to_end(&mut raw)?;
    if raw.len() > size_max {
        return Err(io::Error::other(format!(
            "is larger than inbound.size, {size_max} octets"
        )));
    }
    Ok(raw)
}

/// Each file that cannot be taken is named once, not at every look.
fn name_new(named: &mut BTreeSet<PathBuf>, stuck: Vec<(PathBuf, io::Error)>) {
    let here: BTreeSet<PathBuf> = stuck.iter().map(|(path, _)| path.clone()).collect();
    for (path, error) in stuck {
        if !named.contains(&path) {
            warn!(%error, "{} stays where it is", path.display());
        }
    }
    *named = here;
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries
        // Maildir readers leave names that begin with a dot alone.
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.truncate(FILES_MAX);
    Ok(found)
}

/// Return path and recipients in the trace before the first `Received`.
fn trace(raw: &[u8]) -> (String, Vec<String>) {
    let (mut from, mut to) = (String::new(), Vec::new());
    for line in raw.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim().trim_start_matches('<').trim_end_matches('>');
        let name = name.to_ascii_lowercase();
        if name == RETURN_PATH {
            value.clone_into(&mut from);
        } else if RECIPIENT.contains(&name.as_str()) {
            if !to.iter().any(|known| known == value) {
                to.push(value.to_owned());
            }
        } else {
            break;
        }
    }
    (from, to)
}

/// File systems may be slow; nobody else waits for them.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|died| io::Error::other(died.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, from: &str, to: &[&str]) {
        let (found_from, found_to) = trace(text.as_bytes());
        assert_eq!(found_from, from, "{text}");
        assert_eq!(found_to, to, "{text}");
    }

    #[test]
    fn the_envelope_is_what_the_delivering_server_wrote() {
        check(
            "Return-Path: <>\nX-Original-To: b+x@bounce.example.com\nDelivered-To: b+x@bounce.example.com\nReceived: by a\n",
            "",
            &["b+x@bounce.example.com"],
        );
        check(
            "Return-path: <a@example.com>\r\nEnvelope-to: u+x@unsub.example.com\r\nFrom: a\r\n",
            "a@example.com",
            &["u+x@unsub.example.com"],
        );
        check(
            "Received: by a\nDelivered-To: b+x@bounce.example.com\n",
            "",
            &[],
        );
        check("", "", &[]);
        check("\u{0}\n\n", "", &[]);
    }

    #[test]
    fn a_folder_or_a_giant_is_no_mail() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path(), 10).is_err());
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read(&pipe, 10).is_err());
        let file = folder.path().join("mail");
        fs::write(&file, "eleven bytes").unwrap();
        assert!(read(&file, 11).is_err());
        assert_eq!(read(&file, 12).unwrap(), b"eleven bytes");
    }
}
