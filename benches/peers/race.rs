//! One run: from the first letter handed over to the last one accepted at the receiver.
//!
//! Owns the clock and the checks. Promises: a run counts only if every letter arrived, each carried a signature, and the
//! sample verifies; what a peer still has to write down after the last acceptance is in its processor time.

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use postrider::{app::desk, config::Config};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, interval, sleep};

use crate::{
    group::Group,
    inject::{self, Parcel},
    lab::{Key, Lab},
    letters::{Letters, address},
    message::message,
    peer::Peer,
    proof,
    room::Room,
    say,
    sink::Sink,
    stage::RECEIVER,
};

/// Connections of the injector.
pub(crate) const CONNECTIONS: usize = 20;

/// Where servers take letters.
const DOOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 25);

/// How long everybody has after the last acceptance to write down what happened; counted as processor time.
pub(crate) const AFTERMATH: Duration = Duration::from_secs(1);

/// Between two looks at memory, and two words about progress.
const LOOK: Duration = Duration::from_millis(250);
const WORD: Duration = Duration::from_secs(5);

/// A run in which nothing arrives for so long is broken.
const STALL: Duration = Duration::from_mins(2);

/// The letters of all runs.
pub(crate) struct Work {
    /// How many.
    pub(crate) letters: usize,
    /// Octets of the mean letter without signature.
    pub(crate) octets: usize,
    parcels: Arc<Vec<Parcel>>,
}

/// What a run needs to know.
pub(crate) struct Post<'a> {
    /// The letters.
    pub(crate) work: &'a Work,
    /// The PEM text of the signing key.
    pub(crate) key: String,
    /// Where control groups are made.
    pub(crate) groups: Option<PathBuf>,
}

/// What a run showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// From the first injection to the last acceptance.
    pub(crate) seconds: f64,
    /// Letters per second.
    pub(crate) letters_per_second: f64,
    /// Processor time of all processes of the peer, in seconds per 1,000 letters.
    pub(crate) cpu_seconds_per_1000: f64,
    /// The most memory that was seen, in MB of 10^6 octets, shared pages once.
    pub(crate) memory_mb: f64,
    /// Letters that arrived more than once.
    pub(crate) repeated: usize,
    /// Connections to the receiver.
    pub(crate) connections: usize,
    /// Octets of the mean letter at the receiver.
    pub(crate) octets: usize,
    /// Letters whose signature was verified.
    pub(crate) verified: usize,
}

impl Work {
    /// Composes all letters, unsigned.
    pub(crate) fn prepare(lab: &Lab, letters: usize) -> Result<Self> {
        let desk = desk::desk(&Config::load(&lab.configure(Key::Rsa)?)?)?;
        let writer = Letters::new()?;
        let parcels = (0..letters).map(|number| {
            let message = message(&desk, &writer, number, false)?;
            Ok(Parcel::new(address(number), &message))
        });
        let parcels = parcels.collect::<Result<Vec<Parcel>>>()?;
        let octets = parcels
            .iter()
            .map(|parcel| parcel.octets.len())
            .sum::<usize>()
            / letters;
        Ok(Self {
            letters,
            octets,
            parcels: Arc::new(parcels),
        })
    }
}

/// A run of a server that takes letters over SMTP.
pub(crate) async fn smtp(peer: &Peer, room: &Room, post: &Post<'_>) -> Result<Run> {
    let mut group = Group::new(post.groups.as_ref(), peer.word)?;
    let mut server = room.start(peer, &group, &post.key)?;
    group.follow(server.id().context("the server has ended")?);
    let ready = tokio::select! {
        ended = server.wait() => bail!("{} ended at once ({}):\n{}", peer.word, ended?, room.last_words(peer)),
        ready = inject::greeted(DOOR) => ready,
    };
    let run = match ready {
        Ok(()) => {
            clock(
                peer,
                post,
                &group,
                inject::inject(DOOR, &post.work.parcels, CONNECTIONS),
            )
            .await
        }
        Err(error) => Err(error),
    };
    server.kill().await?;
    run.with_context(|| format!("its last words:\n{}", room.last_words(peer)))
}

/// Hands letters over, waits for the last one, and looks at everything that was to be seen.
pub(crate) async fn clock(
    peer: &Peer,
    post: &Post<'_>,
    group: &Group,
    injection: impl Future<Output = Result<()>>,
) -> Result<Run> {
    let sink = Sink::start(RECEIVER, post.work.letters).await?;
    let watch = Watch {
        peer,
        sink: &sink,
        group,
        letters: post.work.letters,
        memory: Cell::new(0.0),
    };
    let (before, begun) = (group.processor_time()?, Instant::now());
    let delivery = async {
        injection.await.context("injecting")?;
        sink.finished().await
    };
    let end = tokio::select! {
        biased;
        end = delivery => end?,
        broken = watch.over() => return Err(broken),
    };
    sleep(AFTERMATH).await;
    let cost = group.processor_time()?.saturating_sub(before);
    let memory = watch.memory.get();
    let tally = sink.close().await;
    let verified = proof::check(&tally, &post.key).await?;
    let (seconds, letters) = ((end - begun).as_secs_f64(), post.work.letters);
    Ok(Run {
        seconds,
        letters_per_second: letters as f64 / seconds,
        cpu_seconds_per_1000: cost.as_secs_f64() * 1e3 / letters as f64,
        memory_mb: memory,
        repeated: tally.repeated,
        connections: tally.connections,
        octets: tally.octets / (letters + tally.repeated),
        verified,
    })
}

/// Looks at a run from aside.
struct Watch<'a> {
    peer: &'a Peer,
    sink: &'a Sink,
    group: &'a Group,
    letters: usize,
    memory: Cell<f64>,
}

impl Watch<'_> {
    /// Returns only when nothing goes on any more.
    async fn over(&self) -> anyhow::Error {
        let mut looks = interval(LOOK);
        let (mut arrived, mut said, mut moved) = (0, Instant::now(), Instant::now());
        loop {
            looks.tick().await;
            self.memory
                .set(self.memory.get().max(self.group.megabytes()));
            let now = self.sink.accepted();
            if now > arrived {
                (arrived, moved) = (now, Instant::now());
            }
            if moved.elapsed() > STALL {
                return anyhow!(
                    "nothing arrived for {STALL:?}; {now} of {} letters had",
                    self.letters
                );
            }
            if said.elapsed() > WORD {
                said = Instant::now();
                // Whether anybody reads it does not matter.
                let _ = say(&format!(
                    "  {}: {now} of {} letters have arrived",
                    self.peer.word, self.letters
                ));
            }
        }
    }
}
