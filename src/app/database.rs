//! The database of this node: the one that the operator names, or a private one.
//!
//! Owns the choice. Promises: a private server that was started here is started again when it dies, and is stopped when it
//! is closed, or at the latest when the program ends. Leaves the server to `cluster` and statements to `store`.

use anyhow::{Context, Result};

use crate::{
    cluster::{Attached, Cluster, ClusterOptions, Kept},
    config::Config,
    net::SystemClock,
    port::Clock,
    store::PgStore,
};

/// Event partitions are made for so many days ahead.
const DAYS_AHEAD: u16 = 3;

/// Folder of the private server below the data folder.
const CLUSTER_FOLDER: &str = "postgres";

/// An open database, migrated.
pub(super) struct Database {
    /// Its store.
    pub(super) store: PgStore,
    private: Option<Kept>,
}

impl Database {
    /// Opens the operator's database, or the private one, and brings its schema up to date.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let (private, url) = if let Some(named) = &config.database.url {
            (None, named.expose().to_owned())
        } else {
            private(config).await?
        };
        let options = url.parse().context("reading database.url")?;
        PgStore::migrate(&options).await?;
        let store = PgStore::connect(options, config.database.connections).await?;
        store.make_event_days(SystemClock.now(), DAYS_AHEAD).await?;
        Ok(Self { store, private })
    }

    /// Closes connections and stops the private server, if it was started here.
    pub(super) async fn close(self) -> Result<()> {
        self.store.close().await;
        if let Some(server) = self.private {
            server.stop().await?;
        }
        Ok(())
    }
}

/// The private server and its address: a command that happens to run keeps it up until everybody has left.
async fn private(config: &Config) -> Result<(Option<Kept>, String)> {
    let attached = Cluster::start_or_attach(&private_server(config)).await?;
    let url = attached.url();
    let kept = match attached {
        Attached::Started(cluster) => Some(cluster.kept()?),
        Attached::Visited(_) => None,
    };
    Ok((kept, url))
}

/// The private server of a configuration, the same for the node and for every command.
pub fn private_server(config: &Config) -> ClusterOptions {
    let mut options = ClusterOptions::durable(config.data_folder.join(CLUSTER_FOLDER));
    options
        .binaries
        .clone_from(&config.database.server_programs);
    options.account.clone_from(&config.database.server_account);
    options
}
