//! The receiving end of an SMTP connection: lines and letters in, replies out.
//!
//! Owns buffers and their bounds. Promises: replies to pipelined commands leave together, and always before we wait
//! for more (RFC 2920 §3.2); nothing a sender does grows a buffer beyond its bound; a stop ends every wait. Leaves
//! meaning to `command` and `session`.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::smtp::ending::{FINAL_DOT, find_final_dot, undot};

/// A command line with all its extensions is far shorter (RFC 5321 §4.5.3.1.4, RFC 6531 §3.4).
const LINE_MAX: usize = 4_096;

/// How long a sender may be silent or deaf (RFC 5321 §4.5.3.2.7).
const PATIENCE: Duration = Duration::from_mins(5);

/// How long a guest may take to hear a goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Room made before each read.
const READ_BYTES: usize = 16 * 1_024;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The other side left, or we have said all we had to.
    Closed,
    /// The other side fell silent.
    Idle,
    /// The small internet is being stopped.
    Stopping,
}

/// One line of a sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A command, without its line end.
    Command(String),
    /// Longer than any command.
    TooLong,
    /// Not ended by CR LF, or not text.
    Garbage,
}

/// A connection with its buffers.
pub(super) struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
    reply_delay: Duration,
    stop: CancellationToken,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A fresh connection.
    pub(super) const fn new(stream: S, reply_delay: Duration, stop: CancellationToken) -> Self {
        Self {
            stream,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            reply_delay,
            stop,
        }
    }

    /// The bare stream, for TLS. What was pipelined after `STARTTLS` is forgotten (RFC 3207 §6).
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Puts a reply of one or more lines in line for sending.
    pub(super) async fn say(&mut self, reply: &str) -> Result<(), Gone> {
        if !self.reply_delay.is_zero() {
            self.flush().await?;
            let wait = self.stop.run_until_cancelled(sleep(self.reply_delay));
            wait.await.ok_or(Gone::Stopping)?;
        }
        for line in reply.split('\n') {
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if self.output.is_empty() {
            return Ok(());
        }
        // A goodbye while stopping gets little time; anything else that is still being sent is given up by a stop.
        let sent = if self.stop.is_cancelled() {
            timeout(FAREWELL, send(&mut self.stream, &self.output)).await
        } else {
            let sending = timeout(PATIENCE, send(&mut self.stream, &self.output));
            let done = self.stop.run_until_cancelled(sending).await;
            done.ok_or(Gone::Closed)?
        };
        match sent {
            Ok(Ok(())) => self.output.clear(),
            Ok(Err(_)) => return Err(Gone::Closed),
            Err(_) => return Err(Gone::Idle),
        }
        Ok(())
    }

    /// Says a last reply and ends the connection in order.
    pub(super) async fn close(&mut self, reply: &str) -> Gone {
        if self.say(reply).await.is_ok() && self.flush().await.is_ok() {
            let _ = timeout(FAREWELL, self.stream.shutdown()).await;
        }
        Gone::Closed
    }

    /// The next line.
    pub(super) async fn line(&mut self) -> Result<Line, Gone> {
        let mut searched = 0;
        let mut is_too_long = false;
        loop {
            let unread = &self.input[self.start..];
            let end = unread[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| searched + end) {
                let line = read_line(&unread[..end]);
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
            self.fill().await?;
        }
    }

    /// The letter up to its final dot, unstuffed; `None` when it was larger than `max_bytes`.
    pub(super) async fn letter(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, Gone> {
        let mut searched = 0;
        let mut is_too_big = false;
        loop {
            let unread = &self.input[self.start..];
            // The CR LF before the final dot of an empty letter is that of the DATA command.
            if searched == 0 && !is_too_big && unread.starts_with(&FINAL_DOT[2..]) {
                self.start += 3;
                return Ok(Some(Vec::new()));
            }
            if let Some(end) = find_final_dot(unread, searched) {
                let letter = (!is_too_big && end <= max_bytes).then(|| undot(&unread[..end + 2]));
                self.start += end + FINAL_DOT.len();
                return Ok(letter);
            }
            // The pattern may have begun in the last four bytes.
            searched = unread.len().saturating_sub(FINAL_DOT.len() - 1);
            if searched > max_bytes {
                is_too_big = true;
                self.start += searched;
                searched = 0;
            }
            // Until three bytes are here, the letter may still be the empty one.
            self.fill().await?;
        }
    }

    /// A chunk of that many bytes; `None`, though read, when it is larger than `max_bytes`.
    pub(super) async fn chunk(
        &mut self,
        size_bytes: usize,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, Gone> {
        let mut left = size_bytes;
        let mut chunk = (size_bytes <= max_bytes).then(Vec::new);
        loop {
            let unread = &self.input[self.start..];
            let taken = &unread[..unread.len().min(left)];
            if let Some(chunk) = &mut chunk {
                chunk.extend_from_slice(taken);
            }
            left -= taken.len();
            self.start += taken.len();
            if left == 0 {
                return Ok(chunk);
            }
            self.fill().await?;
        }
    }

    /// Waits for at least one more byte.
    pub(super) async fn fill(&mut self) -> Result<(), Gone> {
        self.flush().await?;
        self.input.drain(..self.start);
        self.start = 0;
        self.input.reserve(READ_BYTES);
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input));
        match self.stop.run_until_cancelled(read).await {
            None => Err(Gone::Stopping),
            Some(Err(_)) => Err(Gone::Idle),
            Some(Ok(Ok(0) | Err(_))) => Err(Gone::Closed),
            Some(Ok(Ok(_))) => Ok(()),
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

fn read_line(bytes: &[u8]) -> Line {
    // A line that ends in LF alone is how letters are smuggled past filters (RFC 5321 §2.3.8).
    let text = bytes.strip_suffix(b"\r").map(std::str::from_utf8);
    match text {
        Some(Ok(text)) if !text.contains(|c: char| c.is_control() && c != '\t') => {
            Line::Command(text.to_owned())
        }
        _ => Line::Garbage,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::duplex;

    use super::*;

    const TALK: &[u8] =
        b"EHLO a\r\nDATA\r\n..one\r\ntwo\r\n.\r\nDATA\r\n.\r\nBDAT\r\n.\r\nxyzBDAT\r\n123456QUIT\r\n";

    /// Hands the talk over in pieces of the given sizes and tells what was read.
    async fn read_in_pieces(sizes: Vec<usize>) -> Vec<String> {
        let (mut sender, receiver) = duplex(64);
        let mut wire = Wire::new(receiver, Duration::ZERO, CancellationToken::new());
        let send = async {
            let mut rest = TALK;
            for size in sizes.into_iter().chain([usize::MAX]) {
                let (piece, later) = rest.split_at(size.min(rest.len()));
                sender.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
                rest = later;
            }
            drop(sender);
        };
        let read = async {
            let mut seen = Vec::new();
            while let Ok(line) = wire.line().await {
                let is_data = line == Line::Command("DATA".to_owned());
                seen.push(format!("{line:?}"));
                if is_data {
                    let letter = wire.letter(1_000).await.unwrap().unwrap();
                    seen.push(String::from_utf8(letter).unwrap());
                }
                if seen.last().is_some_and(|line| line.contains("BDAT")) {
                    let chunk = wire.chunk(6, 6).await.unwrap().unwrap();
                    seen.push(String::from_utf8(chunk).unwrap());
                }
            }
            seen
        };
        tokio::join!(send, read).1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_splitting_of_the_bytes_gives_the_same_talk(
            sizes in proptest::collection::vec(1_usize..9, 0..20)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let seen = runtime.block_on(read_in_pieces(sizes));
            prop_assert_eq!(seen, vec![
                "Command(\"EHLO a\")", "Command(\"DATA\")", ".one\r\ntwo\r\n",
                "Command(\"DATA\")", "", "Command(\"BDAT\")", ".\r\nxyz", "Command(\"BDAT\")", "123456", "Command(\"QUIT\")",
            ]);
        }
    }

    async fn check_line(bytes: &[u8], expected: Line) {
        let (mut sender, receiver) = duplex(1 << 20);
        sender.write_all(bytes).await.unwrap();
        let mut wire = Wire::new(receiver, Duration::ZERO, CancellationToken::new());
        assert_eq!(wire.line().await, Ok(expected));
    }

    #[tokio::test]
    async fn endless_lines_and_binary_are_told_apart_from_commands() {
        let endless = [&b"A".repeat(100_000)[..], b"\r\n"].concat();
        check_line(&endless, Line::TooLong).await;
        check_line(b"NOOP\n", Line::Garbage).await;
        check_line(b"\xff\xfe\r\n", Line::Garbage).await;
        check_line(b"NO\0OP\r\n", Line::Garbage).await;
        check_line(b"\r\n", Line::Command(String::new())).await;
    }

    #[tokio::test]
    async fn a_letter_beyond_the_limit_is_read_to_its_end_and_not_kept() {
        let (mut sender, receiver) = duplex(1 << 20);
        let letter = [&b"a\r\n".repeat(10_000)[..], b".\r\nQUIT\r\n"].concat();
        sender.write_all(&letter).await.unwrap();
        let mut wire = Wire::new(receiver, Duration::ZERO, CancellationToken::new());
        assert_eq!(wire.letter(500).await, Ok(None));
        assert!(wire.input.capacity() < 5 * READ_BYTES);
        assert_eq!(wire.line().await, Ok(Line::Command("QUIT".to_owned())));
    }

    #[tokio::test]
    async fn a_stop_ends_a_wait() {
        let (_sender, receiver) = duplex(64);
        let stop = CancellationToken::new();
        let mut wire = Wire::new(receiver, Duration::ZERO, stop.clone());
        stop.cancel();
        assert_eq!(wire.line().await, Err(Gone::Stopping));
    }
}
