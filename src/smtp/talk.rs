//! One side of a talk: say something, hear a reply, hand a message over.
//!
//! Owns the wire and the octets that came from it. Promises: every wait has its limit at the call; nothing is said while
//! something unasked waits to be read; [`Talk::hand_over`] knows whether the final dot may have left. Leaves the order of
//! the words to `session` and `letter`.

use std::{
    future::Future,
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    Timeouts,
    form::Parcel,
    inbox::{Inbox, trouble},
    layer::Layer,
};
use crate::{
    mail::{Reply, ResultType, Stage, Trouble, TroubleKind},
    port::Wire,
    tls::certificate,
};

/// Most octets in one write, so that each has a limit of its own (RFC 5321 §4.5.3.2.5).
const BLOCK: usize = 65_536;

/// Why a message was not handed over whole.
#[derive(Debug)]
pub(crate) enum Unhanded {
    /// The final dot surely did not leave.
    BeforeDot(Trouble),
    /// The final dot may have left.
    PerhapsDot(Trouble),
    /// The caller did not let the final dot go.
    Withheld,
}

/// Why there is no TLS.
#[derive(Debug)]
pub(crate) struct Unshaken {
    pub(crate) trouble: Trouble,
    pub(crate) fault: ResultType,
}

/// A wire and what came from it.
pub(crate) struct Talk<W> {
    layer: Layer<W>,
    inbox: Inbox,
    timeouts: Timeouts,
}

impl<W> Talk<W> {
    /// The certificates that the host showed; none in clear.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        self.layer.certificates()
    }
}

impl<W: Wire> Talk<W> {
    pub(crate) fn new(wire: W, timeouts: Timeouts) -> Self {
        Self {
            layer: Layer::Clear(wire),
            inbox: Inbox::new(),
            timeouts,
        }
    }

    pub(crate) fn tls_name(&self) -> Option<String> {
        self.layer.tls_name()
    }

    /// Says something and hears the reply to it.
    pub(crate) async fn ask(&mut self, stage: Stage, words: &[u8]) -> Result<Reply, Trouble> {
        self.say(stage, words).await?;
        self.hear(stage).await
    }

    /// Says one or more commands in one write.
    pub(crate) async fn say(&mut self, stage: Stage, words: &[u8]) -> Result<(), Trouble> {
        self.expect_silence(stage)?;
        write(&mut self.layer, self.timeouts.block, stage, words).await
    }

    /// Hears the next reply.
    pub(crate) async fn hear(&mut self, stage: Stage) -> Result<Reply, Trouble> {
        let reply = self.inbox.reply(&mut self.layer, stage);
        let heard = timeout(self.timeouts.at(stage), reply).await;
        heard.unwrap_or_else(|_| Err(silence(stage, self.timeouts.at(stage))))
    }

    /// A reply that nobody asked for would be taken for the answer to what is said next.
    fn expect_silence(&self, stage: Stage) -> Result<(), Trouble> {
        if self.inbox.is_empty() {
            return Ok(());
        }
        let what = "a reply to a command that was not given";
        Err(Trouble::new(stage, TroubleKind::Garbage, what))
    }

