//! Whom an examination is about.
//!
//! Owns the facts that come from the operator's file and folders, as values.

use std::net::IpAddr;

use crate::mail::{Domain, Timestamp};

/// One sending domain with everything that stands behind it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The domain of From.
    pub domain: Domain,
    /// Where letters leave.
    pub sources: Vec<Source>,
    /// The domain of return paths.
    pub return_path: Option<Domain>,
    /// Domains whose mail must lead to our listener, the return path's among them.
    pub inbound: Vec<Inbound>,
    /// The name of the host where our listener is.
    pub inbound_host: Option<String>,
    /// Beginning of one-click addresses, and a token of ours to put behind it.
    pub unsubscribe: Option<(String, String)>,
    /// The keys of the domain that signs.
    pub keys: Vec<Key>,
    /// The domain that signs: the From domain or a parent of it.
    pub signing_domain: Option<Domain>,
    /// Age at which a key should be replaced, in days.
    pub key_age_days: u32,
    /// Block lists.
    pub lists: Lists,
    /// The time server to compare with, `host:port`.
    pub time_server: Option<String>,
    /// Where aggregate reports go: an address of ours.
    pub reports_to: Option<String>,
}

/// A source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in the file.
    pub name: String,
    /// The address that receivers see.
    pub address: Option<IpAddr>,
    /// The name in EHLO.
    pub ehlo: String,
}

/// A domain that leads to us.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The domain.
    pub domain: Domain,
    /// A recipient that only our listener takes, and the same spoilt; `None` where no listener of ours is meant to answer.
    pub probe: Option<(String, String)>,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPhase {
    /// Made, not signing yet.
    Next,
    /// Signs.
    Signing,
    /// Signs no more; its record stays until the last letter with it was read.
    Retired,
}

/// A key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its selector.
    pub selector: String,
    /// The whole text of its record.
    pub text: String,
    /// `p=` before base64.
    pub octets: Vec<u8>,
    /// Where it stands.
    pub phase: KeyPhase,
    /// When it was made.
    pub since: Option<Timestamp>,
    /// When its record may be emptied, for a retired one.
    pub revoke_at: Option<Timestamp>,
}

/// Block lists that are asked.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Zones for addresses, such as `zen.spamhaus.org`.
    pub addresses: Vec<String>,
    /// Zones for domains, such as `dbl.spamhaus.org`.
    pub domains: Vec<String>,
}

impl Subject {
    /// The addresses that receivers see, each once.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self.sources.iter().filter_map(|it| it.address).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The SPF record of an EHLO name: the sources that use it.
    pub fn ehlo_spf_text(&self, ehlo: &str) -> String {
        let mine = self
            .sources
            .iter()
            .filter(|source| source.ehlo.eq_ignore_ascii_case(ehlo));
        let mut addresses: Vec<IpAddr> = mine.filter_map(|source| source.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let terms: String = addresses.into_iter().map(spf_term).collect();
        format!("v=spf1{terms} -all")
    }

    /// The DMARC record to begin with: nothing is refused yet, and reports come to us.
    pub fn dmarc_text(&self) -> String {
        let to = self.reports_to.as_ref();
        let rua = to.map_or_else(String::new, |to| format!("; rua=mailto:{to}"));
        format!("v=DMARC1; p=none{rua}")
    }

    /// The SPF record that allows exactly the sources.
    pub fn spf_text(&self) -> String {
        let terms = self.addresses().into_iter().map(spf_term);
        let terms: String = terms.collect();
        format!("v=spf1{terms} -all")
    }
}

/// A term that allows an address.
pub(super) fn spf_term(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => format!(" ip4:{four}"),
        IpAddr::V6(six) => format!(" ip6:{six}"),
    }
}
