//! Working with a cluster that another program of ours runs.
//!
//! Owns the choice between starting and attaching. Promises: one of the two happens, or the error says who is in the
//! way; an attached cluster is never stopped from here. Leaves waiting for visitors before a stop to whoever started.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Cluster, ClusterError, ClusterOptions, socket};

/// How often a server that is starting or stopping is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A server on its way up or down is there, or gone, within a minute.
const LOOKS: u32 = 1_200;

/// A cluster to work with, ours or another program's.
#[derive(Debug)]
pub enum Attached {
    /// Started here, to be stopped here.
    Started(Cluster),
    /// Another program runs it; its address.
    Visited(String),
}

impl Attached {
    /// Where clients connect.
    pub fn url(&self) -> String {
        match self {
            Self::Started(cluster) => cluster.url(),
            Self::Visited(url) => url.clone(),
        }
    }
}

impl Cluster {
    /// Starts the server of that folder, or attaches to it when another program runs it already.
    pub async fn start_or_attach(options: &ClusterOptions) -> Result<Attached, ClusterError> {
        for _ in 0..LOOKS {
            if let Some(url) = running(&options.folder) {
                return Ok(Attached::Visited(url));
            }
            match Self::start(options).await {
                Ok(cluster) => return Ok(Attached::Started(cluster)),
                // Its program is starting or stopping it: soon one of the two ways is open.
                Err(ClusterError::InUse { .. }) => tokio::time::sleep(LOOK).await,
                Err(error) => return Err(error),
            }
        }
        Self::start(options).await.map(Attached::Started)
    }
}

/// The address of the server on that folder, when its program lives and it takes connections.
///
/// Reads what the server tells of itself: the fifth line of `postmaster.pid` is the folder of its socket, the eighth its
/// status. A program that was killed leaves that file behind, and its server is about to stop: no good host.
fn running(folder: &Path) -> Option<String> {
    let folder = std::path::absolute(folder).ok()?;
    let owner = fs::read_to_string(folder.join("lock")).ok()?;
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let server = lines.first()?.parse().ok()?;
    let is_host = super::process::is_alive(owner.trim().parse().ok()?)
        && super::process::is_server_of(server, &folder.join("data"))
        && *lines.get(7)? == "ready";
    let run = PathBuf::from(*lines.get(4)?);
    is_host.then(|| socket::url(&run, "postgres"))
}
