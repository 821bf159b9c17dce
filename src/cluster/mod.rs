//! A private PostgreSQL that the program starts and stops itself.
//!
//! Owns the server's binaries, account, folder, socket and life. Promises: durable settings; one program per folder;
//! works as root and as a plain user; no process outlives the program, however the program ends; a server starts when the
//! last process of the one before it is gone. Leaves every SQL statement to `store`. Read `supervisor` next for how a
//! server follows its program even into `kill -9`, and `keeper` for how it comes back when only the server was killed.

mod account;
mod attach;
mod binaries;
mod error;
mod folder;
mod initdb;
mod keeper;
mod lock;
mod place;
mod process;
mod settings;
mod socket;
mod supervisor;

use std::path::{Path, PathBuf};

use account::Account;
pub use attach::Attached;
use binaries::Binaries;
pub use error::ClusterError;
use folder::Home;
pub use keeper::Kept;
use socket::SocketFolder;
use supervisor::{ServerCommand, Supervisor};

/// Whether a cluster's data outlives its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The data stays, every commit reaches the disk.
    Durable,
    /// The folder is removed when the server stops and nothing waits for the disk: tests, demo.
    ThrowAway,
}

/// What kind of cluster, and where.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Holds the data, the log, the lock and, where its path is short, the socket. Created when absent.
    pub folder: PathBuf,
    /// Whether the data outlives the program.
    pub keep: Keep,
    /// The folder of `postgres` and `initdb`; `None` looks where distributions put them.
    pub binaries: Option<PathBuf>,
    /// Who runs the server when the program runs as root; `None` is `postgres`, else `nobody`.
    pub account: Option<String>,
    /// Server settings that replace ours.
    pub settings: Vec<(String, String)>,
}

impl ClusterOptions {
    /// A cluster whose data stays.
    pub fn durable(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            keep: Keep::Durable,
            binaries: None,
            account: None,
            settings: Vec::new(),
        }
    }

    /// A cluster in a new temporary folder, gone when it stops.
    pub fn throw_away() -> Result<Self, ClusterError> {
        Self::throw_away_in(&[std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()])
    }

    /// A cluster in memory where the system has a folder for that with room, else in a temporary one. Making a
    /// database there takes a tenth of the time; for tests, whose databases are many and small.
    pub fn in_memory() -> Result<Self, ClusterError> {
        match folder::memory() {
            Some(memory) => Self::throw_away_in(&[memory, std::env::temp_dir(), "/tmp".into()]),
            None => Self::throw_away(),
        }
    }

    fn throw_away_in(roots: &[PathBuf]) -> Result<Self, ClusterError> {
        let folder = folder::temporary(roots, &Account::choose(None, None)?)?;
        Ok(Self {
            keep: Keep::ThrowAway,
            ..Self::durable(folder)
        })
    }
}

/// A running private server. Stop it with [`Cluster::stop`]; dropping it stops it too, and blocks meanwhile.
#[derive(Debug)]
pub struct Cluster {
    supervisor: Supervisor,
    command: ServerCommand,
    socket: SocketFolder,
    home: Home,
    keep: Keep,
    stopped: bool,
}

impl Cluster {
    /// Starts the server of that folder and waits until it takes connections; makes its data first when there is none.
    pub async fn start(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let options = options.clone();
        // Starting is a chain of short waits on files and processes. Should the caller lose interest, the finished
        // cluster is dropped and thereby stopped.
        tokio::task::spawn_blocking(move || Self::start_blocking(&options))
            .await
            .map_err(|_| ClusterError::Interrupted)?
    }

    fn start_blocking(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let home = Home::open(&options.folder, options.account.as_deref())?;
        let binaries = Binaries::find(options.binaries.as_deref(), &home.place)?;
        initdb::ensure(&home, &binaries, options.keep)?;
        home.place.forget_dead_server()?;
        home.place.rotate_log();
        let socket = SocketFolder::choose(&home.place)?;
        let command = ServerCommand {
            program: binaries.program("postgres"),
            settings: settings::arguments(options.keep, socket.path(), &options.settings),
        };
        let supervisor = Supervisor::start(&home, &command, options.keep, &socket)?;
        let mut cluster = Self {
            supervisor,
            command,
            socket,
            home,
            keep: options.keep,
            stopped: false,
        };
        cluster.supervisor.wait_until_ready(&cluster.home)?;
        Ok(cluster)
    }

    /// Where clients connect: the database that every new cluster has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where clients connect to another database of this cluster.
    pub fn url_of(&self, database: &str) -> String {
        self.socket.url(database)
    }

    /// Where the data is.
    pub fn folder(&self) -> &Path {
        &self.home.place.folder
    }

    /// Stops the server: open transactions roll back, committed ones are on disk. Waits until it is gone.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        tokio::task::spawn_blocking(move || self.stop_blocking())
            .await
            .map_err(|_| ClusterError::Interrupted)?
    }

    fn stop_blocking(&mut self) -> Result<(), ClusterError> {
        self.stopped = true;
        self.supervisor.stop()?;
        self.home.place.stop_orphan()?;
        // After a crash of the server its connections may live a moment longer.
        self.home.resign()?;
        self.socket.remove();
        if self.keep == Keep::ThrowAway {
            // The supervisor has removed what its account may remove; a parent folder of root needs us.
            let _ = std::fs::remove_dir_all(&self.home.place.folder);
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.stopped {
            // Nobody is left to hear of trouble here; the supervisor goes on trying after us.
            let _ = self.stop_blocking();
        }
    }
}
