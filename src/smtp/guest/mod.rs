//! The receiving end of an SMTP talk: lines and letters of one guest in, replies out.
//!
//! Owns buffers and their bounds. Promises: replies to pipelined commands leave together, and always before we wait for
//! more (RFC 2920 §3.2); only CR LF ends a line and only CR LF, dot, CR LF ends a letter, so nothing can be smuggled in by a
//! bare LF; nothing a guest does grows a buffer beyond its bound; any splitting of the bytes gives the same talk. Leaves the
//! meaning of lines to who listens: `inbound` for mails that come back, `sim` for simulated providers.

#[cfg(test)]
mod laws;

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::ending::{FINAL_DOT, find_final_dot, undot};

/// A command line with all its extensions is far shorter (RFC 5321 §4.5.3.1.4, RFC 6531 §3.4).
const LINE_MAX: usize = 4_096;

/// How long a guest may take to hear a goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Room made before each read.
pub const READ_OCTETS: usize = 16 * 1_024;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The guest left, or we have said all we had to.
    Closed,
    /// The guest fell silent, or takes too long.
    Idle,
    /// We stop.
    Stopping,
}

impl Gone {
    /// What is still to be said to whoever is there.
    pub const fn last_words(self) -> Option<&'static str> {
        match self {
            Self::Closed => None,
            Self::Idle => Some("421 4.4.2 Timeout, closing connection"),
            Self::Stopping => Some("421 4.3.2 Service shutting down"),
        }
    }
}

/// A line that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// Longer than any command.
    TooLong,
    /// Not ended by CR LF, or with control characters.
    Garbage,
}

impl BadLine {
    /// What to say to that.
    pub const fn reply(self) -> &'static str {
        match self {
            Self::TooLong => "500 5.5.2 Line too long",
            Self::Garbage => "500 5.5.2 Not a line of text ended by CR LF",
        }
    }
}

/// How patient a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// A command must be here by then, the next part of a letter too, and a reply be heard (RFC 5321 §4.5.3.2.7: five
    /// minutes).
    pub patience: Duration,
    /// A letter must be here as a whole by then, however steadily it drips.
    pub letter_patience: Duration,
    /// Whether a stop breaks off a letter or a reply on its way, and not just the wait for a command.
    pub breaks_off: bool,
}

