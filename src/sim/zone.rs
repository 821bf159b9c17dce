//! What the private DNS of the small internet knows.
//!
//! Owns names, their records and their faults. Promises: an answer depends on nothing but the zone and the question;
//! a name above a known name exists without records (RFC 8020). Leaves packets to `dns`.

use std::{collections::BTreeMap, net::IpAddr};

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, MX, SOA, TXT},
    },
    serialize::txt::Parser,
};

/// How long resolvers may keep an answer: long enough to be a cache, short enough for a demo that changes keys.
const TTL_SECONDS: u32 = 60;

/// Aliases followed before giving up.
const ALIASES_MAX: usize = 8;

/// Every name of the small internet.
#[derive(Debug, Default)]
pub(super) struct Zone {
    names: BTreeMap<String, Node>,
}

/// One name. The key in the zone is reversed by label (`ru.mail.mxs`), so that a name's children follow it.
#[derive(Debug, Default)]
struct Node {
    mx: Vec<(u16, String)>,
    addresses: Vec<IpAddr>,
    texts: Vec<String>,
    alias: Option<String>,
    fault: Option<Fault>,
    /// What zone files brought, of any type.
    others: Vec<RData>,
}

/// How a name server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SERVFAIL.
    Broken,
    /// No answer at all.
    Silent,
}

/// What to send back.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// Records, or none of that type when empty.
    Records(Vec<Record>),
    /// An error code.
    Refused(ResponseCode),
    /// Nothing.
    Silence,
}

impl Zone {
    /// Adds a mail host to a domain. The empty host name is the null MX (RFC 7505).
    pub(super) fn add_mx(&mut self, domain: &str, preference: u16, host: &str) {
        let entry = (preference, host.to_owned());
        self.node(domain).mx.push(entry);
    }

    /// Adds an address to a host.
    pub(super) fn add_address(&mut self, host: &str, address: IpAddr) {
        self.node(host).addresses.push(address);
    }

    /// Sets the one text of a name.
    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.node(name).texts = vec![text.to_owned()];
    }

    /// Makes a name another one's alias.
    pub(super) fn set_alias(&mut self, name: &str, target: &str) {
        self.node(name).alias = Some(target.to_owned());
    }

    /// Makes every question about a name fail.
    pub(super) fn set_fault(&mut self, name: &str, fault: Fault) {
        self.node(name).fault = Some(fault);
    }

    /// Adds records of a zone file (RFC 1035 §5); names are complete.
    pub(super) fn add_file(&mut self, text: &str) -> Result<(), String> {
        for record in read_file(text)? {
            let node = self.node(&record.name.to_ascii());
            if let RData::CNAME(target) = &record.data {
                node.alias = Some(target.0.to_ascii());
            } else if !node.others.contains(&record.data) {
                node.others.push(record.data);
            }
        }
        Ok(())
    }

    /// Takes the records of a zone file away.
    pub(super) fn remove_file(&mut self, text: &str) -> Result<(), String> {
        for record in read_file(text)? {
            let name = record.name.to_ascii();
            self.node(&name).others.retain(|data| *data != record.data);
            self.sweep(&name);
        }
        Ok(())
    }

    /// Takes all records of a type away.
    pub(super) fn remove(&mut self, name: &str, kind: RecordType) {
        let node = self.node(name);
        node.others.retain(|data| data.record_type() != kind);
        match kind {
            RecordType::MX => node.mx.clear(),
            RecordType::TXT => node.texts.clear(),
            RecordType::CNAME => node.alias = None,
            RecordType::A => node.addresses.retain(IpAddr::is_ipv6),
            RecordType::AAAA => node.addresses.retain(IpAddr::is_ipv4),
            _ => {}
        }
        self.sweep(name);
    }

    /// A name without anything does not exist.
    fn sweep(&mut self, name: &str) {
        self.names
            .retain(|at, node| *at != key(name) || !node.is_empty());
    }

    /// Answers a question.
    pub(super) fn answer(&self, query: &Query) -> Answer {
        let mut records = Vec::new();
        let mut name = query.name().clone();
        for _ in 0..ALIASES_MAX {
            let Some(node) = self.names.get(&key(&name.to_utf8())) else {
                return self.absent(&name, records);
            };
            match node.fault {
                Some(Fault::Broken) => return Answer::Refused(ResponseCode::ServFail),
                Some(Fault::Silent) => return Answer::Silence,
                None => {}
            }
            let Some(target) = node.alias.as_deref().and_then(absolute) else {
                records.extend(node.records(&name, query.query_type()));
                return Answer::Records(records);
            };
            let alias = RData::CNAME(CNAME(target.clone()));
            records.push(Record::from_rdata(name, TTL_SECONDS, alias));
            if query.query_type() == RecordType::CNAME {
                return Answer::Records(records);
            }
            name = target;
        }
        Answer::Records(records)
    }

    /// A name without records exists when something lies below it.
    fn absent(&self, name: &Name, records: Vec<Record>) -> Answer {
        let prefix = format!("{}.", key(&name.to_utf8()));
        let mut below = self.names.range(prefix.clone()..);
        let exists = below
            .next()
            .is_some_and(|(key, _)| key.starts_with(&prefix));
        if exists || !records.is_empty() {
            Answer::Records(records)
        } else {
            Answer::Refused(ResponseCode::NXDomain)
        }
    }

    fn node(&mut self, name: &str) -> &mut Node {
        self.names.entry(key(name)).or_default()
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.mx.is_empty()
            && self.addresses.is_empty()
            && self.texts.is_empty()
            && self.alias.is_none()
            && self.fault.is_none()
            && self.others.is_empty()
    }

    fn records(&self, name: &Name, kind: RecordType) -> Vec<Record> {
        let data: Vec<RData> = match kind {
            RecordType::MX => self.mx.iter().filter_map(mail_host).collect(),
            RecordType::A | RecordType::AAAA => {
                let addresses = self.addresses.iter().map(|address| address_data(*address));
                addresses
                    .filter(|data| data.record_type() == kind)
                    .collect()
            }
            RecordType::TXT => self.texts.iter().map(|text| text_data(text)).collect(),
            _ => Vec::new(),
        };
        let others = self.others.iter().filter(|data| data.record_type() == kind);
        data.into_iter()
            .chain(others.cloned())
            .map(|data| Record::from_rdata(name.clone(), TTL_SECONDS, data))
            .collect()
    }
}

