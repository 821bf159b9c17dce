//! The injector: hands letters to a server over a number of SMTP connections.
//!
//! Promises: every letter was accepted by the server, or it is an error that shows the reply; a connection is opened anew
//! when the server closes it between letters (421). Pipelines where that is offered (RFC 2920).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::letters::SENDER;

/// How long a server may take until it greets.
const START: Duration = Duration::from_secs(90);

/// A server that has just started may have taken the connection before it can speak.
const GREETING: Duration = Duration::from_secs(5);

/// Between two looks whether it greets.
const PAUSE: Duration = Duration::from_millis(50);

/// A letter as it goes over the wire.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Its recipient.
    pub(crate) to: String,
    /// Its octets, dots doubled, final dot included (RFC 5321 §4.5.2).
    pub(crate) octets: Vec<u8>,
}

impl Parcel {
    /// Wraps a message.
    pub(crate) fn new(to: String, message: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(message.len() + 16);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                octets.push(b'.');
            }
            octets.extend_from_slice(line);
        }
        if !octets.ends_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b".\r\n");
        Self { to, octets }
    }
}

/// Waits until a server greets.
pub(crate) async fn greeted(by: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    loop {
        match timeout(GREETING, Client::open(by))
            .await
            .unwrap_or_else(|slow| Err(slow.into()))
        {
            Ok(client) => return client.leave().await,
            Err(error) if begun.elapsed() > START => {
                return Err(error.context(format!("nobody greets at {by} within {START:?}")));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Hands over all parcels.
pub(crate) async fn inject(
    to: SocketAddr,
    parcels: &Arc<Vec<Parcel>>,
    connections: usize,
) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (next, parcels) = (Arc::clone(&next), Arc::clone(parcels));
        senders.spawn(async move {
            let mut client = Client::open(to).await?;
            while let Some(parcel) = parcels.get(next.fetch_add(1, Relaxed)) {
                if !client.send(parcel).await? {
                    client = Client::open(to).await?;
                    anyhow::ensure!(
                        client.send(parcel).await?,
                        "the server takes no letter at all"
                    );
                }
            }
            client.leave().await
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(())
}

struct Client {
    stream: BufReader<TcpStream>,
    pipelining: bool,
}

impl Client {
    async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream: BufReader::new(stream),
            pipelining: false,
        };
        client.expect("220").await?;
        client.say(b"EHLO injector.example.com\r\n").await?;
        let offers = client.expect("250").await?;
        client.pipelining = offers.to_ascii_uppercase().contains("PIPELINING");
        Ok(client)
    }

    async fn leave(mut self) -> Result<()> {
        // Whether it answers is its own affair.
        self.say(b"QUIT\r\n").await
    }

    /// False when the server wants a new connection for it.
    async fn send(&mut self, parcel: &Parcel) -> Result<bool> {
        let commands = [
            format!("MAIL FROM:<bounce@{SENDER}>\r\n"),
            format!("RCPT TO:<{}>\r\n", parcel.to),
            "DATA\r\n".to_owned(),
        ];
        if self.pipelining {
            self.say(commands.concat().as_bytes()).await?;
        }
        for (command, wanted) in commands.iter().zip(["250", "250", "354"]) {
            if !self.pipelining {
                self.say(command.as_bytes()).await?;
            }
            let reply = self.reply().await?;
            if reply.starts_with("421") {
                return Ok(false);
            }
            if !reply.starts_with(wanted) {
                bail!(
                    "to {} the server said: {}",
                    command.trim_end(),
                    reply.trim_end()
                );
            }
        }
        self.say(&parcel.octets).await?;
        self.expect("250").await?;
        Ok(true)
    }

    async fn say(&mut self, octets: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(octets).await?)
    }

    async fn expect(&mut self, wanted: &str) -> Result<String> {
        let reply = self.reply().await?;
        if !reply.starts_with(wanted) {
            bail!("instead of {wanted} the server said: {}", reply.trim_end());
        }
        Ok(reply)
    }

    /// All lines of a reply (RFC 5321 §4.2.1).
    async fn reply(&mut self) -> Result<String> {
        let mut reply = String::new();
        loop {
            let begun = reply.len();
            let count = self.stream.read_line(&mut reply).await?;
            let line = &reply[begun..];
            if count == 0 {
                bail!("the server hung up after: {}", reply.trim_end());
            }
            let mark = line.as_bytes().get(3).context("the server said no code")?;
            if *mark != b'-' {
                return Ok(reply);
            }
        }
    }
}
