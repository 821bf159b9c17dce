//! One node: database, engine, upkeep and HTTP, started in order and stopped in reverse.
//!
//! Owns the life of `postrider serve`. Promises: after `stop` nothing new is taken, sessions finish their letter, verdicts
//! settle, and only then the database goes; a part that ends before it was told to ends the node with an error, so that
//! whoever watches over it starts it again. Leaves signals to whoever calls.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    check,
    database::Database,
    desk,
    inbound::{self, Doors, RealFeedback},
    names::{dns, resolver},
    preflight::Preflight,
    refresh::{Refresh, Seen},
    tls_reports::Reports,
    upkeep,
    world::RealWorld,
};
use crate::{
    config::Config,
    engine::{Desk, Engine},
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
    let config = Arc::new(config);
    let seen = Seen::now(&config);
    let desk = desk::shared(&config)?;
    let registry = desk::registry_of(&config, &desk.templates.get(), &desk.keyring.get());
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("listening on http.listen {}", config.http.listen))?;
    let doors = Doors::open(&config).await?;
    let database = Database::open(&config).await?;
    database.store.sync_registry(&registry).await?;
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new())?);
    let preflight = Preflight::of(&desk);
    let tokens = desk.identity.tokens().clone();
    let engine = engine(&config, &database, &metrics, Arc::clone(&desk))?;
    let refresh = Refresh {
        config: Arc::clone(&config),
        desk,
        store: database.store.clone(),
        dns: Resolver::new(&forgetful(dns(&config)))?,
        seen,
        told: registry,
        // A newer key than the one that signs may have come into DNS while nobody looked.
        ask_at: Some(tokio::time::Instant::now()),
        sign_at: None,
    };
    let reports = Reports::new(&config, &database.store)?;
    let names = resolver(&config)?;
    let watch = Arc::clone(&metrics);
    let mut feedback = inbound::feedback(&config, database.store.clone(), names, watch)?;
    // One codec for what leaves and what comes back, so that a new secret reaches both at once.
    feedback.desk.addresses.tokens = tokens;
    let feedback = Arc::new(feedback);
    let at = listener.local_addr().unwrap_or(config.http.listen);
    info!(listen = %at, "Postrider serves; its HTTP interface is at {at}");
    let mut tasks = JoinSet::new();
    tasks.spawn(engine.run(stop.clone()));
    tasks.spawn(refresh.run(stop.clone()));
    if let Some(reports) = reports {
        tasks.spawn(reports.run(stop.clone()));
    }
    doors.start(&mut tasks, Arc::clone(&feedback), &stop);
    let door = door(&config, &database, Arc::clone(&metrics), preflight, &stop);
    start_faces(&mut tasks, &config, &database, feedback, listener, door);
    let ended = see_through(tasks, &stop).await;
    if ended.is_ok() {
        info!("Postrider has settled everything and stops");
    }
    let closed = database.close().await;
    ended.and(closed)
}

/// Waits for every part. Each of them ends when it is told to; one that ends before has failed, and the others follow it.
async fn see_through(mut tasks: JoinSet<()>, stop: &CancellationToken) -> Result<()> {
    let mut failed = false;
    while let Some(ended) = tasks.join_next().await {
        if ended.is_err() || !stop.is_cancelled() {
            error!(error = ?ended.err(), "A part of the node ended before its time; the others stop too");
            failed = true;
            stop.cancel();
        }
    }
    if failed {
        bail!("a part of the node failed; the log says which");
    }
    Ok(())
}

fn engine(
    config: &Config,
    database: &Database,
    metrics: &Arc<Metrics>,
    desk: Arc<Desk>,
) -> Result<Engine<RealWorld<Metrics>>> {
    let world = RealWorld {
        store: database.store.clone(),
        journal: FileJournal::create(&config.data_folder.join(JOURNAL_FOLDER))?,
        dns: resolver(config)?,
        dial: Tcp {
            port: config.smtp.port,
            ..Tcp::default()
        },
        watch: Arc::clone(metrics),
    };
    Ok(Engine::new(Arc::new(world), desk))
}

/// For questions whose answer is about to change.
fn forgetful(options: ResolverOptions) -> ResolverOptions {
    let cache = CacheOptions {
        min: Duration::ZERO,
        max: Duration::ZERO,
        negative_max: Duration::ZERO,
        entries: 1,
    };
    ResolverOptions { cache, ..options }
}

/// What the marketplace and the operator see of the node, and its upkeep.
fn start_faces(
    tasks: &mut JoinSet<()>,
    config: &Config,
    database: &Database,
    feedback: Arc<RealFeedback<Arc<Metrics>>>,
    listener: TcpListener,
    door: http::Door,
) {
    let stop = door.stop.clone();
    let metrics = Arc::clone(&feedback.watch);
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
    let prefixes = inbound::one_click_prefixes(config);
    let leaving = http::unsubscribe_router(feedback, &prefixes, door.limits);
    let checking = check::watch(
        Arc::new(config.clone()),
        database.store.clone(),
        metrics,
        stop.clone(),
    );
    tasks.spawn(checking);
    let router = http::router(door).merge(leaving);
    let patience = http::Patience::default();
    tasks.spawn(http::serve(listener, router, patience, stop.clone()));
}

fn door(
    config: &Config,
    database: &Database,
    metrics: Arc<Metrics>,
    preflight: Option<Preflight>,
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
        preflight: preflight.map(|preflight| -> http::Preflight {
            Arc::new(move |json, now| preflight.look(json, now))
        }),
    }
}
