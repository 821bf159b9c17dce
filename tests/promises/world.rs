//! A stage for one test: its own database, its own small internet, and engines that start and stop on it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use postrider::{
    app::world::RealWorld,
    engine::{Desk, Engine},
    journal::FileJournal,
    mail::LetterId,
    net::{Resolver, ResolverOptions, SystemClock, Tcp},
    port::{self, Clock},
    sim::{Dialect, Plan, SmallInternet, Temper, plan::ProviderPlan},
    store::{Answer, PgStore, QueueStatus},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{self, Wishes},
    support::{self, TestDatabase},
};

/// A world that has not come to rest after this never will.
const PATIENCE: Duration = Duration::from_mins(4);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The stage. Fields are dropped in this order: connections before their database.
pub(crate) struct World {
    pub(crate) store: PgStore,
    pub(crate) internet: SmallInternet,
    pub(crate) lines: Lines,
    pub(crate) database: TestDatabase,
    /// The disk.
    _folder: TempDir,
}

/// Where an engine finds its world; also travels to engines in other processes.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) url: String,
    pub(crate) dns: SocketAddr,
    pub(crate) reroute: HashMap<IpAddr, SocketAddr>,
    /// The folder of journals: engines that share it are on one machine.
    pub(crate) machine: PathBuf,
}

/// An engine at work.
pub(crate) struct Running {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    pub(crate) async fn new(plan: Plan) -> Self {
        Self::on(support::database().await, plan).await
    }

    /// A stage on that database.
    pub(crate) async fn on(database: TestDatabase, plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let internet = SmallInternet::start(plan).await.unwrap();
        let record = desk::dkim_record();
        internet.publish_txt(&record.name, &record.text);
        let lines = Lines {
            url: database.url(),
            dns: internet.dns(),
            reroute: internet.reroute(),
            machine: folder.path().join("machine"),
        };
        let store = lines.store().await;
        store.sync_registry(&desk::registry()).await.unwrap();
        Self {
            store,
            internet,
            lines,
            database,
            _folder: folder,
        }
    }

    /// Puts letters through the program's door; every one must be accepted.
    pub(crate) async fn enqueue(&self, letters: impl IntoIterator<Item = Value>) -> Vec<LetterId> {
        let texts: Vec<String> = letters.into_iter().map(|text| text.to_string()).collect();
        let mut ids = Vec::new();
        for batch in texts.chunks(500) {
            let now = SystemClock.now();
            let answers = self.store.enqueue(batch, 1 << 20, now).await.unwrap();
            ids.extend(answers.into_iter().map(|answer| match answer {
                Answer::Accepted(id) => id,
                other => unreachable!("not accepted: {other:?}"),
            }));
        }
        ids
    }

    /// Starts an engine on its own connections, as another node would.
    pub(crate) async fn engine(&self, wishes: &Wishes) -> Running {
        let store = self.lines.store().await;
        Running::start(&self.lines, store, desk::desk(wishes))
    }

    /// Waits until every letter has left the queue.
    pub(crate) async fn settled(&self) {
        self.until("the queue is empty", async || {
            let queue = self.queue().await;
            queue.ready + queue.waiting + queue.quiet + queue.held + queue.leased == 0
        })
        .await;
    }

    pub(crate) async fn queue(&self) -> QueueStatus {
        self.store.queue_status(3).await.unwrap()
    }

    /// Waits until so many letters were taken by all providers together.
    pub(crate) async fn accepted(&self, count: u64) {
        let what = format!("{count} letters were accepted");
        self.until(&what, async || self.internet.tally().accepted() >= count)
            .await;
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(
                Instant::now() < deadline,
                "not within {PATIENCE:?}: {what}; {:?}; {:?}",
                self.queue().await,
                self.internet.tally()
            );
            sleep(LOOK).await;
        }
    }

    /// Ends the world, when nothing more is asked of it.
    pub(crate) async fn end(self) {
        self.store.close().await;
        self.internet.stop().await;
    }
}

impl Lines {
    pub(crate) async fn store(&self) -> PgStore {
        PgStore::connect(self.url.parse().unwrap(), 4)
            .await
            .unwrap()
    }

    /// The edges of an engine.
    pub(crate) fn edges(&self, store: PgStore) -> RealWorld<()> {
        let dns = ResolverOptions {
            servers: vec![self.dns],
            timeout: Duration::from_millis(500),
            attempts: 0,
            patience: Duration::from_secs(1),
            ..ResolverOptions::default()
        };
        RealWorld {
            store,
            journal: FileJournal::create(&self.machine).unwrap(),
            dns: Resolver::new(&dns).unwrap(),
            dial: Tcp {
                reroute: self.reroute.clone(),
                only_reroute: true,
                ..Tcp::default()
            },
            watch: Arc::new(()),
        }
    }
}

impl Running {
    pub(crate) fn start(lines: &Lines, store: PgStore, desk: Desk) -> Self {
        Self::on(lines.edges(store.clone()), store, desk)
    }

    /// An engine over any world; that store is closed when it has ended.
    pub(crate) fn on(world: impl port::World, closing: PgStore, desk: Desk) -> Self {
        let stop = CancellationToken::new();
        let engine = Engine::new(Arc::new(world), Arc::new(desk));
        let mut tasks = JoinSet::new();
        let token = stop.clone();
        tasks.spawn(async move {
            engine.run(token).await;
            closing.close().await;
        });
        Self { stop, tasks }
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) {
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.expect("an engine does not panic");
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .expect("an engine ends when it is told to or cannot go on");
    }

    /// Stops it gracefully; returns how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.stop.cancel();
        self.ended().await;
        begun.elapsed()
    }
}

/// A provider of that temper with one domain per host: `one` serves `0.one.example`, `1.one.example`, ...
pub(crate) fn provider(name: &str, domains: usize, temper: Temper) -> ProviderPlan {
    let plan = ProviderPlan::new(name, Dialect::Postfix, temper);
    (0..domains).fold(plan, |plan, number| {
        let domain = format!("{number}.{name}.example");
        plan.serving(&[&domain], &[&format!("mx.{domain}")])
    })
}

/// A generous internet of one provider.
pub(crate) fn generous(domains: usize) -> Plan {
    Plan::empty(7).with(provider("good", domains, Temper::generous()))
}

/// A marketing letter with ready texts.
pub(crate) fn letter(to: &str) -> Value {
    letter_of("marketing", to)
}

/// A letter of that stream with ready texts.
pub(crate) fn letter_of(stream: &str, to: &str) -> Value {
    json!({
        "stream": stream,
        "to": to,
        "from": { "address": "news@example.com", "name": "Биржа заказов" },
        "subject": "Новые заказы",
        "html": "<p>Здравствуйте! <a href=\"https://example.com/\">Заказы</a></p>",
    })
}

/// So many addresses in turn over domains of a provider made by [`provider`].
pub(crate) fn people(count: usize, name: &str, domains: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("anna{n}@{}.{name}.example", n % domains))
}
