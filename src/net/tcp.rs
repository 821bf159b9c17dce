//! TCP connections to receivers.
//!
//! Owns [`Tcp`]. Promises: the local address asked for is the one used; with `only_reroute` an address that is not listed
//! is never connected to, whatever DNS says. Leaves time limits to the caller.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpSocket, TcpStream};

use crate::{
    mail::{Stage, Trouble, TroubleKind},
    port::Dial,
};

/// Opens TCP connections.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// The port of receivers, 25 but in tests.
    pub port: u16,
    /// Addresses that stand for other sockets: the small internet of tests and the demo.
    pub reroute: HashMap<IpAddr, SocketAddr>,
    /// Refuse every address that is not in `reroute`, so that a demonstration never reaches a real host.
    pub only_reroute: bool,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            port: 25,
            reroute: HashMap::new(),
            only_reroute: false,
        }
    }
}

impl Tcp {
    /// The socket behind an address and port.
    fn target(&self, to: IpAddr, port: u16) -> Result<SocketAddr, Trouble> {
        match self.reroute.get(&to) {
            Some(socket) => Ok(*socket),
            None if self.only_reroute => {
                let what = format!("{to} is outside of the small internet");
                Err(Trouble::new(Stage::Connect, TroubleKind::Refused, what))
            }
            None => Ok(SocketAddr::new(to, port)),
        }
    }
}

impl Dial for Tcp {
    type Wire = TcpStream;

    async fn dial(&self, from: Option<IpAddr>, to: IpAddr) -> Result<TcpStream, Trouble> {
        self.dial_at(from, to, self.port).await
    }

    async fn dial_at(
        &self,
        from: Option<IpAddr>,
        to: IpAddr,
        port: u16,
    ) -> Result<TcpStream, Trouble> {
        let target = self.target(to, port)?;
        // Only a loopback source can reach a loopback socket.
        let from = from.filter(|from| !target.ip().is_loopback() || from.is_loopback());
        let connected = connect(from, target).await;
        connected.map_err(|error| {
            let what = format!("connecting to {target}: {error}");
            Trouble::new(Stage::Connect, kind(&error), what)
        })
    }
}

async fn connect(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    // Commands are small and answered one by one; Nagle's waiting would only add to each.
    socket.set_nodelay(true)?;
    socket.connect(to).await
}

fn kind(error: &io::Error) -> TroubleKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TroubleKind::Refused,
        io::ErrorKind::TimedOut => TroubleKind::TimedOut,
        _ => TroubleKind::Io,
    }
}
