//! A small internet on loopback sockets: a name server and mailbox providers with memory and tempers.
//!
//! Owns the receivers that `demo`, tests and benches send to: [`SmallInternet`] for behaviour, [`Sink`] for speed.
//! Promises: real packets and real TCP; same seed, same decisions; no task outlives it; nothing here sends a letter
//! or looks beyond loopback. Leaves classification to `bounce`, which must not share a line with `dialect`. Read
//! [`plan`] for what it consists of, then `internet`, `session` and `provider`.

mod chance;
mod command;
mod demo;
mod dialect;
mod dns;
mod ending;
mod host;
mod internet;
mod memory;
pub mod plan;
mod population;
mod provider;
mod session;
mod sink;
mod sink_talk;
mod tally;
mod temper;
mod tls;
mod verify;
mod wire;
mod zone;

pub use dialect::{Dialect, Refusal, Saying};
pub use internet::SmallInternet;
pub use plan::{Plan, Verify};
pub use population::{Population, Resident};
pub use sink::{Sink, SinkPlan, SinkTally};
pub use tally::{Envelope, Found, LetterRecord, Letters, ProviderTally, Tally};
pub use temper::{Cut, Cuts, Greylist, Mailbox, Rate, Shares, Temper};
pub use verify::Finding;

/// Why a small internet or a sink cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The system gave us no socket.
    #[error("{doing}")]
    Socket {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Keys, certificates or the verifier could not be made.
    #[error("preparing certificates and verifiers")]
    Crypto(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More hosts than documentation addresses (RFC 5737).
    #[error("a small internet has at most {max} mail hosts")]
    TooManyHosts {
        /// The number of addresses.
        max: usize,
    },
}

impl SimError {
    fn socket(doing: impl Into<String>, source: std::io::Error) -> Self {
        let doing = doing.into();
        Self::Socket { doing, source }
    }

    fn certificate(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Crypto(error.into())
    }
}
