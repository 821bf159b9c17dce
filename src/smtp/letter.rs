//! One letter over an open session.
//!
//! Owns the order MAIL, RCPT, DATA, message, dot (or MAIL, RCPT, BDAT and message where CHUNKING is offered), and the most important line of the whole program: when a broken talk
//! means "surely not arrived" ([`Evidence::Broken`], sent again) and when "nobody knows" ([`Evidence::LostReply`], in
//! doubt). **The line is the write that carries the final dot**, or the chunk's last octet: before it was taken by the wire, the letter is
//! `Broken`; from then on, and from any failed write of it under TLS, every trouble is `LostReply` until a 2xx, 4xx or
//! 5xx reply was read whole. Promises: no content without an accepted recipient; pipelined and stepwise talks give the
//! same evidence; one write for the envelope, one for the message. Leaves retries to `policy`.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Envelope, Session,
    form::Form,
    session::{Handover, odd},
    talk::Unhanded,
};
use crate::{
    mail::{Evidence, Reply, Stage, Trouble, TroubleKind},
    port::Wire,
};

/// What became of a letter, and of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the judge.
    pub evidence: Evidence,
    /// Whether the session may carry another letter.
    pub usable: bool,
    /// The session had carried letters before: trouble at the first command may only mean that the host hung up on an
    /// idle connection, so the letter deserves a fresh one before it counts as an attempt.
    pub warm: bool,
    /// From the letter's first command to its last reply.
    pub talk: Duration,
}

impl<W: Wire> Session<W> {
    /// Sends one letter. Dropped half-way, the session is not usable any more.
    pub async fn send(&mut self, envelope: Envelope<'_>, message: &[u8]) -> Outcome {
        self.send_marking(envelope, message, || true).await
    }

    /// Like [`Session::send`]; `before_dot` runs right before the write that carries the final dot, so that a crash
    /// journal can tell letters that surely did not leave. When it says `false` the dot does not leave: the letter is
    /// `Broken`, and the session is not usable any more.
    pub async fn send_marking(
        &mut self,
        envelope: Envelope<'_>,
        message: &[u8],
        before_dot: impl FnOnce() -> bool + Send,
    ) -> Outcome {
        let begun = Instant::now();
        let warm = self.letters > 0;
        let sent = self.try_send(envelope, message, before_dot).await;
        Outcome {
            evidence: sent.map_or_else(|evidence| evidence, Evidence::Accepted),
            usable: self.usable,
            warm,
            talk: begun.elapsed(),
        }
    }

    async fn try_send(
        &mut self,
        envelope: Envelope<'_>,
        message: &[u8],
        before_dot: impl FnOnce() -> bool,
    ) -> Result<Reply, Evidence> {
        if !self.usable {
            let what = "the session has ended";
            let trouble = Trouble::new(Stage::MailFrom, TroubleKind::Closed, what);
            return Err(Evidence::Broken(trouble));
        }
        let form = Form::of(message).map_err(Evidence::Unsendable)?;
        if let Some(reply) = envelope.refusal(form, message.len(), self.offered) {
            return Err(Evidence::Refused(reply));
        }
        // Until a reply closes the letter, the talk is in the middle of something: also if this future is dropped.
        self.usable = false;
        self.letters = self.letters.saturating_add(1);
        self.open_envelope(envelope, form, message.len()).await?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let parcel = if self.is_chunked() {
            form.counted(message)
        } else {
            form.dotted(message, &mut scratch)
        };
        let handed = self.talk.hand_over(&parcel, before_dot).await;
        self.scratch = scratch;
        handed.map_err(|unhanded| match unhanded {
            Unhanded::BeforeDot(trouble) => Evidence::Broken(trouble),
            Unhanded::PerhapsDot(trouble) => Evidence::LostReply(trouble),
            Unhanded::Withheld => Evidence::Broken(withheld()),
        })?;
        self.hear_fate().await
    }

    /// The reply to the final dot, or to the chunk; without one, or with a senseless one, nobody knows.
    async fn hear_fate(&mut self) -> Result<Reply, Evidence> {
        let heard = self.talk.hear(Stage::FinalDot).await;
        let reply = heard.map_err(Evidence::LostReply)?;
        if !matches!(reply.code, 200..=299 | 400..=599) {
            return Err(Evidence::LostReply(odd(&reply)));
        }
        if self.is_chunked() && matches!(reply.code, 500..=504) {
            // Where chunks are not known, every line of the letter was taken for a command: this talk is lost.
            self.handover = Handover::ChunksRefused;
            return Err(Evidence::Broken(unchunked(&reply)));
        }
        // The dot closes the envelope whatever the answer (RFC 5321 §4.1.1.4), and so does the last chunk (RFC 3030 §2).
        self.needs_reset = false;
        self.usable = !reply.is_closing();
        if reply.is_positive() {
            Ok(reply)
        } else {
            Err(Evidence::Refused(reply))
        }
    }

