//! What receivers report in sum about letters that bear our names: DMARC (RFC 7489 §7.2) and TLS (RFC 8460).
//!
//! Owns the nouns. Promises: plain values; a report proves nothing, because anybody can write one: it is counted and shown,
//! and changes nothing.

use super::Timestamp;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// What it is about.
    pub kind: StatisticsKind,
    /// Who reports.
    pub reporter: String,
    /// The reporter's name for it; the same report twice bears the same.
    pub report_id: String,
    /// The domain it is about.
    pub domain: String,
    /// First moment of the time it covers.
    pub begins: Timestamp,
    /// Last moment.
    pub ends: Timestamp,
    /// Its lines.
    pub lines: Vec<StatisticsLine>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatisticsKind {
    /// Whether letters were ours.
    Dmarc,
    /// Whether connections were encrypted.
    Tls,
}

impl StatisticsKind {
    /// The word of SQL, JSON and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dmarc => "dmarc",
            Self::Tls => "tls",
        }
    }
}

/// A group of letters or sessions that fared alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatisticsLine {
    /// The address they came from, as the reporter saw it; of TLS reports the host that was spoken to.
    pub source: Option<String>,
    /// How many.
    pub count: u32,
    /// DMARC: whether DKIM passed in alignment. TLS: whether the session was encrypted as the policy asks.
    pub dkim: bool,
    /// DMARC: whether SPF passed in alignment.
    pub spf: bool,
    /// DMARC: what was done with them. TLS: what failed.
    pub verdict: String,
    /// DMARC: the From domain. TLS: the policy.
    pub subject: String,
    /// DMARC: which signature and return path were seen. TLS: the reporter's own words.
    pub detail: String,
}
