//! One node: database, engine, upkeep and HTTP, started in order and stopped in reverse.
//!
//! Owns the life of `postrider serve`. Promises: after `stop` nothing new is taken, sessions finish their letter, verdicts
//! settle, and only then the database goes. Leaves signals to whoever calls.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{database::Database, desk, upkeep, world::RealWorld};
use crate::{
    config::Config,
    engine::Engine,
    http,
    journal::FileJournal,
    metrics::Metrics,
    net::{CacheOptions, Resolver, ResolverOptions, SystemClock, Tcp},
};

/// Folder of crash journals below the data folder.
const JOURNAL_FOLDER: &str = "journal";

/// Runs a node until told to stop.
pub async fn serve(config: Config, stop: CancellationToken) -> Result<()> {
    // Everything that the operator may have got wrong is said before anything is started.
    let desk = desk::shared(&config)?;
    let registry = desk::registry(&config)?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("listening on http.listen {}", config.http.listen))?;
    let database = Database::open(&config).await?;
    database.store.sync_registry(&registry).await?;
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new())?);
    let engine = engine(&config, &database, &metrics, desk)?;
    info!(listen = %config.http.listen, "Postrider serves; its HTTP interface is at {}", config.http.listen);
    run(&config, &database, metrics, engine, listener, stop).await;
    info!("Postrider has settled everything and stops");
    database.close().await
}

fn engine(
    config: &Config,
    database: &Database,
    metrics: &Arc<Metrics>,
    desk: Arc<crate::engine::Desk>,
) -> Result<Engine<RealWorld<Metrics>>> {
    let dns = ResolverOptions {
        servers: config.dns.servers.clone(),
        patience: config.dns.timeout.0,
        cache: CacheOptions {
            min: config.dns.cache_min.0,
            max: config.dns.cache_max.0,
            negative_max: config.dns.cache_negative_max.0,
            entries: u64::from(config.dns.cache_entries),
        },
        ..ResolverOptions::default()
    };
    let world = RealWorld {
        store: database.store.clone(),
        journal: FileJournal::create(&config.data_folder.join(JOURNAL_FOLDER))?,
        dns: Resolver::new(&dns)?,
        dial: Tcp {
            port: config.smtp.port,
            ..Tcp::default()
        },
        watch: Arc::clone(metrics),
    };
    Ok(Engine::new(Arc::new(world), desk))
}

/// Faces first, then the engine: what was accepted before the stop is safe in the database.
async fn run(
    config: &Config,
    database: &Database,
    metrics: Arc<Metrics>,
    engine: Engine<RealWorld<Metrics>>,
    listener: TcpListener,
    stop: CancellationToken,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(engine.run(stop.clone()));
    tasks.spawn(upkeep::retain(
        database.store.clone(),
        config.retention.clone(),
        stop.clone(),
    ));
    tasks.spawn(upkeep::sample(
        database.store.clone(),
        Arc::clone(&metrics),
        stop.clone(),
    ));
    let door = door(config, database, metrics, &stop);
    let patience = http::Patience::default();
    tasks.spawn(http::serve(
        listener,
        http::router(door),
        patience,
        stop.clone(),
    ));
    while tasks.join_next().await.is_some() {}
}

fn door(
    config: &Config,
    database: &Database,
    metrics: Arc<Metrics>,
    stop: &CancellationToken,
) -> http::Door {
    let stopping = stop.clone();
    http::Door {
        store: database.store.clone(),
        metrics,
        clock: Arc::new(SystemClock),
        engine_works: Arc::new(move || !stopping.is_cancelled()),
        stop: stop.clone(),
        limits: http::Limits {
            letter_octets: u32::try_from(config.limits.letter_size.0).unwrap_or(u32::MAX),
            body_octets: usize::try_from(config.http.body_size.0).unwrap_or(usize::MAX),
            batch: config.limits.batch as usize,
            requests: config.http.requests as usize,
            ..http::Limits::default()
        },
    }
}
