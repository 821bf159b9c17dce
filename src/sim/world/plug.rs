//! A process's end of a connection, watched.
//!
//! Owns [`Plug`]. Promises: a dead process neither reads nor writes; what a living one says and hears is seen as it crosses
//! its own border, so that the book knows which replies were heard. Leaves the way between to `pipe`.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    super::command::Command,
    book::{Book, Process},
    life::Life,
    pipe::End,
};

/// How a host names what it took.
const QUEUED_AS: &str = "queued as ";

/// The end that an engine holds.
#[derive(Debug)]
pub(super) struct Plug {
    end: End,
    life: Arc<Life>,
    tap: Tap,
}

impl Plug {
    pub(super) fn new(end: End, life: Arc<Life>, book: Arc<Book>, seen: (usize, Process)) -> Self {
        let (connection, process) = seen;
        let tap = Tap {
            book,
            process,
            connection,
            said: Lines::default(),
            heard: Lines::default(),
            sender: String::new(),
        };
        Self { end, life, tap }
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        self.tap.book.disconnected(self.tap.connection);
    }
}

impl AsyncRead for Plug {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.life.step() {
            return Poll::Pending;
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.end).poll_read(context, into);
        self.tap.hear(&into.filled()[before..]);
        read
    }
}

impl AsyncWrite for Plug {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.life.step() {
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.end).poll_write(context, octets);
        if let Poll::Ready(Ok(count)) = &written {
            self.tap.say(&octets[..*count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(context)
    }
}

/// Reads along.
#[derive(Debug)]
struct Tap {
    book: Arc<Book>,
    process: Process,
    connection: usize,
    said: Lines,
    heard: Lines,
    sender: String,
}

impl Tap {
    fn say(&mut self, octets: &[u8]) {
        for line in self.said.add(octets) {
            match Command::parse(&line) {
                Command::Mail(mail) => mail.path.clone_into(&mut self.sender),
                Command::Rcpt(path) => self.book.attempted(self.connection, &self.sender, path),
                _ => {}
            }
        }
    }

    fn hear(&mut self, octets: &[u8]) {
        for line in self.heard.add(octets) {
            if let Some((_, queue_id)) = line.split_once(QUEUED_AS) {
                self.book.heard(queue_id.trim_end(), self.process);
            }
        }
    }
}

/// Octets cut into lines, however they come.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn add(&mut self, octets: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(octets);
        let Some(last) = self.0.iter().rposition(|octet| *octet == b'\n') else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.0.drain(..=last).collect();
        let lines = whole.split_inclusive(|octet| *octet == b'\n');
        lines
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }
}
