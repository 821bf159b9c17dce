//! A private server that comes back when it dies: killed for want of memory, or by hand.
//!
//! Owns the thread that looks after it. Promises: the address stays the same; while processes of the dead server still
//! live, no new one touches the data, which PostgreSQL checks itself by the mark that we leave to it; a server that is told
//! to stop stays down. Leaves a connection that dies to PostgreSQL, which restarts all of them by itself.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing::{error, warn};

use super::{
    Cluster,
    error::{ClusterError, Doing},
    supervisor::Supervisor,
};

/// How often the server is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A server that cannot be started is tried again after this time, at most.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A cluster that is started again whenever it ends by itself. Stop it with [`Kept::stop`]; dropping it stops it too, and
/// blocks meanwhile.
#[derive(Debug)]
pub struct Kept {
    thread: Option<JoinHandle<Cluster>>,
    done: Option<Sender<()>>,
}

impl Cluster {
    /// From now on the server is started again whenever it ends by itself.
    pub fn kept(self) -> Result<Kept, ClusterError> {
        let (done, told) = channel();
        let thread = thread::Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || keep(self, &told))
            .doing(|| "starting the thread that keeps PostgreSQL up".to_owned())?;
        Ok(Kept {
            thread: Some(thread),
            done: Some(done),
        })
    }

    /// Starts the server again when it is gone, and says whether it was. Does not wait until it is ready: after a crash it
    /// may have to read its log for minutes, and its clients ask again anyway.
    fn revive(&mut self) -> Result<bool, ClusterError> {
        // Where only its supervisor has died, the server works.
        if !self.supervisor.is_gone()? || self.home.place.living_server().is_some() {
            return Ok(false);
        }
        warn!(
            folder = %self.folder().display(),
            "The private PostgreSQL has ended by itself; it is started again. Its last words: {}",
            self.home.place.log_tail(),
        );
        self.supervisor = Supervisor::start(&self.home, &self.command, self.keep, &self.socket)?;
        Ok(true)
    }
}

impl Kept {
    /// Stops the server, as [`Cluster::stop`] does.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        let cluster = tokio::task::spawn_blocking(move || self.let_go()).await;
        match cluster {
            Ok(Some(cluster)) => cluster.stop().await,
            _ => Err(ClusterError::Interrupted),
        }
    }

    /// The cluster, unkept.
    fn let_go(&mut self) -> Option<Cluster> {
        self.done = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.let_go());
    }
}

fn keep(mut cluster: Cluster, told: &Receiver<()>) -> Cluster {
    let mut pause = LOOK;
    while let Err(RecvTimeoutError::Timeout) = told.recv_timeout(pause) {
        let revived = cluster.revive();
        if let Err(error) = &revived {
            error!(%error, "The private PostgreSQL cannot be started again");
        }
        pause = match revived {
            Ok(false) => LOOK,
            // Should it die at once, it is not started every second.
            Ok(true) | Err(_) => (pause * 2).min(PAUSE_MAX),
        };
    }
    cluster
}
