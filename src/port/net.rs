//! The traits between the engine and the network: DNS and byte streams.
//!
//! Owns signatures and the values they carry. Leaves limits of time to the caller.

use std::{future::Future, net::IpAddr};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::mail::{Domain, Trouble};

/// The mail hosts of a domain as DNS tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// Preference and host name, unsorted. A null MX is one entry with preference 0 and an empty name (RFC 7505).
    Hosts(Vec<(u16, String)>),
    /// The domain exists and has no MX: its own address records are tried (RFC 5321 §5.1).
    None,
    /// NXDOMAIN.
    NoSuchDomain,
    /// SERVFAIL, time-out, nonsense.
    Trouble(String),
}

/// The addresses of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostAnswer {
    /// Its addresses; may be empty when the name exists without any.
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NoSuchHost,
    /// SERVFAIL, time-out, nonsense.
    Trouble(String),
}

/// Asks DNS.
pub trait Dns: Send + Sync + 'static {
    /// MX records of a domain.
    fn mx(&self, domain: &Domain) -> impl Future<Output = MxAnswer> + Send;

    /// Address records of a host.
    fn addresses(&self, host: &str) -> impl Future<Output = HostAnswer> + Send;
}

/// A byte stream to a receiver, in clear or under TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> Wire for T {}

/// Opens byte streams.
pub trait Dial: Send + Sync + 'static {
    /// What a connection is.
    type Wire: Wire;

    /// Connects to a host from a local address (`None`: the system chooses). The caller sets the time limit.
    fn dial(
        &self,
        from: Option<IpAddr>,
        to: IpAddr,
    ) -> impl Future<Output = Result<Self::Wire, Trouble>> + Send;

    /// Like [`Dial::dial`], at a port of its own: a smarthost's 587. Where ports mean nothing, they are ignored.
    fn dial_at(
        &self,
        from: Option<IpAddr>,
        to: IpAddr,
        port: u16,
    ) -> impl Future<Output = Result<Self::Wire, Trouble>> + Send {
        let _ = port;
        self.dial(from, to)
    }
}
