//! The small process between us and the server.
//!
//! Owns the server's start and end. Promises: when we go, by return, panic, signal or `kill -9`, the server goes too.
//! The means is a pipe: see `supervisor.sh`, which is the other half of this file.

use std::{
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    thread,
    time::Duration,
};

use super::{
    Keep,
    error::{ClusterError, Doing},
    folder::Home,
    socket::SocketFolder,
};

const SCRIPT: &str = include_str!("supervisor.sh");

/// How often the server's state is looked at.
const POLL: Duration = Duration::from_millis(10);
/// A server that crashed under load replays up to `max_wal_size` first.
const START_LIMIT: Duration = Duration::from_mins(10);
/// The script gives up on a checkpoint after a minute; then the server needs seconds.
const STOP_LIMIT: Duration = Duration::from_secs(90);

/// The server's command line, but for the folder.
#[derive(Clone, Debug)]
pub(super) struct ServerCommand {
    /// The server program.
    pub(super) program: PathBuf,
    /// Its settings, as arguments.
    pub(super) settings: Vec<String>,
}

/// The supervisor's process and our end of its pipe.
#[derive(Debug)]
pub(super) struct Supervisor {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Supervisor {
    /// Starts the supervisor, and through it the server.
    pub(super) fn start(
        home: &Home,
        server: &ServerCommand,
        keep: Keep,
        socket: &SocketFolder,
    ) -> Result<Self, ClusterError> {
        let nowhere = Path::new("");
        let (signal, remove) = match keep {
            Keep::Durable => ("INT", nowhere),
            Keep::ThrowAway => ("QUIT", home.place.folder.as_path()),
        };
        let mut child = home
            .place
            .account
            .command("sh")
            .args(["-c", SCRIPT, "postrider-postgres"])
            .arg(home.place.log())
            .arg(signal)
            .arg(remove)
            .arg(socket.temporary_path().unwrap_or(nowhere))
            .arg(&server.program)
            .arg("-D")
            .arg(home.place.data())
            .args(&server.settings)
            .stdin(Stdio::piped())
            .stdout(home.lock()?)
            .stderr(Stdio::null())
            .spawn()
            .doing(|| "starting the supervisor of PostgreSQL".to_owned())?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    /// Waits until the server takes connections.
    pub(super) fn wait_until_ready(&mut self, home: &Home) -> Result<(), ClusterError> {
        for _ in 0..polls(START_LIMIT) {
            if home.place.has_ready_server() {
                return Ok(());
            }
            if self.is_gone()? {
                return Err(ClusterError::Died {
                    log: home.place.log(),
                    tail: home.place.log_tail(),
                });
            }
            thread::sleep(POLL);
        }
        Err(too_slow("start", START_LIMIT, home))
    }

    /// Lets the server go and waits until it has gone.
    pub(super) fn stop(&mut self) -> Result<(), ClusterError> {
        self.lifeline = None;
        for _ in 0..polls(STOP_LIMIT) {
            if self.is_gone()? {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        // The caller looks at the server itself next, and tells when it still lives.
        Ok(())
    }

    /// Whether the supervisor, and with it the server it waits for, has ended.
    pub(super) fn is_gone(&mut self) -> Result<bool, ClusterError> {
        self.child
            .try_wait()
            .map(|status| status.is_some())
            .doing(|| "waiting for the supervisor of PostgreSQL".to_owned())
    }
}

fn polls(limit: Duration) -> u128 {
    limit.as_millis() / POLL.as_millis()
}

fn too_slow(what: &'static str, limit: Duration, home: &Home) -> ClusterError {
    ClusterError::TooSlow {
        what,
        seconds: limit.as_secs(),
        log: home.place.log(),
    }
}