    /// Gets as far as the 354 that invites the message, or the accepted recipient that invites a chunk.
    async fn open_envelope(
        &mut self,
        envelope: Envelope<'_>,
        form: Form,
        size_bytes: usize,
    ) -> Result<(), Evidence> {
        let mut commands = std::mem::take(&mut self.commands);
        commands.clear();
        if self.needs_reset {
            commands.extend_from_slice(b"RSET\r\n");
        }
        envelope.mail_from(form, size_bytes, self.offered, &mut commands);
        envelope.rcpt_to(&mut commands);
        if !self.is_chunked() {
            commands.extend_from_slice(b"DATA\r\n");
        }
        let opened = if self.offered.pipelining() {
            self.at_once(&commands).await
        } else {
            self.step_by_step(&commands).await
        };
        self.commands = commands;
        opened
    }

    /// One command, one reply.
    async fn step_by_step(&mut self, commands: &[u8]) -> Result<(), Evidence> {
        let mut lines = commands.split_inclusive(|octet| *octet == b'\n');
        if self.needs_reset {
            let reset = lines.next().unwrap_or_default();
            let said = self.talk.say(Stage::Leave, reset).await;
            said.map_err(Evidence::Broken)?;
            self.hear_reset().await?;
        }
        for (&stage, command) in self.stages().iter().zip(lines) {
            let said = self.talk.say(stage, command).await;
            said.map_err(Evidence::Broken)?;
            if let Some(refusal) = self.hear_step(stage).await? {
                self.usable = !refusal.is_closing();
                return Err(Evidence::Refused(refusal));
            }
        }
        Ok(())
    }

    /// All commands in one write (RFC 2920 §3.1); every reply is read, also those after a refusal.
    async fn at_once(&mut self, commands: &[u8]) -> Result<(), Evidence> {
        let said = self.talk.say(Stage::MailFrom, commands).await;
        said.map_err(Evidence::Broken)?;
        if self.needs_reset {
            self.hear_reset().await?;
        }
        let mut refusal: Option<Reply> = None;
        let (mut is_closing, mut is_invited) = (false, false);
        for &stage in self.stages() {
            match self.hear_step(stage).await {
                Ok(heard) => {
                    is_invited = stage == Stage::Data && heard.is_none();
                    is_closing = heard.as_ref().is_some_and(Reply::is_closing);
                    refusal = refusal.or(heard);
                }
                // Nothing more comes, but what was refused stays refused.
                Err(trouble) => return Err(refusal.map_or(trouble, Evidence::Refused)),
            }
            if is_closing {
                break;
            }
        }
        let Some(refusal) = refusal else {
            return Ok(());
        };
        self.usable = !is_closing && (!is_invited || self.take_back().await);
        Err(Evidence::Refused(refusal))
    }

    const fn is_chunked(&self) -> bool {
        matches!(self.handover, Handover::Chunked)
    }

    /// What is answered before the message goes.
    const fn stages(&self) -> &'static [Stage] {
        if self.is_chunked() {
            &[Stage::MailFrom, Stage::RcptTo]
        } else {
            &[Stage::MailFrom, Stage::RcptTo, Stage::Data]
        }
    }

    /// Hears MAIL, RCPT or DATA answered: `None` is a yes, `Some` the refusal.
    async fn hear_step(&mut self, stage: Stage) -> Result<Option<Reply>, Evidence> {
        let reply = self.talk.hear(stage).await.map_err(Evidence::Broken)?;
        self.needs_reset |= stage == Stage::MailFrom && reply.is_positive();
        match (stage, reply.code) {
            (Stage::Data, 354) | (Stage::MailFrom | Stage::RcptTo, 200..=299) => Ok(None),
            (_, 400..=599) => Ok(Some(reply)),
            _ => Err(Evidence::Broken(odd(&reply))),
        }
    }

    /// The host invites a message that no recipient was accepted for: a lone dot ends it (RFC 2920 §3.1).
    /// Whether the talk can go on.
    async fn take_back(&mut self) -> bool {
        let reply = match self.talk.say(Stage::Leave, b".\r\n").await {
            Ok(()) => self.talk.hear(Stage::Leave).await,
            Err(trouble) => Err(trouble),
        };
        reply.is_ok_and(|reply| !reply.is_closing())
    }

    /// Hears the RSET answered that went before this letter. Without its 250 nobody knows whose recipients would get it.
    async fn hear_reset(&mut self) -> Result<(), Evidence> {
        let reply = self.talk.hear(Stage::Leave).await;
        let reply = reply.map_err(Evidence::Broken)?;
        if !reply.is_positive() {
            return Err(Evidence::Broken(odd(&reply)));
        }
        self.needs_reset = false;
        Ok(())
    }
}

fn withheld() -> Trouble {
    let what = "we broke off before the final dot";
    Trouble::new(Stage::FinalDot, TroubleKind::Closed, what)
}

fn unchunked(reply: &Reply) -> Trouble {
    let what = format!("CHUNKING was offered and is not understood: {reply}");
    Trouble::new(Stage::FinalDot, TroubleKind::Garbage, what)
}
