//! What lies in a cluster's folder, and the server that runs there.
//!
//! `<folder>/lock` one program at a time · `data/` PostgreSQL's own · `server.log` · `run/` the socket, when the path
//! is short enough. Owns their names and what the server tells of itself. Promises: only a server of this very folder is
//! asked to stop. Leaves taking the folder to `folder`.

use std::{fs, path::PathBuf, thread, time::Duration};

use super::{
    account::Account,
    error::{ClusterError, Doing},
    process,
};

/// A log of this size is put aside at the next start.
const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// So much of the log explains a failed start.
const LOG_TAIL_LINES: usize = 12;
/// How often a stopping server is looked at, and how many times.
const STOP_POLL: Duration = Duration::from_millis(20);
const STOP_POLLS: u32 = 3_000;

/// A cluster's folder and whose server runs in it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The absolute path.
    pub(super) folder: PathBuf,
    /// Who runs the server.
    pub(super) account: Account,
}

impl Place {
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
    fn server(&self) -> Option<(i32, String)> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        // The eighth line is the status: starting, ready, standby, stopping.
        Some((pid, lines.nth(6).unwrap_or_default().trim().to_owned()))
    }

    /// A living server of this folder.
    pub(super) fn living_server(&self) -> Option<(i32, String)> {
        let server = self.server()?;
        process::is_server_of(server.0, &self.data()).then_some(server)
    }

    /// Whether a server lives here and takes connections. The mark of a dead one may say so too.
    pub(super) fn has_ready_server(&self) -> bool {
        self.living_server()
            .is_some_and(|(_, status)| status == "ready")
    }

    /// Asks a server on this folder to stop, if one is there.
    pub(super) fn ask_server_to_stop(&self) {
        if let Some((pid, _)) = self.living_server() {
            process::ask_to_stop(pid);
        }
    }

    /// Stops a server whose supervisor was killed by somebody else.
    pub(super) fn stop_orphan(&self) -> Result<(), ClusterError> {
        for poll in 0..STOP_POLLS {
            let Some((pid, _)) = self.living_server() else {
                return Ok(());
            };
            if poll % 50 == 0 {
                process::ask_to_stop(pid);
            }
            thread::sleep(STOP_POLL);
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
