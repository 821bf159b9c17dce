//! The DNS record that lets strangers verify our signatures.
//!
//! Owns its text (RFC 6376 §3.6.1, RFC 8463 §4). Leaves publishing to the operator, checking to `check`.

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::{Algorithm, PublicKey};

/// Octets of one character-string of a TXT record (RFC 1035 §3.3).
const STRING_MAX: usize = 255;

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// `<selector>._domainkey.<domain>`.
    pub name: String,
    /// The whole value, as web forms of DNS hosts want it.
    pub text: String,
}

/// The record of a key.
pub fn dns_record(key: &PublicKey) -> DnsRecord {
    let algorithm = match key.algorithm {
        Algorithm::Rsa => "rsa",
        Algorithm::Ed25519 => "ed25519",
    };
    DnsRecord {
        name: format!("{}._domainkey.{}", key.selector, key.domain),
        text: format!("v=DKIM1; k={algorithm}; p={}", BASE64.encode(&key.octets)),
    }
}

/// Whether these TXT records, found at the key's name, let strangers verify it.
pub fn is_published(key: &PublicKey, texts: &[String]) -> bool {
    let wanted = BASE64.encode(&key.octets);
    let shown = |text: &String| {
        let tags = text.split(';').filter_map(|tag| tag.split_once('='));
        // White space within `p=` means nothing (RFC 6376 §3.6.1).
        let packed = |value: &str| value.split_ascii_whitespace().collect::<String>();
        tags.into_iter()
            .any(|(name, value)| name.trim() == "p" && packed(value) == wanted)
    };
    texts.iter().any(shown)
}

impl DnsRecord {
    /// The line for a zone file: a 2048 bit key needs two strings, which DNS joins again.
    pub fn zone_line(&self) -> String {
        let mut line = format!("{}. IN TXT", self.name);
        let mut rest = self.text.as_str();
        while !rest.is_empty() {
            let (string, next) = rest.split_at(rest.len().min(STRING_MAX));
            // Writing into a String cannot fail.
            let _ = write!(line, " \"{string}\"");
            rest = next;
        }
        line
    }
}
