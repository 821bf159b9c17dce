//! The bench's surroundings: a private durable PostgreSQL, keys, configuration, and a fresh database per run.
//!
//! Owns what lies on disk. Promises: every commit reaches the disk (`fsync`, `synchronous_commit` and full-page writes
//! on); the product's own configuration with its own defaults, but for names and folders; all of it is gone afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use postrider::{
    app::desk,
    cluster::{Cluster, ClusterOptions},
    config::Config,
    dkim, keys,
    mail::Domain,
    net::SystemClock,
    port::Clock,
    store::PgStore,
};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tempfile::TempDir;

use crate::letters::{SENDER, templates};

/// The server settings of `postrider serve`; the cluster's own are for data that nobody will miss.
const DURABLE: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("wal_compression", "on"),
    ("min_wal_size", "256MB"),
    ("max_wal_size", "2GB"),
];

/// Under which name the sending domain publishes its key.
pub(crate) const SELECTOR: &str = "bench";

/// Event partitions of a bench that starts before midnight.
const DAYS_AHEAD: u16 = 2;

/// With which key letters are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// RSA of 2048 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// The surroundings.
pub(crate) struct Lab {
    cluster: Cluster,
    folder: TempDir,
    admin: PgPool,
}

/// One database with the schema and the registry in it.
pub(crate) struct Database {
    /// Where to connect.
    pub(crate) url: String,
    /// A few connections for whoever looks.
    pub(crate) pool: PgPool,
    name: String,
}

impl Lab {
    /// Starts the server, with some more settings of its own, and makes keys.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let mut options = ClusterOptions::throw_away()?;
        let settings = DURABLE.iter().chain(settings);
        options
            .settings
            .extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let cluster = Cluster::start(&options).await?;
        let admin = PgPoolOptions::new()
            .max_connections(1)
            .connect(&cluster.url())
            .await?;
        let lab = Self {
            cluster,
            folder: tempfile::tempdir()?,
            admin,
        };
        lab.write_key(Key::Rsa, &dkim::generate_rsa_2048()?)?;
        lab.write_key(Key::Ed25519, &dkim::generate_ed25519()?)?;
        Ok(lab)
    }

    /// Stops the server and removes everything.
    pub(crate) async fn stop(self) -> Result<()> {
        self.admin.close().await;
        self.cluster.stop().await?;
        Ok(())
    }

    /// Where the cluster's data is.
    pub(crate) fn data(&self) -> &Path {
        self.cluster.folder()
    }

    /// The server's process.
    pub(crate) async fn server(&self) -> Result<u32> {
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&self.admin)
            .await?;
        crate::cost::parent(u32::try_from(backend)?)
            .context("the server's process cannot be found below /proc")
    }

    /// The PEM text of a key.
    pub(crate) fn pem(&self, key: Key) -> Result<String> {
        let path = self.keys(key).join(SENDER).join(format!("{SELECTOR}.pem"));
        Ok(fs::read_to_string(path)?)
    }

    /// A configuration file that signs with that key; resolvers are named when they are known.
    pub(crate) fn configure(&self, key: Key) -> Result<PathBuf> {
        let node = self.folder.path().join("node").display().to_string();
        let text = format!(
            r#"
data_folder = "{node}"
[smtp]
ehlo = "mail.example.com"
{identity}[templates]
folder = "{templates}"
[dkim]
folder = "{keys}"
[delivery]
shaping = "{shaping}"
"#,
            shaping = self.shaping()?.display(),
            identity = include_str!("../../tests/support/identity.toml"),
            templates = templates().display(),
            keys = self.keys(key).display(),
        );
        let path = self.folder.path().join(format!("{}.toml", key.name()));
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The sinks of a bench take what comes, so nothing but the machine sets the pace; every letter is still counted.
    fn shaping(&self) -> Result<PathBuf> {
        let path = self.folder.path().join("shaping.toml");
        let text = "[default]\nconnections = 1000\nconnections_per_minute = 1000000\nmessages_per_second = 1000000\n\
            letters_per_connection = 1000000\nadaptive = false\n";
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A new database.
    pub(crate) async fn database(&self, name: &str) -> Result<Database> {
        self.execute(format!("drop database if exists {name}"))
            .await?;
        self.execute(format!("create database {name}")).await?;
        let url = self.cluster.url_of(name);
        let options = url.parse()?;
        PgStore::migrate(&options).await?;
        let store = PgStore::connect(options, 2).await?;
        store.make_event_days(SystemClock.now(), DAYS_AHEAD).await?;
        let config = Config::load(&self.configure(Key::Rsa)?)?;
        store.sync_registry(&desk::registry(&config)?).await?;
        store.close().await;
        // What making it left in memory is written now and not while somebody measures.
        self.execute("checkpoint".to_owned()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .connect(&url)
            .await?;
        let name = name.to_owned();
        Ok(Database { url, pool, name })
    }

    /// Drops a database.
    pub(crate) async fn drop(&self, database: Database) -> Result<()> {
        database.pool.close().await;
        self.execute(format!("drop database {} with (force)", database.name))
            .await
    }

    async fn execute(&self, sql: String) -> Result<()> {
        sqlx::query(AssertSqlSafe(sql)).execute(&self.admin).await?;
        Ok(())
    }

    fn keys(&self, key: Key) -> PathBuf {
        self.folder.path().join(key.name())
    }

    fn write_key(&self, key: Key, pem: &str) -> Result<()> {
        let domain = Domain::parse(SENDER)?;
        keys::write_new(&self.keys(key), &domain, SELECTOR, pem.as_bytes())?;
        Ok(())
    }
}
