//! What can keep a private cluster from running, each with what to do next.

use std::{io, path::PathBuf};

/// Why there is no server. Every message names the thing and the way out.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No usable server program on this machine.
    #[error(
        "no PostgreSQL 15 or newer is installed here{seen}; install it \
         (Debian, Ubuntu: `apt install postgresql`; Fedora: `dnf install postgresql-server`; \
         Arch: `pacman -S postgresql`; Alpine: `apk add postgresql`; macOS: `brew install postgresql@17`) \
         or set DATABASE_URL to a server that runs already"
    )]
    NoServer {
        /// What was found and is too old or unusable, as ` (found ..)`; may be empty.
        seen: String,
    },
    /// The data was made by a major version that is not installed.
    #[error(
        "{folder} was made by PostgreSQL {made_by}, and only {installed} is installed here; \
         install PostgreSQL {made_by}, or move the data with pg_upgrade or pg_dump"
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The version that made it.
        made_by: String,
        /// What there is.
        installed: String,
    },
    /// Another program works with the folder.
    #[error("{folder} is in use by process {process}; stop it, or choose another data folder")]
    InUse {
        /// The cluster's folder.
        folder: PathBuf,
        /// Who.
        process: String,
    },
    /// The folder holds something else.
    #[error("{folder} is not empty and holds no cluster of ours; choose an empty or a new folder")]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The server's account cannot reach the folder.
    #[error(
        "PostgreSQL refuses to run as root, so it runs as `{account}`, who may not enter {blocked} \
         on the way to {folder}; choose a data folder such as /var/lib/postrider"
    )]
    OutOfReach {
        /// The cluster's folder.
        folder: PathBuf,
        /// The first closed door on the way.
        blocked: PathBuf,
        /// Who runs the server.
        account: String,
    },
    /// The data belongs to somebody else.
    #[error("{folder} belongs to user {owner}; run as that user or as root")]
    NotOurs {
        /// The data folder.
        folder: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// Root has nobody to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and there is no usable user {tried}; \
         create one with `useradd --system postgres`"
    )]
    NoAccount {
        /// The names that were tried.
        tried: String,
    },
    /// `initdb` did not succeed.
    #[error("making a new cluster in {folder} failed: {output}")]
    Initdb {
        /// The data folder.
        folder: PathBuf,
        /// The end of what it said.
        output: String,
    },
    /// The server ended while starting.
    #[error("PostgreSQL stopped while starting; the end of {log} says:\n{tail}")]
    Died {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server did not become ready, or did not stop, in time.
    #[error("PostgreSQL did not {what} within {seconds} s; see {log}")]
    TooSlow {
        /// `start` or `stop`.
        what: &'static str,
        /// The limit.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// The operating system said no.
    #[error("{doing}")]
    System {
        /// What was being done, such as `creating /var/lib/postrider`.
        doing: String,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// The runtime ended before the work did.
    #[error("the runtime stopped before PostgreSQL did what it was asked")]
    Interrupted,
}

/// Gives an I/O error the name of what was being done.
pub(super) trait Doing<T> {
    /// Names the act.
    fn doing(self, act: impl FnOnce() -> String) -> Result<T, ClusterError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, act: impl FnOnce() -> String) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::System {
            doing: act(),
            source,
        })
    }
}
