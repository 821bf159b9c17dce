//! The receiver of the stage: takes every letter, knows each by its number, and looks for its signature.
//!
//! Owns the sockets and the book. Promises: a letter that comes twice counts once, and is told; one without a signature
//! is told; the moment of the last acceptance is taken before its reply is written. Keeps a sample of whole letters for
//! `proof`. All peers meet the same receiver, whose work is in nobody's figures.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

/// One letter in so many is kept for verification.
pub(crate) const SAMPLE: usize = 100;

/// One read.
const READ_OCTETS: usize = 64 * 1_024;

/// A running receiver.
pub(crate) struct Sink {
    book: Arc<Book>,
    finished: watch::Receiver<Option<Instant>>,
    tasks: JoinSet<()>,
}

/// What it has seen.
struct Book {
    seen: Vec<AtomicBool>,
    accepted: AtomicUsize,
    repeated: AtomicUsize,
    unsigned: AtomicUsize,
    strange: AtomicUsize,
    connections: AtomicUsize,
    octets: AtomicUsize,
    samples: Mutex<Vec<(usize, Vec<u8>)>>,
    finish: watch::Sender<Option<Instant>>,
}

/// The last word of a receiver.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Letters that had been taken before.
    pub(crate) repeated: usize,
    /// Letters without a DKIM signature.
    pub(crate) unsigned: usize,
    /// Recipients that nobody had written to.
    pub(crate) strange: usize,
    /// TCP connections.
    pub(crate) connections: usize,
    /// Octets of all letters.
    pub(crate) octets: usize,
    /// Numbers and octets of some letters, as they came.
    pub(crate) samples: Vec<(usize, Vec<u8>)>,
}

impl Sink {
    /// Waits for that many letters at port 25 of the receiver's address.
    pub(crate) async fn start(address: Ipv4Addr, letters: usize) -> Result<Self> {
        let address = SocketAddr::V4(SocketAddrV4::new(address, 25));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("opening the receiver at {address}"))?;
        let (finish, finished) = watch::channel(None);
        let book = Arc::new(Book::new(letters, finish));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&book)));
        Ok(Self {
            book,
            finished,
            tasks,
        })
    }

    /// Different letters taken so far.
    pub(crate) fn accepted(&self) -> usize {
        self.book.accepted.load(Relaxed)
    }

    /// The moment of the last acceptance, once it has come.
    pub(crate) async fn finished(&self) -> Result<Instant> {
        let mut finished = self.finished.clone();
        let moment = *finished.wait_for(Option::is_some).await?;
        moment.context("the receiver has forgotten its last letter")
    }

    /// Closes, and tells what it has seen.
    pub(crate) async fn close(mut self) -> Tally {
        self.tasks.shutdown().await;
        let book = &self.book;
        let mut samples = book.samples.lock().unwrap_or_else(PoisonError::into_inner);
        Tally {
            repeated: book.repeated.load(Relaxed),
            unsigned: book.unsigned.load(Relaxed),
            strange: book.strange.load(Relaxed),
            connections: book.connections.load(Relaxed),
            octets: book.octets.load(Relaxed),
            samples: std::mem::take(&mut samples),
        }
    }
}

async fn accept(listener: TcpListener, book: Arc<Book>) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(talks.spawn(Talk::new(Arc::clone(&book)).hold(stream))),
                // Out of file descriptors: the talks under way will free some.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

impl Book {
    fn new(letters: usize, finish: watch::Sender<Option<Instant>>) -> Self {
        Self {
            seen: (0..letters).map(|_| AtomicBool::new(false)).collect(),
            accepted: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
            unsigned: AtomicUsize::new(0),
            strange: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            octets: AtomicUsize::new(0),
            samples: Mutex::default(),
            finish,
        }
    }

