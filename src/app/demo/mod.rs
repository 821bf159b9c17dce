//! The whole machine on one page: a private PostgreSQL, a small internet, the engine, and a report that both ends agree on.
//!
//! Owns the story of `postrider demo`. Promises: nothing leaves the machine; every letter is looked up at both ends; what
//! was started is stopped. Leaves the population and the providers' tempers to `sim`.

mod compare;
mod desk;
mod letters;
mod report;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use aws_lc_rs::rand;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

pub use self::report::Report;
use super::world::RealWorld;
use crate::{
    cluster::{Cluster, ClusterOptions},
    engine::Engine,
    http,
    journal::FileJournal,
    mail::Timestamp,
    metrics::Metrics,
    net::{Resolver, ResolverOptions, SystemClock, Tcp},
    port::Clock,
    sim::{Plan, SmallInternet},
    store::{Answer, PgStore},
    templates,
};

/// A demonstration that is not over after this is reported as it stands.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// No letter of the demonstration comes near this.
const LETTER_BYTES_MAX: u32 = 1 << 20;

/// Connections to PostgreSQL for the queue.
const CONNECTIONS: u32 = 6;

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// How many letters.
    pub letters: usize,
    /// Same seed, same people and tempers.
    pub seed: u64,
    /// Where the templates are.
    pub templates: PathBuf,
    /// A database of one's own instead of a private cluster.
    pub database_url: Option<String>,
}

/// The running parts of a demonstration.
pub struct Demo {
    /// The store, for whoever wants to look.
    pub store: PgStore,
    /// The receivers.
    pub internet: SmallInternet,
    /// Address of the database, for other programs while this one runs.
    pub database_url: String,
    cluster: Option<Cluster>,
    /// Of the crash journal.
    folder: TempDir,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    desk: desk::DemoDesk,
    options: DemoOptions,
    run: Run,
}

/// Tells the letters of this demonstration from those of earlier ones in the same database.
#[derive(Clone, Debug)]
struct Run {
    campaign: String,
    since: Timestamp,
}

impl Demo {
    /// Starts PostgreSQL, the small internet and the engine.
    pub async fn start(options: DemoOptions) -> Result<Self> {
        let templates = templates::load(&options.templates, Some("ru"))
            .with_context(|| format!("loading templates from {}", options.templates.display()))?;
        let (cluster, database_url) = database(&options).await?;
        let connect = database_url
            .parse()
            .context("reading the database address")?;
        PgStore::migrate(&connect).await?;
        let store = PgStore::connect(connect, CONNECTIONS).await?;
        let internet = SmallInternet::start(Plan::demo(options.seed)).await?;
        let desk = desk::DemoDesk::new(templates)?;
        internet.publish_txt(&desk.record_name, &desk.record_text);
        store.sync_registry(&desk.registry).await?;
        let since = SystemClock.now();
        store.make_event_days(since, 2).await?;
        let campaign = format!("demo-{}", since.micros());
        let mut demo = Self {
            store,
            internet,
            database_url,
            cluster,
            folder: tempfile::tempdir()?,
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
            desk,
            options,
            run: Run { campaign, since },
        };
        demo.start_engine()?;
        Ok(demo)
    }

    fn start_engine(&mut self) -> Result<()> {
        let dns = ResolverOptions {
            servers: vec![self.internet.dns()],
            timeout: Duration::from_secs(2),
            attempts: 1,
            patience: Duration::from_secs(5),
            ..ResolverOptions::default()
        };
        let world = RealWorld {
            store: self.store.clone(),
            journal: FileJournal::create(self.folder.path())?,
            dns: Resolver::new(&dns)?,
            dial: Tcp {
                reroute: self.internet.reroute(),
                only_reroute: true,
                ..Tcp::default()
            },
            watch: Arc::new(()),
        };
        let engine = Engine::new(Arc::new(world), Arc::clone(&self.desk.desk));
        self.tasks.spawn(engine.run(self.stop.clone()));
        Ok(())
    }

    /// Enqueues the letters and waits until each has a final state.
    pub async fn run(&self, progress: &ProgressBar) -> Result<Report> {
        let begun = Instant::now();
        progress.set_style(style()?);
        progress.set_length(self.options.letters as u64);
        let accepted = self.enqueue().await?;
        let enqueued = begun.elapsed();
        self.wait(progress, accepted).await?;
        let took = begun.elapsed();
        progress.finish_and_clear();
        let comparison =
            compare::compare(&self.store, &self.internet, &self.desk, &self.run).await?;
        let spans = report::Spans { enqueued, took };
        Report::gather(&self.store, &self.internet, comparison, &self.run, spans).await
    }

    async fn enqueue(&self) -> Result<u64> {
        let mut accepted = 0;
        let plan = Plan::demo(self.options.seed);
        for batch in letters::batches(
            &plan,
            self.options.letters,
            &self.options.templates,
            &self.run.campaign,
        )? {
            let now = SystemClock.now();
            let answers = self.store.enqueue(&batch, LETTER_BYTES_MAX, now).await?;
            for answer in answers {
                match answer {
                    Answer::Accepted(_) => accepted += 1,
                    // An address that bounced a moment ago is turned away at the door.
                    Answer::Suppressed { .. } => {}
                    other => bail!("a letter of the demonstration was not accepted: {other:?}"),
                }
            }
        }
        Ok(accepted)
    }

    /// Waits until nothing is queued.
    async fn wait(&self, progress: &ProgressBar, accepted: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let queue = self.store.queue_status(1).await?;
            let left =
                u64::try_from(queue.ready + queue.waiting + queue.held + queue.leased).unwrap_or(0);
            progress.set_position(accepted.saturating_sub(left));
            progress.set_message(format!("{} wait for a retry", queue.waiting));
            if left == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Opens the HTTP interface beside the running engine; gives the bearer key for it.
    pub async fn open_door(&mut self, listen: SocketAddr) -> Result<String> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("listening on http.listen {listen}"))?;
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| anyhow!("the system gives no random bytes"))?;
        let key = self
            .store
            .new_key("demo", secret, SystemClock.now())
            .await?;
        let door = http::Door {
            store: self.store.clone(),
            metrics: Arc::new(Metrics::new(&prometheus::Registry::new())?),
            clock: Arc::new(SystemClock),
            engine_works: Arc::new(|| true),
            stop: self.stop.clone(),
            limits: http::Limits::default(),
            preflight: None,
        };
        let patience = http::Patience::default();
        let stop = self.stop.clone();
        self.tasks
            .spawn(http::serve(listener, http::router(door), patience, stop));
        Ok(key)
    }

    /// Stops the engine, the small internet and PostgreSQL.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.store.close().await;
        self.internet.stop().await;
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await?;
        }
        Ok(())
    }
}

async fn database(options: &DemoOptions) -> Result<(Option<Cluster>, String)> {
    if let Some(url) = &options.database_url {
        return Ok((None, url.clone()));
    }
    let mut wanted = ClusterOptions::throw_away()?;
    // The demonstration shows real figures, so its commits reach the disk.
    wanted.settings.push(("fsync".to_owned(), "on".to_owned()));
    wanted
        .settings
        .push(("synchronous_commit".to_owned(), "on".to_owned()));
    let cluster = Cluster::start(&wanted).await?;
    let url = cluster.url();
    Ok((Some(cluster), url))
}

fn style() -> Result<ProgressStyle> {
    let template = "{bar:32} {pos}/{len} letters  {per_sec}  {elapsed}  {msg}";
    Ok(ProgressStyle::with_template(template)?)
}
