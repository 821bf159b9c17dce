//! A receiver that takes everything as fast as it comes, for benches and `postrider sink`.
//!
//! Owns sockets, counters, delay and the shares of refusals. Promises: an idle connection holds no buffer of ours;
//! letters are never kept; shares are exact over many letters for one seed. Leaves SMTP to `sink_talk`.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    chance::{mix, unit},
    error::SimError,
    sink_talk::{Counts, Fate, Next, SinkTalk},
    tls,
};

/// One read; large, so that a whole window of pipelined letters costs one system call.
const READ_BYTES: usize = 128 * 1_024;

/// What a sink is like.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkPlan {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Wait before the replies to whatever came in one read: a round trip of the network.
    pub latency: Duration,
    /// Share of recipients, in 0..=1, refused with 451.
    pub deferred: f64,
    /// Share of recipients, in 0..=1, refused with 550.
    pub bounced: f64,
    /// Decides which ones.
    pub seed: u64,
}

impl Default for SinkPlan {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            starttls: false,
            latency: Duration::ZERO,
            deferred: 0.0,
            bounced: 0.0,
            seed: 0,
        }
    }
}

/// What a sink counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkTally {
    /// TCP connections.
    pub connections: u64,
    /// Connections that went on under TLS.
    pub tls_connections: u64,
    /// Letters taken.
    pub accepted: u64,
    /// Recipients refused with 451.
    pub deferred: u64,
    /// Recipients refused with 550.
    pub bounced: u64,
    /// Bytes read, commands included.
    pub bytes: u64,
}

/// A running sink.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

struct Shared {
    plan: SinkPlan,
    tls: Option<TlsAcceptor>,
    asked: AtomicU64,
    connections: AtomicU64,
    tls_connections: AtomicU64,
    accepted: AtomicU64,
    deferred: AtomicU64,
    bounced: AtomicU64,
    bytes: AtomicU64,
}

impl Sink {
    /// Opens the socket and serves.
    pub async fn start(plan: SinkPlan) -> Result<Self, SimError> {
        let fault = |source| SimError::socket(format!("opening a sink at {}", plan.listen), source);
        let listener = TcpListener::bind(plan.listen).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let names = || vec!["sink.example".to_owned()];
        let tls = plan
            .starttls
            .then(|| tls::self_signed(names()))
            .transpose()?;
        let shared = Arc::new(Shared::new(plan, tls));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self {
            address,
            shared,
            tasks,
            stop,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters at this moment.
    pub fn tally(&self) -> SinkTally {
        self.shared.tally()
    }

    /// Closes everything and returns the last tally.
    pub async fn stop(mut self) -> SinkTally {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.shared.tally()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Finished talks are collected first, so that their number stays that of the open ones.
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(talks.spawn(Arc::clone(&shared).serve(stream))),
                // Out of file descriptors: the talks under way will free some.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
    talks.shutdown().await;
}

impl Shared {
    fn new(plan: SinkPlan, tls: Option<TlsAcceptor>) -> Self {
        Self {
            plan,
            tls,
            asked: AtomicU64::default(),
            connections: AtomicU64::default(),
            tls_connections: AtomicU64::default(),
            accepted: AtomicU64::default(),
            deferred: AtomicU64::default(),
            bounced: AtomicU64::default(),
            bytes: AtomicU64::default(),
        }
    }

    /// A connection that ends badly ends only itself.
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        self.connections.fetch_add(1, Relaxed);
        let _ = self.receive(stream).await;
    }

    async fn receive(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.write_all(b"220 sink.example ESMTP\r\n").await?;
        let next = self
            .talk(&mut stream, SinkTalk::new(self.tls.is_some()))
            .await?;
        let Some(acceptor) = self.tls.as_ref().filter(|_| next == Next::StartTls) else {
            return stream.shutdown().await;
        };
        let mut stream = acceptor.accept(stream).await?;
        self.tls_connections.fetch_add(1, Relaxed);
        self.talk(&mut stream, SinkTalk::new(false)).await?;
        stream.shutdown().await
    }

    /// Reads and answers until something else than reading comes next.
    async fn talk(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        mut talk: SinkTalk,
    ) -> io::Result<Next> {
        let mut replies = Vec::new();
        loop {
            let next =
                poll_fn(|context| self.drink(context, stream, &mut talk, &mut replies)).await?;
            self.reply(stream, &mut replies).await?;
            if next != Next::Read {
                return Ok(next);
            }
        }
    }

    /// Reads once into a buffer that all connections of this thread share; it is free again when this returns.
    fn drink(
        &self,
        context: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
        talk: &mut SinkTalk,
        replies: &mut Vec<u8>,
    ) -> Poll<io::Result<Next>> {
        thread_local! {
            static CUP: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
        }
        CUP.with_borrow_mut(|cup| {
            let mut cup = ReadBuf::new(cup);
            let read = Pin::new(stream).poll_read(context, &mut cup);
            read.map_ok(|()| self.digest(cup.filled(), talk, replies))
        })
    }

    fn digest(&self, bytes: &[u8], talk: &mut SinkTalk, replies: &mut Vec<u8>) -> Next {
        if bytes.is_empty() {
            return Next::Close;
        }
        let mut counts = Counts::default();
        let next = talk.feed(bytes, replies, &mut counts, || self.fate());
        self.bytes.fetch_add(bytes.len() as u64, Relaxed);
        self.accepted.fetch_add(counts.accepted, Relaxed);
        self.deferred.fetch_add(counts.deferred, Relaxed);
        self.bounced.fetch_add(counts.bounced, Relaxed);
        next
    }

    async fn reply(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        replies: &mut Vec<u8>,
    ) -> io::Result<()> {
        if replies.is_empty() {
            return Ok(());
        }
        if !self.plan.latency.is_zero() {
            sleep(self.plan.latency).await;
        }
        stream.write_all(replies).await?;
        stream.flush().await?;
        replies.clear();
        Ok(())
    }

    /// The n-th recipient has the same fate in every run; which letter is the n-th is up to the senders.
    fn fate(&self) -> Fate {
        if self.plan.deferred <= 0.0 && self.plan.bounced <= 0.0 {
            return Fate::Accept;
        }
        let number = self.asked.fetch_add(1, Relaxed);
        let point = unit(mix(mix(self.plan.seed) ^ number));
        if point < self.plan.bounced {
            Fate::Bounce
        } else if point < self.plan.bounced + self.plan.deferred {
            Fate::Defer
        } else {
            Fate::Accept
        }
    }

    fn tally(&self) -> SinkTally {
        SinkTally {
            connections: self.connections.load(Relaxed),
            tls_connections: self.tls_connections.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            bounced: self.bounced.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}