    /// Enters a letter for one recipient.
    fn enter(&self, recipient: Option<usize>, letter: &[u8]) {
        let Some((number, seen)) =
            recipient.and_then(|number| Some((number, self.seen.get(number)?)))
        else {
            self.strange.fetch_add(1, Relaxed);
            return;
        };
        let head = memmem::find(letter, b"\r\n\r\n").unwrap_or(letter.len());
        if memmem::find(&letter[..head].to_ascii_lowercase(), b"dkim-signature:").is_none() {
            self.unsigned.fetch_add(1, Relaxed);
        }
        self.octets.fetch_add(letter.len(), Relaxed);
        if seen.swap(true, Relaxed) {
            self.repeated.fetch_add(1, Relaxed);
            return;
        }
        if number.is_multiple_of(SAMPLE) {
            let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.push((number, letter.to_vec()));
        }
        if self.accepted.fetch_add(1, Relaxed) + 1 == self.seen.len() {
            self.finish.send_replace(Some(Instant::now()));
        }
    }
}

/// One connection.
struct Talk {
    book: Arc<Book>,
    recipients: Vec<Option<usize>>,
    in_letter: bool,
    /// What has been read and not been answered.
    heard: Vec<u8>,
    /// Up to where the end of the letter was looked for.
    searched: usize,
    replies: Vec<u8>,
    over: bool,
}

impl Talk {
    fn new(book: Arc<Book>) -> Self {
        book.connections.fetch_add(1, Relaxed);
        Self {
            book,
            recipients: Vec::new(),
            in_letter: false,
            heard: Vec::new(),
            searched: 0,
            replies: b"220 sink.example ESMTP\r\n".to_vec(),
            over: false,
        }
    }

    /// A connection that ends badly ends only itself.
    async fn hold(mut self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        loop {
            if stream.write_all(&self.replies).await.is_err() || self.over {
                return;
            }
            self.replies.clear();
            self.heard.reserve(READ_OCTETS);
            match stream.read_buf(&mut self.heard).await {
                Ok(0) | Err(_) => return,
                Ok(_) => while self.step() {},
            }
        }
    }

    /// Takes one command or letter; false when more must be read first.
    fn step(&mut self) -> bool {
        if self.in_letter {
            return self.letter();
        }
        let Some(end) = memchr::memchr(b'\n', &self.heard) else {
            return false;
        };
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        self.command(line.trim_ascii_end());
        !self.over
    }

    fn letter(&mut self) -> bool {
        let from = self.searched.saturating_sub(4);
        let Some(at) = memmem::find(&self.heard[from..], b"\r\n.\r\n") else {
            self.searched = self.heard.len();
            return false;
        };
        let end = from + at;
        for recipient in std::mem::take(&mut self.recipients) {
            self.book.enter(recipient, &self.heard[..end + 2]);
        }
        self.heard.drain(..end + 5);
        (self.in_letter, self.searched) = (false, 0);
        self.replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        true
    }

    fn command(&mut self, line: &[u8]) {
        let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
        let reply: &[u8] = match verb.as_slice() {
            b"EHLO" => b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 104857600\r\n",
            b"HELO" | b"MAIL" | b"NOOP" | b"RSET" => {
                self.recipients.clear();
                b"250 2.0.0 Ok\r\n"
            }
            b"RCPT" => {
                self.recipients.push(number(line));
                b"250 2.1.5 Ok\r\n"
            }
            b"DATA" if self.recipients.is_empty() => b"503 5.5.1 No recipients\r\n",
            b"DATA" => {
                self.in_letter = true;
                b"354 Go ahead\r\n"
            }
            b"QUIT" => {
                self.over = true;
                b"221 2.0.0 Bye\r\n"
            }
            _ => b"502 5.5.1 Not here\r\n",
        };
        self.replies.extend_from_slice(reply);
    }
}

/// The number of a letter by its recipient, `reader17@...`.
fn number(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    let (_, rest) = text.split_once("<reader")?;
    rest.split_once('@')?.0.parse().ok()
}
