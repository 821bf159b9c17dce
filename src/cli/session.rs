//! The database of one command.
//!
//! Owns the choice: the address that was given, or the private PostgreSQL, started or joined. Promises: the schema is up to
//! date before the command looks; what was started is stopped, but not under another program that has joined meanwhile.
//! Leaves the server to `cluster` and statements to `store`.

use std::time::Duration;

use anyhow::Result;
use sqlx::postgres::PgConnectOptions;

use super::{
    failure::{advice, advice_for},
    out::say,
    settings::Settings,
};
use crate::{
    app::database::private_server,
    app::desk,
    cluster::{Attached, Cluster},
    config::Config,
    mail::Timestamp,
    net::SystemClock,
    port::{Clock, StoreError},
    store::{Migration, PgStore, operator},
};

/// A command does one thing after the other.
const CONNECTIONS: u32 = 2;
/// History has a partition for so many days ahead.
const DAYS_AHEAD: u16 = 3;
/// A server that another program is stopping is looked for so many times.
const VISITS: u32 = 50;
/// How often we look whether other programs have finished.
const LOOK: Duration = Duration::from_millis(200);

/// An open database.
pub(super) struct Session {
    pub(super) store: PgStore,
    pub(super) config: Config,
    /// What was missing in the schema and is there now.
    pub(super) migrated: Vec<Migration>,
    cluster: Option<Cluster>,
}

/// Opens the database, does the work, and closes it whatever became of the work.
pub(super) async fn with<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Session) -> Result<T>,
) -> Result<T> {
    let session = Session::open(settings.config()?).await?;
    let done = work(&session).await;
    let closed = session.close().await;
    let done = done?;
    closed.map(|()| done)
}

/// This moment; commands are where time enters.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

impl Session {
    async fn open(config: Config) -> Result<Self> {
        let (cluster, options) = locate(&config).await?;
        let store = PgStore::connect(options.clone(), CONNECTIONS).await?;
        let migrated = store.pending_migrations().await?;
        if !migrated.is_empty() {
            PgStore::migrate(&options).await?;
            store.make_event_days(now(), DAYS_AHEAD).await?;
        }
        Ok(Self {
            store,
            config,
            migrated,
            cluster,
        })
    }

    /// Tells the database what this configuration lets letters name. A running node's own telling is not touched.
    pub(super) async fn register(&self) -> Result<()> {
        match desk::registry(&self.config) {
            Ok(registry) => self.store.register(&registry).await?,
            Err(trouble) => say(format!(
                "note: letters may name only what the database knows already, because: {trouble:#}"
            )),
        }
        Ok(())
    }

    async fn close(self) -> Result<()> {
        if let Some(cluster) = self.cluster {
            see_off(&self.store).await?;
            self.store.close().await;
            cluster.stop().await?;
        } else {
            self.store.close().await;
        }
        Ok(())
    }
}

/// Waits until the programs that joined our server have finished.
async fn see_off(store: &PgStore) -> Result<()> {
    let mut told = false;
    while store.other_programs().await? > 0 {
        if !told {
            say("note: waiting for another program that works on this PostgreSQL");
            told = true;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The database, known to answer, with its server where it was started here.
async fn locate(config: &Config) -> Result<(Option<Cluster>, PgConnectOptions)> {
    if let Some(url) = &config.database.url {
        let options = read(url.expose())?;
        operator::knock(&options).await.map_err(no_connection)?;
        return Ok((None, options));
    }
    for _ in 0..VISITS {
        let attached = Cluster::start_or_attach(&private_server(config)).await?;
        let options = read(&attached.url())?;
        match (operator::knock(&options).await, attached) {
            (Ok(()), Attached::Started(cluster)) => return Ok((Some(cluster), options)),
            (Ok(()), Attached::Visited(_)) => return Ok((None, options)),
            (Err(error), Attached::Started(_)) => return Err(error.into()),
            // Its program was stopping it just then: look again.
            (Err(_), Attached::Visited(_)) => tokio::time::sleep(LOOK).await,
        }
    }
    Err(advice(
        "the private PostgreSQL comes and goes with other programs",
        "try again, or keep `postrider serve` running",
    ))
}

fn read(url: &str) -> Result<PgConnectOptions> {
    url.parse().map_err(|error: sqlx::Error| {
        advice_for(
            error,
            "the database address cannot be read",
            "write it as postgres://USER:PASSWORD@HOST/DATABASE",
        )
    })
}

fn no_connection(error: StoreError) -> anyhow::Error {
    advice_for(
        error,
        "the database cannot be reached",
        "look at the address in --database-url, DATABASE_URL or `database.url`; without any of them a private PostgreSQL is used",
    )
}

/// For ids and the like that nobody knows.
pub(super) fn unknown(what: &str, given: &str, next: &str) -> anyhow::Error {
    advice(format!("there is no {what} {given}"), next)
}