/// A guest's connection with its buffers.
#[derive(Debug)]
pub struct Guest<S> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
    manner: Manner,
    stop: CancellationToken,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guest<S> {
    /// A fresh connection.
    pub const fn new(stream: S, manner: Manner, stop: CancellationToken) -> Self {
        Self {
            stream,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            manner,
            stop,
        }
    }

    /// The bare stream, for TLS. What was pipelined after `STARTTLS` is forgotten (RFC 3207 §6).
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Puts a reply in line for sending; its lines are separated by LF.
    pub fn say(&mut self, reply: &str) {
        for line in reply.split('\n') {
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what waits.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        self.send(self.manner.breaks_off).await
    }

    async fn send(&mut self, heeds_stop: bool) -> Result<(), Gone> {
        if self.output.is_empty() {
            return Ok(());
        }
        let is_goodbye = self.stop.is_cancelled();
        let patience = if is_goodbye {
            FAREWELL
        } else {
            self.manner.patience
        };
        let sending = timeout(patience, send(&mut self.stream, &self.output));
        let sent = if heeds_stop && !is_goodbye {
            let sent = self.stop.run_until_cancelled(sending).await;
            sent.ok_or(Gone::Closed)?
        } else {
            sending.await
        };
        match sent {
            Ok(Ok(())) => self.output.clear(),
            Ok(Err(_)) => return Err(Gone::Closed),
            Err(_) => return Err(Gone::Idle),
        }
        Ok(())
    }

    /// Says a last reply and ends the connection in order.
    pub async fn close(&mut self, reply: &str) {
        self.say(reply);
        if self.flush().await.is_ok() {
            let _ = timeout(FAREWELL, self.stream.shutdown()).await;
        }
    }

    /// The next line, its CR LF included.
    pub async fn line(&mut self) -> Result<Result<Vec<u8>, BadLine>, Gone> {
        let deadline = Instant::now() + self.manner.patience;
        let mut searched = 0;
        let mut is_too_long = false;
        loop {
            let unread = self.unread();
            let end = unread[searched..].iter().position(|octet| *octet == b'\n');
            if let Some(end) = end.map(|end| searched + end) {
                let line = read_line(&unread[..=end]);
                self.start += end + 1;
                return Ok(if is_too_long || end > LINE_MAX {
                    Err(BadLine::TooLong)
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
            self.fill(deadline, true).await?;
        }
    }

    /// The letter up to its final dot, dot-stuffing undone, or the objection to it.
    ///
    /// `objection` is told how many octets there are so far and at the end, doubled dots counted once (RFC 1870 §3). A
    /// letter that it objects to is read to its end and not kept, so that the talk can go on.
    pub async fn letter<O>(
        &mut self,
        mut objection: impl FnMut(usize) -> Option<O>,
    ) -> Result<Result<Vec<u8>, O>, Gone> {
        let deadline = Instant::now() + self.manner.letter_patience;
        let (mut searched, mut doubled) = (0, 0);
        let mut objected = None;
        loop {
            let unread = self.unread();
            // The CR LF before the final dot of an empty letter is that of the DATA command.
            if searched == 0 && objected.is_none() && unread.starts_with(&FINAL_DOT[2..]) {
                self.start += FINAL_DOT.len() - 2;
                return Ok(Ok(Vec::new()));
            }
            if let Some(end) = find_final_dot(unread, searched) {
                let letter = match objected {
                    Some(objected) => Err(objected),
                    None => judged(undot(&unread[..end + 2]), objection),
                };
                self.start += end + FINAL_DOT.len();
                return Ok(letter);
            }
            let before = searched;
            // The pattern may have begun in the last four octets.
            searched = unread.len().saturating_sub(FINAL_DOT.len() - 1);
            if objected.is_none() {
                doubled += doubled_dots(unread, before, searched);
                objected = objection(searched - doubled);
            }
            if objected.is_some() {
                self.start += searched;
                searched = 0;
                self.shrink();
            }
            // Silence ends sooner than a steady drip. Until three octets are here, the letter may still be the empty one.
            let silence = Instant::now() + self.manner.patience;
            self.fill(deadline.min(silence), self.manner.breaks_off)
                .await?;
        }
    }

    /// What is here and unread.
    pub fn unread(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Takes that many octets of what is unread as read.
    pub fn skip(&mut self, octets: usize) {
        self.start = self.input.len().min(self.start + octets);
    }

    /// Waits for at least one more octet.
    pub async fn more(&mut self) -> Result<(), Gone> {
        let deadline = Instant::now() + self.manner.patience;
        self.fill(deadline, self.manner.breaks_off).await
    }

    async fn fill(&mut self, deadline: Instant, heeds_stop: bool) -> Result<(), Gone> {
        self.send(heeds_stop).await?;
        self.input.drain(..self.start);
        self.start = 0;
        self.input.reserve(READ_OCTETS);
        let reading = timeout_at(deadline, self.stream.read_buf(&mut self.input));
        let read = if heeds_stop {
            let read = self.stop.run_until_cancelled(reading).await;
            read.ok_or(Gone::Stopping)?
        } else {
            reading.await
        };
        match read {
            Err(_) => Err(Gone::Idle),
            Ok(Ok(0) | Err(_)) => Err(Gone::Closed),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Lets go of the room that a letter needed.
    pub fn shrink(&mut self) {
        self.input.drain(..self.start);
        self.start = 0;
        // Room for one read beside a few octets that are still looked at makes a buffer grow to this.
        self.input.shrink_to(2 * READ_OCTETS);
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}

fn judged<O>(letter: Vec<u8>, mut objection: impl FnMut(usize) -> Option<O>) -> Result<Vec<u8>, O> {
    match objection(letter.len()) {
        Some(objection) => Err(objection),
        None => Ok(letter),
    }
}

/// Dots that begin a line, in the octets that were not looked at before.
fn doubled_dots(letter: &[u8], before: usize, now: usize) -> usize {
    let is_first = before == 0 && now > 0 && letter.starts_with(b".");
    let new = &letter[before.saturating_sub(2)..now];
    let lines = new.windows(3).filter(|octets| octets == b"\r\n.");
    usize::from(is_first) + lines.count()
}

/// A line that ends in LF alone is how letters are smuggled past filters (RFC 5321 §2.3.8).
fn read_line(octets: &[u8]) -> Result<Vec<u8>, BadLine> {
    match octets.strip_suffix(b"\r\n") {
        Some(text) if text.iter().all(|octet| is_text(*octet)) => Ok(octets.to_vec()),
        _ => Err(BadLine::Garbage),
    }
}

const fn is_text(octet: u8) -> bool {
    octet == b'\t' || !octet.is_ascii_control()
}
