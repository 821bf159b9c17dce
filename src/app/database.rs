//! The database of this node: the one that the operator names, or a private one.
//!
//! Owns the choice. Promises: a private server that was started here is stopped by [`Database::close`], or at the latest
//! when the program ends. Leaves the server to `cluster` and statements to `store`.

use anyhow::{Context, Result};

use crate::{
    cluster::{Cluster, ClusterOptions},
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
    cluster: Option<Cluster>,
}

impl Database {
    /// Opens the operator's database, or starts the private one, and brings its schema up to date.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let cluster = match config.database.url {
            Some(_) => None,
            None => Some(private(config).await?),
        };
        let named = config
            .database
            .url
            .as_ref()
            .map(|url| url.expose().to_owned());
        let url = named
            .or_else(|| cluster.as_ref().map(Cluster::url))
            .unwrap_or_default();
        let options = url.parse().context("reading database.url")?;
        PgStore::migrate(&options).await?;
        let store = PgStore::connect(options, config.database.connections).await?;
        store.make_event_days(SystemClock.now(), DAYS_AHEAD).await?;
        Ok(Self { store, cluster })
    }

    /// Closes connections and stops a private server.
    pub(super) async fn close(mut self) -> Result<()> {
        self.store.close().await;
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await?;
        }
        Ok(())
    }
}

async fn private(config: &Config) -> Result<Cluster> {
    let folder = std::path::absolute(config.data_folder.join(CLUSTER_FOLDER))?;
    let mut options = ClusterOptions::durable(folder);
    options
        .binaries
        .clone_from(&config.database.server_programs);
    options.account.clone_from(&config.database.server_account);
    Ok(Cluster::start(&options).await?)
}
