//! The cluster's folder: what lies in it, whose it is, and whether it may be used.
//!
//! `<folder>/lock` one program at a time · `data/` PostgreSQL's own · `server.log` · `run/` the socket, when the path
//! is short enough. Promises: nothing that was there before us changes hands or is removed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nix::sys::statvfs::statvfs;

use super::{
    account::Account,
    error::{ClusterError, Doing},
    lock, process,
};

/// A log of this size is put aside at the next start.
const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// So much of the log explains a failed start.
const LOG_TAIL_LINES: usize = 12;
/// A container's usual 64 MiB of shared memory would be full after a few databases.
const MEMORY_BYTES_MIN: u128 = 2 * 1024 * 1024 * 1024;
/// How often a stopping server is looked at, and how many times.
const STOP_POLL: Duration = Duration::from_millis(20);
const STOP_POLLS: u32 = 3_000;

/// A cluster's folder, taken for this program.
#[derive(Debug)]
pub(super) struct Home {
    /// The absolute path.
    pub(super) folder: PathBuf,
    /// Who runs the server.
    pub(super) account: Account,
    lock: Option<File>,
}

impl Home {
    /// Makes the folder if need be and takes it for this program.
    pub(super) fn open(folder: &Path, account: Option<&str>) -> Result<Self, ClusterError> {
        let folder =
            std::path::absolute(folder).doing(|| format!("reading {}", folder.display()))?;
        let account = Account::choose(account, Some(&folder.join("data")))?;
        create(&folder, 0o700)?;
        refuse_foreign(&folder)?;
        account.give(&folder)?;
        if let Some(blocked) = account.blocked_at(&folder) {
            let account = account.name;
            return Err(ClusterError::OutOfReach {
                folder,
                blocked,
                account,
            });
        }
        let mut home = Self {
            folder,
            account,
            lock: None,
        };
        home.lock = Some(lock::take(&home)?);
        Ok(home)
    }

    /// PostgreSQL's own folder.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the server says.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The lock file.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The lock, for a child process to hold as well.
    pub(super) fn lock(&self) -> Result<File, ClusterError> {
        let shared = self.lock.as_ref().map_or_else(
            || Err(io::Error::from(io::ErrorKind::NotFound)),
            File::try_clone,
        );
        shared.doing(|| format!("sharing {}", self.lock_path().display()))
    }

    /// The major version that made the data, when there is data.
    pub(super) fn made_by(&self) -> Option<String> {
        let text = fs::read_to_string(self.data().join("PG_VERSION")).ok()?;
        Some(text.trim().to_owned())
    }

    /// Removes the mark of a server that is gone, so that a reused process number cannot keep ours from starting.
    ///
    /// We hold the lock, and every server started by us holds it too; only one started by hand can still live.
    pub(super) fn forget_dead_server(&self) -> Result<(), ClusterError> {
        let Some((pid, _)) = self.server() else {
            return Ok(());
        };
        if process::is_server_of(pid, &self.data()) {
            return Err(ClusterError::InUse {
                folder: self.folder.clone(),
                process: format!("{pid} (a PostgreSQL started by hand)"),
            });
        }
        fs::remove_file(self.data().join("postmaster.pid")).doing(|| {
            format!(
                "removing the mark of a dead server in {}",
                self.data().display()
            )
        })
    }

    /// The process number and the status of the server, as it tells them itself.
    pub(super) fn server(&self) -> Option<(i32, String)> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        // The eighth line is the status: starting, ready, standby, stopping.
        Some((pid, lines.nth(6).unwrap_or_default().trim().to_owned()))
    }

    /// Asks a server on this folder to stop, if one is there.
    pub(super) fn ask_server_to_stop(&self) {
        if let Some((pid, _)) = self.server()
            && process::is_server_of(pid, &self.data())
        {
            process::ask_to_stop(pid);
        }
    }

    /// Stops a server whose supervisor was killed by somebody else.
    pub(super) fn stop_orphan(&self) -> Result<(), ClusterError> {
        for poll in 0..STOP_POLLS {
            match self.server() {
                Some((pid, _)) if process::is_server_of(pid, &self.data()) => {
                    if poll % 50 == 0 {
                        process::ask_to_stop(pid);
                    }
                    thread::sleep(STOP_POLL);
                }
                _ => return Ok(()),
            }
        }
        Err(ClusterError::TooSlow {
            what: "stop",
            seconds: (STOP_POLL * STOP_POLLS).as_secs(),
            log: self.log(),
        })
    }

    /// Puts a long log aside.
    pub(super) fn rotate_log(&self) {
        if self
            .log()
            .metadata()
            .is_ok_and(|log| log.len() > LOG_BYTES_MAX)
        {
            // A log that cannot be moved goes on growing; that is no reason not to start.
            let _ = fs::rename(self.log(), self.folder.join("server.log.1"));
        }
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

/// A new folder in the first of these that the account can reach.
pub(super) fn temporary(roots: &[PathBuf], account: &Account) -> Result<PathBuf, ClusterError> {
    let root = roots
        .iter()
        .find(|root| root.is_dir() && account.blocked_at(root).is_none())
        .map_or_else(|| Path::new("/tmp"), PathBuf::as_path);
    let made = tempfile::Builder::new()
        .prefix("postrider-")
        .tempdir_in(root);
    let folder = made
        .doing(|| format!("creating a folder in {}", root.display()))?
        .keep();
    account.give(&folder)?;
    Ok(folder)
}

/// The folder of files in memory, when it has room for the databases of a test program.
pub(super) fn memory() -> Option<PathBuf> {
    let folder = Path::new("/dev/shm");
    let room = statvfs(folder).ok()?;
    let free_bytes = u128::from(room.blocks_available()) * u128::from(room.fragment_size());
    (free_bytes >= MEMORY_BYTES_MIN).then(|| folder.to_owned())
}

/// Creates a folder with its parents unless it exists.
pub(super) fn create(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| match fs::DirBuilder::new().mode(mode).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            other => other,
        })
        .doing(|| format!("creating {}", folder.display()))
}

/// A folder full of somebody else's things must not change hands.
fn refuse_foreign(folder: &Path) -> Result<(), ClusterError> {
    let listing = fs::read_dir(folder).doing(|| format!("reading {}", folder.display()))?;
    let is_ours = folder.join("lock").is_file() || listing.count() == 0;
    if is_ours
        && folder
            .metadata()
            .is_ok_and(|found| found.mode() & 0o1000 == 0)
    {
        Ok(())
    } else {
        Err(ClusterError::Foreign {
            folder: folder.to_owned(),
        })
    }
}
