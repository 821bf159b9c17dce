//! One MX host of the small internet: a listening socket and the guests it serves.
//!
//! Owns accepting, STARTTLS hand-over and the tasks of the guests. Promises: every task ends when the small internet
//! stops; a host that refuses or never speaks does exactly that. Leaves the talk to `session`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    error::SimError,
    plan::Health,
    provider::Provider,
    session::{Ending, Privacy, Session},
    wire::Wire,
};

/// Connections waiting to be accepted.
const BACKLOG: u32 = 1_024;

/// A TLS handshake that takes longer is an attack or a dead line.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// A host with its socket.
pub(super) struct Host {
    name: String,
    health: Health,
    socket: Socket,
    address: SocketAddr,
    provider: Arc<Provider>,
    tls: Option<TlsAcceptor>,
}

enum Socket {
    Listening(TcpListener),
    /// Bound but not listening: connections are refused, and nobody else can take the port meanwhile.
    Closed {
        _held: TcpSocket,
    },
}

impl Host {
    /// Takes a free loopback port for a host.
    pub(super) fn bind(
        name: &str,
        health: Health,
        provider: Arc<Provider>,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self, SimError> {
        let fault = |source| SimError::socket(format!("opening the mail host {name}"), source);
        let bound = open_socket(health).map_err(fault)?;
        Ok(Self {
            name: name.to_owned(),
            health,
            socket: bound.0,
            address: bound.1,
            provider,
            tls,
        })
    }

    /// Where the host listens, whatever its address in DNS.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until stopped, then waits for its guests to leave.
    pub(super) async fn serve(self, stop: CancellationToken) {
        let listener = match &self.socket {
            Socket::Listening(listener) => listener,
            Socket::Closed { .. } => return stop.cancelled().await,
        };
        let door = Arc::new(Door {
            name: self.name,
            health: self.health,
            provider: self.provider,
            tls: self.tls,
            stop: stop.clone(),
        });
        let mut guests = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Those who left are collected before new ones come, so that their number stays that of the present.
                Some(_) = guests.join_next(), if !guests.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => drop(guests.spawn(Arc::clone(&door).serve(stream, peer.ip()))),
                    // Out of file descriptors: the guests present will free some.
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        }
        while guests.join_next().await.is_some() {}
    }
}

fn open_socket(health: Health) -> io::Result<(Socket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    let socket = match health {
        Health::Refusing => Socket::Closed { _held: socket },
        Health::Alive | Health::Silent => Socket::Listening(socket.listen(BACKLOG)?),
    };
    Ok((socket, address))
}

/// What all guests of a host share.
struct Door {
    name: String,
    health: Health,
    provider: Arc<Provider>,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
}

impl Door {
    async fn serve(self: Arc<Self>, stream: TcpStream, source: IpAddr) {
        if self.health == Health::Silent {
            // The stream stays open and unread.
            self.stop.cancelled().await;
            return;
        }
        // Replies are small and answered at once.
        let _ = stream.set_nodelay(true);
        let refusal = self.provider.welcome(source);
        let mut wire = Wire::new(
            stream,
            self.provider.temper().reply_delay,
            self.stop.clone(),
        );
        if let Some(saying) = refusal {
            let reply = saying.render("", &source.to_string());
            wire.close(&reply).await;
            return;
        }
        self.receive(wire, source).await;
        self.provider.farewell(source);
    }

    async fn receive(&self, mut wire: Wire<TcpStream>, source: IpAddr) {
        let privacy = self
            .tls
            .as_ref()
            .map_or(Privacy::Never, |_| Privacy::Offered);
        let session = Session::new(
            &mut wire,
            Arc::clone(&self.provider),
            &self.name,
            source,
            privacy,
        );
        if session.run().await == Ending::Left {
            return;
        }
        let Some(acceptor) = &self.tls else {
            return;
        };
        let handshake = timeout(HANDSHAKE, acceptor.accept(wire.into_stream()));
        let Some(Ok(Ok(stream))) = self.stop.run_until_cancelled(handshake).await else {
            return;
        };
        self.provider.secured();
        let mut wire = Wire::new(
            stream,
            self.provider.temper().reply_delay,
            self.stop.clone(),
        );
        let provider = Arc::clone(&self.provider);
        let session = Session::new(&mut wire, provider, &self.name, source, Privacy::Encrypted);
        session.run().await;
    }
}
