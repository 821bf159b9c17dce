//! What the operator grants guests.
//!
//! Owns the limits of the listener. Promises: every wait, buffer and number of theirs is bounded by one of these.

use std::{net::SocketAddr, time::Duration};

use tokio_rustls::TlsAcceptor;

use crate::smtp::guest::Manner;

/// Which talk a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321: anybody.
    Smtp,
    /// RFC 2033: a mail server of ours, which wants a reply for each recipient.
    Lmtp,
}

/// What guests may do.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen for whom.
    pub sockets: Vec<(Protocol, SocketAddr)>,
    /// The name in the greeting.
    pub host: String,
    /// Certificate and key, where STARTTLS is offered.
    pub tls: Option<TlsAcceptor>,
    /// Largest mail, in octets.
    pub size_max: usize,
    /// All mails on their way in together, in octets.
    pub memory_max: usize,
    /// Guests at once.
    pub guests_max: usize,
    /// Guests at once from one address.
    pub guests_per_client_max: u32,
    /// New guests per minute from one address.
    pub rate_per_client: u32,
    /// Waiting for the next command, or the next part of a mail (RFC 5321 §4.5.3.2.7: five minutes).
    pub patience: Duration,
    /// A mail must be here as a whole by then, however steadily it drips.
    pub mail_patience: Duration,
    /// Waiting for those who are in the middle of a mail when we stop.
    pub farewell: Duration,
}

impl Settings {
    /// How patient we are. Who is in the middle of a mail when we stop may end it.
    pub(super) const fn manner(&self) -> Manner {
        Manner {
            patience: self.patience,
            letter_patience: self.mail_patience,
            breaks_off: false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            host: "localhost".to_owned(),
            tls: None,
            size_max: 16 << 20,
            memory_max: 128 << 20,
            guests_max: 200,
            guests_per_client_max: 20,
            rate_per_client: 300,
            patience: Duration::from_mins(5),
            mail_patience: Duration::from_mins(10),
            farewell: Duration::from_secs(10),
        }
    }
}
