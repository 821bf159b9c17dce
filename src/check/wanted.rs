//! All records that a sending domain needs.
//!
//! Owns the list behind `postrider dns`. Promises: published as they stand, they leave `examine` nothing to complain about in
//! DNS. Leaves the MX of the From domain to the operator: that is the mail of people.

use std::net::IpAddr;

use super::{
    ptr::reverse_name,
    subject::{KeyPhase, Subject},
};

/// One record, with the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The name, without a final dot.
    pub name: String,
    /// The type.
    pub kind: &'static str,
    /// Its data.
    pub value: String,
    /// Why, in plain words.
    pub why: String,
}

/// The records in an order that reads well: names of machines, the way back, signatures, policy.
pub fn records(subject: &Subject) -> Vec<Wanted> {
    let mut list = List(Vec::new());
    for source in &subject.sources {
        let Some(address) = source.address else {
            continue;
        };
        let ehlo = source.ehlo.as_str();
        list.address(
            ehlo,
            address,
            "the name that this source gives in EHLO must lead to it",
        );
        let spf = subject.ehlo_spf_text(ehlo);
        list.add(
            ehlo,
            "TXT",
            spf,
            "bounces travel without a return path; then receivers check this name",
        );
        let why = "the address must be called as it calls itself; your hosting provider publishes this one";
        list.add(&reverse_name(address), "PTR", format!("{ehlo}."), why);
    }
    back(subject, &mut list);
    if let Some(path) = &subject.return_path {
        let why = "SPF: these addresses, and no others, send for the return path";
        list.add(path.as_str(), "TXT", subject.spf_text(), why);
    }
    let signer = subject.signing_domain.as_ref().unwrap_or(&subject.domain);
    for key in subject
        .keys
        .iter()
        .filter(|key| key.phase != KeyPhase::Retired)
    {
        let name = format!("{}._domainkey.{signer}", key.selector);
        list.add(
            &name,
            "TXT",
            key.text.clone(),
            "DKIM: the public half of the key that signs",
        );
    }
    let why = "DMARC: what receivers do with letters that only pretend to be yours, and where they report it";
    list.add(
        &format!("_dmarc.{}", subject.domain),
        "TXT",
        subject.dmarc_text(),
        why,
    );
    list.0
}

fn back(subject: &Subject, list: &mut List) {
    let first = subject.addresses().first().copied();
    if let (Some(host), Some(address)) = (&subject.inbound_host, first) {
        list.address(
            host,
            address,
            "the host of our listener; another address where it runs elsewhere",
        );
    }
    for inbound in &subject.inbound {
        let domain = inbound.domain.as_str();
        if let Some(host) = &subject.inbound_host {
            let why = "bounces, complaints and unsubscribe letters come back to our listener";
            list.add(domain, "MX", format!("10 {host}."), why);
        }
        if let Some(to) = &subject.reports_to {
            let why = "TLS-RPT: senders report when they could not encrypt on the way to us";
            let text = format!("v=TLSRPTv1; rua=mailto:{to}");
            list.add(&format!("_smtp._tls.{domain}"), "TXT", text, why);
        }
    }
    if let (Some((url, _)), Some(address)) = (&subject.unsubscribe, first) {
        let host = url
            .trim_start_matches("https://")
            .split(['/', ':'])
            .next()
            .unwrap_or("");
        list.address(
            host,
            address,
            "the web server before our one-click address; another address where it runs elsewhere",
        );
    }
}

struct List(Vec<Wanted>);

impl List {
    fn add(&mut self, name: &str, kind: &'static str, value: String, why: &str) {
        let (name, why) = (name.to_owned(), why.to_owned());
        let is_known = |old: &Wanted| old.name == name && old.kind == kind && old.value == value;
        if !self.0.iter().any(is_known) {
            self.0.push(Wanted {
                name,
                kind,
                value,
                why,
            });
        }
    }

    fn address(&mut self, host: &str, address: IpAddr, why: &str) {
        let kind = if address.is_ipv4() { "A" } else { "AAAA" };
        self.add(host, kind, address.to_string(), why);
    }
}

impl Wanted {
    /// The line of a zone file; long texts in strings of 255 octets, which DNS joins again.
    pub fn zone_line(&self) -> String {
        zone_line(&self.name, self.kind, &self.value)
    }
}

/// Octets of one character-string (RFC 1035 §3.3).
const STRING_MAX: usize = 255;

/// A record as a zone file writes it.
pub fn zone_line(name: &str, kind: &str, value: &str) -> String {
    if kind != "TXT" {
        return format!("{name}. IN {kind} {value}");
    }
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    let mut strings = Vec::new();
    let mut rest = quoted.as_str();
    while rest.len() > STRING_MAX {
        let end = (1..=STRING_MAX)
            .rev()
            .find(|end| rest.is_char_boundary(*end))
            .unwrap_or(rest.len());
        let (string, after) = rest.split_at(end);
        strings.push(format!("\"{string}\""));
        rest = after;
    }
    strings.push(format!("\"{rest}\""));
    format!("{name}. IN TXT {}", strings.join(" "))
}
