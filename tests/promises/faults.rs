//! Faults of our own: a task of the engine that panics outside a letter's turn keeps no letter.

use std::{
    cell::Cell,
    collections::HashSet,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use postrider::{
    app::world::RealWorld,
    engine::Limits,
    journal::FileJournal,
    mail::{Domain, Stage, Trouble, TroubleKind},
    net::{RealDice, SystemClock, Tcp},
    port::{self, Dial, Dice, Dns, HostAnswer, MxAnswer, Settlement, Watch},
    store::PgStore,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    desk::{self, Wishes},
    fates::states,
    process::mortal,
    world::{Running, World, generous, letter, people},
};

/// Where this world's edges panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// At the first question to DNS for each domain.
    Dns,
    /// Whenever a session ends with QUIT: between two letters.
    Quit,
    /// When the first letters that nobody lets in are judged.
    Judge,
    /// When the first verdicts have been written.
    Settler,
}

struct Faulty {
    fault: Fault,
    real: RealWorld<()>,
    asked: Mutex<HashSet<Domain>>,
    done: Arc<AtomicBool>,
}

thread_local! {
    /// The next roll on this thread panics. What follows a refused connection up to the judge is one poll, so no other task
    /// of the engine comes in between.
    static LOADED: Cell<bool> = const { Cell::new(false) };
}

impl Faulty {
    fn once(&self) -> bool {
        !self.done.swap(true, Ordering::AcqRel)
    }
}

impl Dns for Faulty {
    async fn mx(&self, domain: &Domain) -> MxAnswer {
        let is_first = self.asked.lock().unwrap().insert(domain.clone());
        assert!(self.fault != Fault::Dns || !is_first, "as asked");
        self.real.dns.mx(domain).await
    }

    async fn addresses(&self, host: &str) -> HostAnswer {
        self.real.dns.addresses(host).await
    }
}

impl Dial for Faulty {
    type Wire = Fragile<<Tcp as Dial>::Wire>;

    async fn dial(&self, from: Option<IpAddr>, to: IpAddr) -> Result<Self::Wire, Trouble> {
        if self.fault == Fault::Judge && self.once() {
            LOADED.set(true);
            return Err(Trouble::new(
                Stage::Connect,
                TroubleKind::Refused,
                "refused",
            ));
        }
        let breaks = self.fault == Fault::Quit;
        let wire = self.real.dial.dial(from, to).await?;
        Ok(Fragile { wire, breaks })
    }
}

impl Dice for Faulty {
    fn roll(&self) -> f64 {
        assert!(!LOADED.take(), "as asked");
        RealDice.roll()
    }
}

impl Watch for Faulty {
    fn settled(&self, _: &[Settlement], _: Duration) {
        assert!(self.fault != Fault::Settler || !self.once(), "as asked");
    }
}

impl port::World for Faulty {
    type Store = PgStore;
    type Dns = Self;
    type Dial = Self;
    type Journal = FileJournal;
    type Clock = SystemClock;
    type Dice = Self;
    type Watch = Self;

    fn store(&self) -> &PgStore {
        &self.real.store
    }

    fn dns(&self) -> &Self {
        self
    }

    fn dial(&self) -> &Self {
        self
    }

    fn journal(&self) -> &FileJournal {
        &self.real.journal
    }

    fn clock(&self) -> &SystemClock {
        &SystemClock
    }

    fn dice(&self) -> &Self {
        self
    }

    fn watch(&self) -> &Self {
        self
    }
}

/// A wire that does not bear a QUIT.
struct Fragile<W> {
    wire: W,
    breaks: bool,
}

impl<W: AsyncRead + Unpin> AsyncRead for Fragile<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Fragile<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(!self.breaks || !octets.starts_with(b"QUIT"), "as asked");
        Pin::new(&mut self.wire).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// One letter a session, few sessions, and claims that end soon. No TLS: the wire shall see the QUIT.
fn wishes() -> Wishes {
    let mortal = mortal();
    Wishes {
        limits: Limits {
            connections_per_site: 2,
            letters_per_connection: 1,
            ..mortal.limits
        },
        tls: postrider::route::TlsPolicy::Off,
        ..mortal
    }
}

async fn engine(world: &World, fault: Fault) -> Running {
    let store = world.lines.store().await;
    let faulty = Faulty {
        fault,
        real: world.lines.edges(store.clone()),
        asked: Mutex::default(),
        done: Arc::default(),
    };
    Running::on(faulty, store, desk::desk(&wishes()))
}

async fn check(fault: Fault) {
    let world = World::new(generous(2)).await;
    world
        .enqueue(people(24, "good", 2).map(|to| letter(&to)))
        .await;
    let engine = engine(&world, fault).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 24)].into());
    assert!(fates.iter().all(|fate| fate.copies == 1), "{fates:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_to_dns_that_panics_keeps_no_letter() {
    check(Fault::Dns).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_between_letters_closes_no_site() {
    check(Fault::Quit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_over_a_dead_host_lets_go_of_every_letter_of_its_line() {
    check(Fault::Judge).await;
}

/// Without its settler an engine would send the same letters for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_whose_settler_dies_ends_and_leaves_its_letters_to_the_next() {
    let world = World::new(generous(2)).await;
    world
        .enqueue(people(24, "good", 2).map(|to| letter(&to)))
        .await;
    engine(&world, Fault::Settler).await.ended().await;
    let engine = world.engine(&mortal()).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 24)].into());
    world.end().await;
}
