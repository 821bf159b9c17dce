//! The bytes of one guest: lines and mails in, replies out.
//!
//! Owns buffers and their bounds. Promises: replies to pipelined commands leave together, and always before we wait for
//! more (RFC 2920 §3.2); only CR LF ends a line and only CR LF, dot, CR LF ends a mail, so nothing can be smuggled in by a
//! bare LF; nothing a guest does grows a buffer beyond its bound. Leaves meaning to `command` and `session`.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{budget::Hold, settings::Settings};
use crate::smtp::ending::{FINAL_DOT, find_final_dot, undot};

/// A command line with all its extensions is far shorter (RFC 5321 §4.5.3.1.4, RFC 6531 §3.4).
const LINE_MAX: usize = 4_096;

/// How long a guest may take to hear a goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Room made before each read.
const READ_OCTETS: usize = 16 * 1_024;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The guest left, or we have said all we had to.
    Closed,
    /// The guest fell silent, or takes too long.
    Idle,
    /// We stop.
    Stopping,
}

/// One line of a guest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A command with its CR LF.
    Command(Vec<u8>),
    /// Longer than any command.
    TooLong,
    /// Not ended by CR LF, or with control characters.
    Garbage,
}

/// A mail, or why it was not kept. It is read to its end in any case, so that the talk can go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mail {
    /// The whole of it, dot-stuffing undone.
    Whole(Vec<u8>),
    /// Larger than granted.
    TooBig,
    /// All guests together hold too much just now.
    NoRoom,
}

/// A connection with its buffers.
pub(super) struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
    patience: Duration,
    mail_patience: Duration,
    size_max: usize,
    stop: CancellationToken,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A fresh connection.
    pub(super) fn new(stream: S, settings: &Settings, stop: CancellationToken) -> Self {
        Self {
            stream,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            patience: settings.patience,
            mail_patience: settings.mail_patience,
            size_max: settings.size_max,
            stop,
        }
    }

    /// The bare stream, for TLS. What was pipelined after `STARTTLS` is forgotten (RFC 3207 §6).
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Puts a reply in line for sending; its lines are separated by LF.
    pub(super) fn say(&mut self, reply: &str) {
        for line in reply.split('\n') {
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if self.output.is_empty() {
            return Ok(());
        }
        let patience = if self.stop.is_cancelled() {
            FAREWELL
        } else {
            self.patience
        };
        match timeout(patience, send(&mut self.stream, &self.output)).await {
            Ok(Ok(())) => self.output.clear(),
            Ok(Err(_)) => return Err(Gone::Closed),
            Err(_) => return Err(Gone::Idle),
        }
        Ok(())
    }

    /// Says a last reply and ends the connection in order.
    pub(super) async fn close(&mut self, reply: &str) {
        self.say(reply);
        if self.flush().await.is_ok() {
            let _ = timeout(FAREWELL, self.stream.shutdown()).await;
        }
    }

    /// The next line.
    pub(super) async fn line(&mut self) -> Result<Line, Gone> {
        let deadline = Instant::now() + self.patience;
        let mut searched = 0;
        let mut is_too_long = false;
        loop {
            let unread = &self.input[self.start..];
            let end = unread[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| searched + end) {
                let line = read_line(&unread[..=end]);
                self.start += end + 1;
                return Ok(if is_too_long || end > LINE_MAX {
                    Line::TooLong
                } else {
                    line
                });
            }
            searched = unread.len();
            if searched > LINE_MAX {
                is_too_long = true;
                self.start = self.input.len();
                searched = 0;
            }
            let stop = self.stop.clone();
            let filled = stop.run_until_cancelled(self.fill(deadline)).await;
            filled.ok_or(Gone::Stopping)??;
        }
    }

    /// The mail up to its final dot. A stop does not break it off: whoever is in the middle of one may end it.
    pub(super) async fn mail(&mut self, hold: &mut Hold) -> Result<Mail, Gone> {
        let deadline = Instant::now() + self.mail_patience;
        let mut searched = 0;
        let mut objection = None;
        loop {
            let unread = &self.input[self.start..];
            // The CR LF before the final dot of an empty mail is that of the DATA command.
            if searched == 0 && objection.is_none() && unread.starts_with(&FINAL_DOT[2..]) {
                self.start += FINAL_DOT.len() - 2;
                return Ok(Mail::Whole(Vec::new()));
            }
            if let Some(end) = find_final_dot(unread, searched) {
                let mail = objection.unwrap_or_else(|| self.cut(end));
                self.start += end + FINAL_DOT.len();
                return Ok(mail);
            }
            // The pattern may have begun in the last four octets.
            searched = unread.len().saturating_sub(FINAL_DOT.len() - 1);
            if objection.is_none() {
                objection = self.object(unread.len(), hold);
            }
            if objection.is_some() {
                self.start += searched;
                searched = 0;
                hold.release();
            }
            // Silence ends sooner than a steady drip.
            self.fill(deadline.min(Instant::now() + self.patience))
                .await?;
        }
    }

    fn cut(&self, end: usize) -> Mail {
        let raw = &self.input[self.start..self.start + end + 2];
        if raw.len() > self.size_max {
            Mail::TooBig
        } else {
            Mail::Whole(undot(raw))
        }
    }

    /// Why no more of a mail is kept. It lies in memory twice when its dots are undone.
    fn object(&self, octets: usize, hold: &mut Hold) -> Option<Mail> {
        if octets > self.size_max {
            Some(Mail::TooBig)
        } else if hold.grow(2 * (octets + READ_OCTETS)) {
            None
        } else {
            Some(Mail::NoRoom)
        }
    }

    /// Waits for at least one more octet.
    async fn fill(&mut self, deadline: Instant) -> Result<(), Gone> {
        self.flush().await?;
        self.input.drain(..self.start);
        self.start = 0;
        self.input.reserve(READ_OCTETS);
        match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
            Err(_) => Err(Gone::Idle),
            Ok(Ok(0) | Err(_)) => Err(Gone::Closed),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Lets go of the room that a mail needed.
    pub(super) fn shrink(&mut self) {
        self.input.drain(..self.start);
        self.start = 0;
        self.input.shrink_to(READ_OCTETS);
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// A line that ends in LF alone is how mails are smuggled past filters (RFC 5321 §2.3.8).
fn read_line(bytes: &[u8]) -> Line {
    let text = bytes.strip_suffix(b"\r\n");
    match text {
        Some(text) if text.iter().all(|byte| *byte >= b' ' || *byte == b'\t') => {
            Line::Command(bytes.to_vec())
        }
        _ => Line::Garbage,
    }
}