    /// Goes over to TLS after a positive reply to STARTTLS.
    ///
    /// Octets that came with that reply are from before the handshake, so anybody on the way may have written them; a
    /// client that keeps them obeys the attacker under TLS (the fault of CVE-2011-0411). We end the talk instead.
    pub(crate) async fn upgrade(
        self,
        config: &Arc<ClientConfig>,
        host: &str,
    ) -> Result<Self, Unshaken> {
        let tls = |fault, what: String| Unshaken {
            trouble: Trouble::new(Stage::StartTls, TroubleKind::Tls, what),
            fault,
        };
        let broken = ResultType::ValidationFailure;
        let silent = self.expect_silence(Stage::StartTls);
        silent.map_err(|trouble| Unshaken {
            trouble,
            fault: broken,
        })?;
        let Layer::Clear(wire) = self.layer else {
            let what = "the connection is under TLS already";
            return Err(tls(broken, what.to_owned()));
        };
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| tls(broken, error.to_string()))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, wire);
        let stream = timeout(self.timeouts.tls, handshake).await.map_err(|_| {
            let silence = silence(Stage::StartTls, self.timeouts.tls);
            tls(broken, silence.detail)
        })?;
        let stream = stream.map_err(|error| {
            let fault = certificate::of_handshake(&error);
            tls(fault, trouble(Stage::StartTls, &error).detail)
        })?;
        Ok(Self {
            layer: Layer::Tls(Box::new(stream)),
            inbox: Inbox::new(),
            timeouts: self.timeouts,
        })
    }

    /// Writes a message. `before_dot` is called right before the first write that carries its last octet; `false` keeps it
    /// here.
    pub(crate) async fn hand_over(
        &mut self,
        parcel: &Parcel<'_>,
        before_dot: impl FnOnce() -> bool,
    ) -> Result<(), Unhanded> {
        let stage = Stage::FinalDot;
        self.expect_silence(stage).map_err(Unhanded::BeforeDot)?;
        let (message, mut head) = (parcel.content, parcel.head.as_bytes());
        let early = message.len().saturating_sub(BLOCK).div_ceil(BLOCK) * BLOCK;
        let (early, last) = message.split_at(early.min(message.len()));
        if !early.is_empty() && !head.is_empty() {
            let written = write(&mut self.layer, self.timeouts.block, stage, head).await;
            written.map_err(Unhanded::BeforeDot)?;
            head = b"";
        }
        for block in early.chunks(BLOCK) {
            let written = write(&mut self.layer, self.timeouts.block, stage, block).await;
            written.map_err(Unhanded::BeforeDot)?;
        }
        if !before_dot() {
            return Err(Unhanded::Withheld);
        }
        self.hand_over_last([head, last, parcel.ending]).await
    }

    /// The write that carries the last octet: the final dot, or the end of a chunk. Where it fails decides between `Broken` and `LostReply`:
    ///
    /// - In clear, a write that fails or waits took nothing, so until the last octet was taken the dot surely did not leave.
    /// - Under TLS a failed write may have sealed and sent some or all of it, so it counts as perhaps left.
    /// - Once every octet was taken, whatever happens next counts as perhaps left.
    async fn hand_over_last(&mut self, pieces: [&[u8]; 3]) -> Result<(), Unhanded> {
        let (stage, limit) = (Stage::FinalDot, self.timeouts.block);
        let mut pieces = pieces.map(IoSlice::new);
        let mut left = &mut pieces[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match timeout(limit, self.layer.write_vectored(left)).await {
                Ok(Ok(0)) => {
                    return Err(Unhanded::BeforeDot(closed(stage)));
                }
                Ok(Ok(count)) => IoSlice::advance_slices(&mut left, count),
                Ok(Err(error)) if matches!(self.layer, Layer::Tls(_)) => {
                    return Err(Unhanded::PerhapsDot(trouble(stage, &error)));
                }
                Ok(Err(error)) => return Err(Unhanded::BeforeDot(trouble(stage, &error))),
                Err(_) => return Err(Unhanded::BeforeDot(silence(stage, limit))),
            }
        }
        let flushed = limited(limit, stage, self.layer.flush()).await;
        flushed.map_err(Unhanded::PerhapsDot)
    }
}

async fn write<W: Wire>(
    layer: &mut Layer<W>,
    limit: Duration,
    stage: Stage,
    octets: &[u8],
) -> Result<(), Trouble> {
    let whole = async {
        layer.write_all(octets).await?;
        layer.flush().await
    };
    limited(limit, stage, whole).await
}

/// An act of the wire within its limit.
async fn limited<T>(
    limit: Duration,
    stage: Stage,
    act: impl Future<Output = io::Result<T>>,
) -> Result<T, Trouble> {
    match timeout(limit, act).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(trouble(stage, &error)),
        Err(_) => Err(silence(stage, limit)),
    }
}

fn silence(stage: Stage, limit: Duration) -> Trouble {
    let what = format!("nothing within {limit:?}");
    Trouble::new(stage, TroubleKind::TimedOut, what)
}

fn closed(stage: Stage) -> Trouble {
    Trouble::new(stage, TroubleKind::Closed, "the host closed the connection")
}
