//! One node's doors on a stage of their own: database, listener, feedback, and an engine where a test wants one.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use postrider::{
    engine::feedback::{self, Feedback, FeedbackDesk},
    inbound::{self, Listener, Protocol, Settings},
    mail::{LetterId, Shard, State},
    net::{Resolver, ResolverOptions, SystemClock},
    policy::{StreamKind, StreamPolicy},
    port::{Clock, inbound::LateStore},
    store::{InboundFilter, InboundView, PgStore, SuppressionFilter},
    token::{Addresses, Kind, Named, Tokens},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{self, Wishes},
    world::{self, World},
};

/// The doors, open.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) smtp: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What a test may wish for.
pub(crate) struct Wish {
    pub(crate) settings: Settings,
    /// Whether mails that were kept are read.
    pub(crate) reads: bool,
    pub(crate) reporters: Vec<&'static str>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            settings: Settings {
                host: "mx.bounce.example.com".to_owned(),
                ..Settings::default()
            },
            reads: true,
            reporters: Vec::new(),
        }
    }
}

pub(crate) async fn open() -> House {
    open_with(Wish::default()).await
}

pub(crate) async fn open_with(wish: Wish) -> House {
    let world = World::new(world::generous(1)).await;
    let free = "127.0.0.1:0".parse().unwrap();
    let sockets = [(Protocol::Smtp, free), (Protocol::Lmtp, free)];
    let listener = Listener::bind(&sockets).await.unwrap();
    let at = listener.addresses();
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let doors = (world.store.clone(), SystemClock, ());
    tasks.spawn(inbound::serve(
        listener,
        wish.settings,
        addresses(),
        doors,
        stop.clone(),
    ));
    if wish.reads {
        let reader = reader(&world, &wish.reporters);
        tasks.spawn(feedback::serve(Arc::new(reader), SystemClock, stop.clone()));
    }
    House {
        world,
        smtp: at[0],
        lmtp: at[1],
        stop,
        tasks,
    }
}

/// The reading behind the doors.
pub(crate) fn reader(world: &World, reporters: &[&str]) -> Feedback<PgStore, Resolver, ()> {
    let dns = ResolverOptions {
        servers: vec![world.lines.dns],
        timeout: Duration::from_millis(500),
        patience: Duration::from_secs(1),
        ..ResolverOptions::default()
    };
    let policy = |name: &str| StreamPolicy::standard(name, StreamKind::Marketing);
    Feedback {
        store: world.store.clone(),
        dns: Resolver::new(&dns).unwrap(),
        watch: (),
        desk: FeedbackDesk {
            addresses: addresses(),
            streams: [("marketing".to_owned(), policy("marketing"))].into(),
            stray: policy("stray"),
            reporters: reporters.iter().map(|name| desk::domain(name)).collect(),
        },
    }
}

pub(crate) fn addresses() -> Addresses {
    Addresses {
        domains: vec![
            (desk::domain("bounce.example.com"), Kind::ReturnPath),
            (desk::domain("fbl.example.com"), Kind::Feedback),
            (desk::domain("unsub.example.com"), Kind::Unsubscribe),
        ],
        mailboxes: vec!["postmaster".to_owned(), "fbl".to_owned()],
        tokens: tokens(),
    }
}

pub(crate) fn tokens() -> Tokens {
    desk::identity().tokens().clone()
}

/// The letter's name in tokens: its last octet is its shard.
pub(crate) fn named(id: LetterId) -> Named {
    let shard = Shard(i16::from(id.0.as_bytes()[15]));
    Named { id, shard }
}

/// An address of ours that names a letter.
pub(crate) fn address(kind: Kind, id: LetterId) -> String {
    let domain = match kind {
        Kind::ReturnPath => "bounce.example.com",
        Kind::Feedback => "fbl.example.com",
        Kind::Unsubscribe => "unsub.example.com",
        Kind::MessageId => "mail.example.com",
    };
    format!("{}@{domain}", tokens().local_part(kind, named(id)))
}

impl House {
    /// A letter to that reader at `0.good.example`, delivered by the engine over the wire.
    pub(crate) async fn delivered(&self, reader: &str) -> LetterId {
        self.delivered_in("marketing", reader).await
    }

    pub(crate) async fn delivered_in(&self, stream: &str, reader: &str) -> LetterId {
        let to = format!("{reader}@0.good.example");
        let ids = self.world.enqueue([world::letter_of(stream, &to)]).await;
        let engine = self.world.engine(&Wishes::default()).await;
        self.world.settled().await;
        engine.stop().await;
        assert_eq!(self.state(ids[0]).await, State::Delivered);
        ids[0]
    }

    /// A letter that waits.
    pub(crate) async fn queued(&self, reader: &str) -> LetterId {
        let to = format!("{reader}@0.good.example");
        self.world.enqueue([world::letter(&to)]).await[0]
    }

    pub(crate) async fn state(&self, id: LetterId) -> State {
        self.world.store.letter(id).await.unwrap().unwrap().state
    }

    /// The kinds of its history, in order.
    pub(crate) async fn story(&self, id: LetterId) -> String {
        let history = self.world.store.history(id).await.unwrap();
        let kinds = history.iter().map(|line| line.event.kind.name());
        kinds.collect::<Vec<_>>().join(" ")
    }

    /// Everybody who is not written to, as `local scope reason`, in alphabetical order.
    pub(crate) async fn suppressed(&self) -> Vec<String> {
        let filter = SuppressionFilter {
            max: 100,
            ..SuppressionFilter::default()
        };
        let entries = self.world.store.suppressions(&filter).await.unwrap();
        let mut told: Vec<String> = entries
            .iter()
            .map(|entry| {
                let (scope, reason) = (entry.scope.name(), entry.reason.name());
                format!("{} {scope} {reason}", entry.address.local())
            })
            .collect();
        told.sort();
        told
    }

    /// What came in, oldest first.
    pub(crate) async fn inbound(&self) -> Vec<InboundView> {
        let filter = InboundFilter {
            max: 1_000,
            ..InboundFilter::default()
        };
        let mut views = self.world.store.inbound_list(filter).await.unwrap();
        views.reverse();
        views
    }

    /// Waits until so many mails were read; returns `kind effect proof` of each, oldest first.
    pub(crate) async fn read(&self, count: usize) -> Vec<String> {
        let is_read = async || {
            let views = self.inbound().await;
            views.iter().filter(|view| view.read_at.is_some()).count() >= count
        };
        self.world.until("the mails are read", is_read).await;
        let views = self.inbound().await.into_iter();
        views
            .map(|view| {
                let word = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                let (kind, effect) = (word(view.kind), word(view.effect));
                format!("{kind} {effect} {}", word(view.proof))
            })
            .collect()
    }

    /// Closes the doors; everything must end.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.world.end().await;
    }

    /// Tells everybody to stop, and waits for nobody.
    pub(crate) fn begin_to_close(&self) {
        self.stop.cancel();
    }

    /// Reads what waits now, once, as a node that was just started would.
    pub(crate) async fn read_now(&self) {
        let reader = reader(&self.world, &[]);
        let now = SystemClock.now();
        let until = now.plus(Duration::from_secs(30));
        let store = &self.world.store;
        for kept in store.take(now, until, 100).await.unwrap() {
            reader.read(&kept, now).await.unwrap();
        }
    }
}

/// The program.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_postrider").into()
}
