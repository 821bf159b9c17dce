//! The sockets: who gets a talk, and how it ends.
//!
//! Owns accepting, STARTTLS and the end. Promises: a guest without a place is told so with 421 and costs nothing more; one
//! guest's end is nobody else's; after `stop` no talk begins, those in the middle of a mail may end it within the farewell,
//! and no task is left. Leaves the talk to `session`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    budget::Budget,
    guests::Guests,
    session::{Ending, House, Privacy, Session},
    settings::{Protocol, Settings},
};
use crate::{
    port::{
        Clock,
        inbound::{InboundWatch, Intake},
    },
    smtp::guest::Guest,
    token::Addresses,
};

/// After a failed accept, which means that the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets, open.
pub struct Listener {
    sockets: Vec<(Protocol, TcpListener)>,
}

impl Listener {
    /// Opens every socket, or says which cannot be.
    pub async fn bind(sockets: &[(Protocol, SocketAddr)]) -> Result<Self, (SocketAddr, io::Error)> {
        let mut open = Vec::new();
        for (protocol, at) in sockets {
            let socket = TcpListener::bind(at).await.map_err(|error| (*at, error))?;
            open.push((*protocol, socket));
        }
        Ok(Self { sockets: open })
    }

    /// Where it listens, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let sockets = self.sockets.iter();
        sockets
            .filter_map(|(_, socket)| socket.local_addr().ok())
            .collect()
    }
}

/// Talks with guests until `stop`.
pub async fn serve<I: Intake, C: Clock, W: InboundWatch>(
    listener: Listener,
    settings: Settings,
    addresses: Addresses,
    (intake, clock, watch): (I, C, W),
    stop: CancellationToken,
) {
    let (guests, farewell) = (Guests::new(&settings), settings.farewell);
    let house = Arc::new(House {
        budget: Budget::new(settings.memory_max),
        settings,
        addresses,
        intake,
        clock,
        watch,
    });
    let mut gates = JoinSet::new();
    for (protocol, socket) in listener.sockets {
        let gate = Gate {
            protocol,
            house: Arc::clone(&house),
            guests: guests.clone(),
            stop: stop.clone(),
        };
        gates.spawn(gate.serve(socket, farewell));
    }
    while gates.join_next().await.is_some() {}
}

/// One talk over any stream, until it ends or asks for TLS: what the listener does for each guest, without its limits on guests.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin, I: Intake, C: Clock, W: InboundWatch>(
    stream: S,
    protocol: Protocol,
    settings: Settings,
    addresses: Addresses,
    (intake, clock, watch): (I, C, W),
) {
    let mut guest = Guest::new(stream, settings.manner(), CancellationToken::new());
    let house = House {
        budget: Budget::new(settings.memory_max),
        settings,
        addresses,
        intake,
        clock,
        watch,
    };
    let nobody = Ipv4Addr::UNSPECIFIED.into();
    Session::new(&house, &mut guest, protocol, nobody, Privacy::Clear)
        .run()
        .await;
}

/// One socket.
struct Gate<I, C, W> {
    protocol: Protocol,
    house: Arc<House<I, C, W>>,
    guests: Guests,
    stop: CancellationToken,
}

impl<I: Intake, C: Clock, W: InboundWatch> Gate<I, C, W> {
    async fn serve(self, socket: TcpListener, farewell: Duration) {
        let mut talks = JoinSet::new();
        let gate = Arc::new(self);
        while let Some((stream, from)) = gate.next(&socket, &mut talks).await {
            talks.spawn(Arc::clone(&gate).welcome(stream, from));
        }
        drop(socket);
        let all_left = async { while talks.join_next().await.is_some() {} };
        if timeout(farewell, all_left).await.is_err() {
            warn!("Guests in the middle of a mail are cut off; they will send it again");
            talks.shutdown().await;
        }
    }

    /// The next guest; ended talks are cleared away meanwhile.
    async fn next(
        &self,
        socket: &TcpListener,
        talks: &mut JoinSet<()>,
    ) -> Option<(TcpStream, SocketAddr)> {
        loop {
            while talks.try_join_next().is_some() {}
            match self.stop.run_until_cancelled(socket.accept()).await? {
                Ok(guest) => return Some(guest),
                Err(error) => {
                    warn!(%error, "accepting an inbound connection");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn welcome(self: Arc<Self>, stream: TcpStream, from: SocketAddr) {
        let is_ours = self.protocol == Protocol::Lmtp;
        let place = self.guests.enter(from.ip(), is_ours, Instant::now());
        // Replies are small and written whole.
        let _ = stream.set_nodelay(true);
        match place {
            Ok(_place) => self.host(stream, from).await,
            Err(why) => {
                self.house.watch.crowded();
                let mut guest = Guest::new(stream, self.house.settings.manner(), self.stop.clone());
                guest.close(&format!("421 {why}")).await;
            }
        }
    }

    async fn host(&self, stream: TcpStream, from: SocketAddr) {
        let Some(stream) = self.talk(stream, from, Privacy::Clear).await else {
            return;
        };
        let Some(acceptor) = self.house.settings.tls.clone() else {
            return;
        };
        match timeout(self.house.settings.patience, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                self.talk(stream, from, Privacy::Encrypted).await;
            }
            Ok(Err(error)) => {
                debug!(%error, remote = %from.ip(), "an inbound TLS handshake failed");
            }
            Err(_) => debug!(remote = %from.ip(), "an inbound TLS handshake took too long"),
        }
    }

    /// One talk; the stream comes back when TLS is next.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        from: SocketAddr,
        privacy: Privacy,
    ) -> Option<S> {
        let mut guest = Guest::new(stream, self.house.settings.manner(), self.stop.clone());
        let remote = from.ip().to_canonical();
        let session = Session::new(&self.house, &mut guest, self.protocol, remote, privacy);
        let ending = session.run().await;
        (ending == Ending::StartTls).then(|| guest.into_stream())
    }
}
