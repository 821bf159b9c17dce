//! Why a small internet cannot be built.
//!
//! Owns the one error of this room. Promises: each names what was being done. A guest's misbehaviour is no error; it
//! is counted in `tally`.

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
    /// A zone file that cannot be read.
    #[error("reading records: {why}")]
    Records {
        /// What is wrong.
        why: String,
    },
    /// More hosts than documentation addresses (RFC 5737).
    #[error("a small internet has at most {max} mail hosts")]
    TooManyHosts {
        /// The number of addresses.
        max: usize,
    },
}

impl SimError {
    /// No socket while doing this.
    pub(super) fn socket(doing: impl Into<String>, source: std::io::Error) -> Self {
        let doing = doing.into();
        Self::Socket { doing, source }
    }

    /// No crypto.
    pub(super) fn crypto(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Crypto(error.into())
    }
}
