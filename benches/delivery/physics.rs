//! What no queue could beat on this machine: signing, composing, and letters on the wire without anything behind them.
//!
//! Owns the limits that ratios are taken of. Promises: the limit is the crypto library's bare signature over a header's
//! worth of octets and the least SMTP that a sender can speak, so that nothing of the engine slows down its own measure.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair as RsaPair,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256},
};
use postrider::{app::desk, config::Config};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

use crate::{
    child::{Manners, Receiver},
    cost,
    lab::{Key, Lab},
    letters::Letters,
    message::message,
    table::Table,
};

/// How long each rate is taken.
const SPAN: Duration = Duration::from_secs(2);

/// Octets under a signature: the canonical header of a letter.
const HEADER_OCTETS: usize = 1_600;

/// Connections of the bare wire.
const CONNECTIONS: usize = 32;

/// The signing limit's name in the table.
pub(crate) const LIMIT: &str = "signing limit: wire + RSA-2048 signature, no queue";
/// The same for Ed25519.
pub(crate) const LIMIT_ED25519: &str = "wire + Ed25519 signature, no queue";
/// What the limit costs, sender and receiver together.
pub(crate) const LIMIT_COST: &str = "  sender + receiver, processor time";
const SIGNING: &str = "bare RSA-2048 signatures, all cores";

type Sign = Arc<dyn Fn(&[u8]) -> usize + Send + Sync>;

/// One round of every limit.
pub(crate) async fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let (rsa, ed25519) = (rsa(&lab.pem(Key::Rsa)?)?, ed25519(&lab.pem(Key::Ed25519)?)?);
    let header = [b'x'; HEADER_OCTETS];
    let rate = on_all_cores(|_| Ok(rsa(&header)))?;
    table.add(SIGNING, "letters/s", rate).tell(SIGNING)?;
    let octets = composing(lab, table)?;
    let octets = Arc::new(octets);
    let wires: [(&'static str, Sign); 3] = [
        ("wire, no signature, no queue", Arc::new(|_| 0)),
        (LIMIT, rsa),
        (LIMIT_ED25519, ed25519),
    ];
    for (name, sign) in wires {
        let (rate, cost) = wire(&octets, &sign).await?;
        table.add(name, "letters/s", rate).tell(name)?;
        if name == LIMIT {
            table.add_known(LIMIT_COST, "us/letter", cost);
        }
    }
    table.compare(LIMIT, SIGNING, 0.0);
    Ok(())
}

/// Composing alone and with the signature; returns a message.
fn composing(lab: &Lab, table: &mut Table) -> Result<Vec<u8>> {
    const COMPOSE: &str = "compose (template + variables -> MIME), all cores";
    const BOTH: &str = "compose + sign RSA-2048, all cores";
    let desk = desk::desk(&Config::load(&lab.configure(Key::Rsa)?)?)?;
    let letters = Letters::new()?;
    let rate = on_all_cores(|number| Ok(message(&desk, &letters, number, false)?.len()))?;
    table.add(COMPOSE, "letters/s", rate).tell(COMPOSE)?;
    let rate = on_all_cores(|number| Ok(message(&desk, &letters, number, true)?.len()))?;
    table.add(BOTH, "letters/s", rate).tell(BOTH)?;
    table.compare(BOTH, SIGNING, 0.0);
    let octets = message(&desk, &letters, 1, true)?;
    table.add(
        "size of a letter on the wire",
        "octets",
        octets.len() as f64,
    );
    Ok(octets)
}

/// Calls per second of a piece of work done on every core at once; each call gets another number.
///
/// Each worker looks at the clock itself: a parked starter may be woken by a stale token before anybody has begun.
fn on_all_cores(work: impl Fn(usize) -> Result<usize> + Sync) -> Result<f64> {
    let cores = thread::available_parallelism()?.get();
    let calls = AtomicUsize::new(0);
    let begun = Instant::now();
    let end = begun + SPAN;
    let toil = || {
        while Instant::now() < end {
            std::hint::black_box(work(calls.fetch_add(1, Relaxed))?);
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(toil)).collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            ended.map_err(|_| anyhow::anyhow!("a worker panicked"))?
        })
    })?;
    Ok(calls.load(Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

fn rsa(pem: &str) -> Result<Sign> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
    let pair = RsaPair::from_pkcs8(der.secret_pkcs8_der())?;
    Ok(Arc::new(move |octets| {
        let mut signature = vec![0; pair.public_modulus_len()];
        let signed = pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            octets,
            &mut signature,
        );
        signed.map_or(0, |()| signature.len())
    }))
}

fn ed25519(pem: &str) -> Result<Sign> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())?;
    Ok(Arc::new(move |octets| pair.sign(octets).as_ref().len()))
}

/// Letters per second over warm connections to a sink, each behind one signature, and the processor time of one.
async fn wire(message: &Arc<Vec<u8>>, sign: &Sign) -> Result<(f64, Option<f64>)> {
    let receiver = Receiver::start(Manners::default()).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let used = || {
        let (sender, sink) = (std::process::id(), receiver.role.process());
        Some(cost::processor_time(sender)? + cost::processor_time(sink)?)
    };
    let before = used();
    let (begun, end) = (Instant::now(), Instant::now() + SPAN);
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (message, sign, sent) = (Arc::clone(message), Arc::clone(sign), Arc::clone(&sent));
        senders.spawn(async move {
            let mut sender = Sender::open(receiver.smtp).await?;
            while Instant::now() < end {
                sign(&message[..HEADER_OCTETS.min(message.len())]);
                sender.send(&message).await?;
                sent.fetch_add(1, Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    let letters = sent.load(Relaxed) as f64;
    let rate = letters / begun.elapsed().as_secs_f64();
    let cost = used()
        .zip(before)
        .map(|(now, then)| now.saturating_sub(then));
    receiver.role.stop().await?;
    Ok((rate, cost.map(|cost| cost.as_secs_f64() * 1e6 / letters)))
}

/// The least that hands a letter over.
struct Sender {
    stream: TcpStream,
    replies: Vec<u8>,
}

impl Sender {
    async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let replies = vec![0; 4_096];
        let mut sender = Self { stream, replies };
        sender.hear(b"220").await?;
        sender
            .stream
            .write_all(b"EHLO mail.example.com\r\n")
            .await?;
        sender.hear(b"250 ").await?;
        Ok(sender)
    }

    /// Envelope in one write, letter in another: nobody may put DATA's octets before its 354 (RFC 2920 §3.1).
    async fn send(&mut self, message: &[u8]) -> Result<()> {
        let envelope = b"MAIL FROM:<b@example.com>\r\nRCPT TO:<reader@example.org>\r\nDATA\r\n";
        self.stream.write_all(envelope).await?;
        self.hear(b"354").await?;
        self.stream.write_all(message).await?;
        self.stream.write_all(b"\r\n.\r\n").await?;
        self.hear(b"250").await
    }

    /// Reads until a line begins with those digits.
    async fn hear(&mut self, wanted: &[u8]) -> Result<()> {
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.replies[filled..]).await?;
            if count == 0 {
                bail!("the sink hung up");
            }
            filled += count;
            let heard = &self.replies[..filled];
            let mut lines = heard.split_inclusive(|octet| *octet == b'\n');
            if heard.ends_with(b"\n") && lines.any(|line| line.starts_with(wanted)) {
                return Ok(());
            }
        }
    }
}