/// The record that lets resolvers remember an absence (RFC 2308 §3).
pub(super) fn start_of_authority(name: &Name) -> Record {
    let server = Name::from_ascii("ns.example.").unwrap_or_default();
    let keeper = Name::from_ascii("hostmaster.example.").unwrap_or_default();
    let data = SOA::new(server, keeper, 1, 3_600, 600, 86_400, TTL_SECONDS);
    let apex = if name.is_root() {
        name.clone()
    } else {
        name.base_name()
    };
    Record::from_rdata(apex, TTL_SECONDS, RData::SOA(data))
}

fn read_file(text: &str) -> Result<Vec<Record>, String> {
    let file = format!("$TTL {TTL_SECONDS}\n{text}\n");
    let parsed = Parser::new(file, None, Some(Name::root())).parse();
    let (_, sets) = parsed.map_err(|error| error.to_string())?;
    let each = sets.into_values().flat_map(|set| {
        let records: Vec<Record> = set.records_without_rrsigs().cloned().collect();
        records
    });
    Ok(each.collect())
}

fn mail_host((preference, host): &(u16, String)) -> Option<RData> {
    let host = if host.is_empty() {
        Name::root()
    } else {
        absolute(host)?
    };
    Some(RData::MX(MX::new(*preference, host)))
}

const fn address_data(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

/// A text longer than 255 octets is sent in pieces (RFC 1035 §3.3.14).
fn text_data(text: &str) -> RData {
    let pieces = text.as_bytes().chunks(255).collect();
    RData::TXT(TXT::from_bytes(pieces))
}

fn absolute(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// A name as the zone sorts it: lower case, labels reversed.
fn key(name: &str) -> String {
    let lower = name.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = lower.rsplit('.').collect();
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        let mut zone = Zone::default();
        zone.add_mx("mail.ru", 10, "mxs.mail.ru");
        zone.add_address("mxs.mail.ru", IpAddr::from([192, 0, 2, 1]));
        zone.add_mx("closed.example", 0, "");
        zone.set_alias("loop.example", "loop.example");
        zone.set_alias("www.mail.ru", "mxs.mail.ru");
        zone.set_fault("broken.example", Fault::Broken);
        zone.set_text("k1._domainkey.example.com", &"a".repeat(300));
        zone
    }

    fn check(name: &str, kind: RecordType, expected: &str) {
        let query = Query::query(absolute(name).unwrap(), kind);
        let found = match zone().answer(&query) {
            Answer::Records(records) => {
                let data = records.iter().map(|record| record.data.to_string());
                data.collect::<Vec<_>>().join(" | ")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{name} {kind}");
    }

    #[test]
    fn a_question_gets_the_records_of_its_type() {
        check("Mail.RU", RecordType::MX, "10 mxs.mail.ru.");
        check("mxs.mail.ru", RecordType::A, "192.0.2.1");
        check("mxs.mail.ru", RecordType::AAAA, "");
        check("closed.example", RecordType::MX, "0 .");
    }

    #[test]
    fn a_name_above_a_known_name_exists_and_others_do_not() {
        check("example.com", RecordType::MX, "");
        check("_domainkey.example.com", RecordType::TXT, "");
        check("example.org", RecordType::MX, "Refused(NXDomain)");
        check("ail.ru", RecordType::MX, "Refused(NXDomain)");
    }

    #[test]
    fn faults_and_alias_loops_end() {
        check("broken.example", RecordType::MX, "Refused(ServFail)");
        check("www.mail.ru", RecordType::A, "mxs.mail.ru. | 192.0.2.1");
        check(
            "loop.example",
            RecordType::A,
            &["loop.example."; 8].join(" | "),
        );
    }
}
