//! DNS answers, told apart.
//!
//! Owns [`Resolver`] over `hickory-resolver` and its cache. Promises: "no such domain", "no such record" and "no answer"
//! never pass for each other, because the first bounces letters, the second tries the domain itself, and the third waits;
//! positive and negative answers live as long as their TTL allows, in a bounded cache; every question ends within
//! [`ResolverOptions::patience`]. Leaves the choice between hosts to `route`.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use crate::{
    mail::Domain,
    port::{Dns, HostAnswer, MxAnswer, inbound::Texts},
};

/// Answers in the cache; one takes some hundred octets.
const CACHE_MAX: u64 = 65_536;
/// Zones with longer TTLs are asked again after a day all the same.
const POSITIVE_TTL_MAX: Duration = Duration::from_hours(24);
/// A domain that was just set up should not wait longer than its first letter's first retry or two.
const NEGATIVE_TTL_MAX: Duration = Duration::from_mins(15);
/// Questions in flight to one server; more wait for them.
const IN_FLIGHT_MAX: usize = 512;

/// Whom to ask, and how long.
#[derive(Clone, Debug)]
pub struct ResolverOptions {
    /// The servers; the system's when empty.
    pub servers: Vec<SocketAddr>,
    /// The limit of one question to one server.
    pub timeout: Duration,
    /// How often each server is asked again after silence.
    pub attempts: usize,
    /// The limit of one answer, over all servers, attempts and aliases.
    pub patience: Duration,
    /// Whether hosts are asked for IPv6 addresses too.
    pub ipv6: bool,
    /// How long answers are believed, and how many.
    pub cache: CacheOptions,
}

/// The bounds of the cache; within them the records' own TTL counts.
#[derive(Clone, Copy, Debug)]
pub struct CacheOptions {
    /// An answer is believed at least so long.
    pub min: Duration,
    /// An answer is believed at most so long.
    pub max: Duration,
    /// "There is no such name" is believed at most so long.
    pub negative_max: Duration,
    /// Answers kept at most; one takes some hundred octets.
    pub entries: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            min: Duration::ZERO,
            max: POSITIVE_TTL_MAX,
            negative_max: NEGATIVE_TTL_MAX,
            entries: CACHE_MAX,
        }
    }
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 2,
            patience: Duration::from_secs(30),
            ipv6: true,
            cache: CacheOptions::default(),
        }
    }
}

/// Why DNS cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The system's configuration cannot be read.
    #[error("reading the system's DNS servers")]
    System(#[source] NetError),
    /// The client cannot be set up.
    #[error("setting up the DNS client")]
    Setup(#[source] NetError),
}

/// Asks DNS over UDP, and over TCP where an answer is truncated.
#[derive(Clone)]
pub struct Resolver {
    client: TokioResolver,
    patience: Duration,
    ipv6: bool,
}

impl Resolver {
    /// A client for those servers.
    pub fn new(options: &ResolverOptions) -> Result<Self, ResolverError> {
        let servers = if options.servers.is_empty() {
            let (system, _) = read_system_conf().map_err(ResolverError::System)?;
            system.name_servers().to_vec()
        } else {
            options.servers.iter().copied().map(server).collect()
        };
        // No search list: recipient domains are complete, and `example` must not become `example.corp.example`.
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let client = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(client_options(options))
            .build()
            .map_err(ResolverError::Setup)?;
        Ok(Self {
            client,
            patience: options.patience,
            ipv6: options.ipv6,
        })
    }

    /// The TXT records of a name, each with its strings joined; none when there are none or nobody answers.
    pub async fn texts(&self, name: &str) -> Vec<String> {
        let records = self.ask(name, RecordType::TXT).await.unwrap_or_default();
        let texts = records.into_iter().filter_map(|record| match record {
            RData::TXT(text) => Some(text.to_string()),
            _ => None,
        });
        texts.collect()
    }

    /// Asks for one type of record; `Ok` with nothing means that the name exists without any.
    pub(super) async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, Silence> {
        let name = fqdn(name)?;
        let answer = within(self.patience, self.client.lookup(name.clone(), kind)).await;
        match answer {
            Ok(lookup) => Ok(records(&lookup, &name, kind)),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => self.told_apart(none).await,
            Err(error) => Err(Silence::Trouble(error.to_string())),
        }
    }

    /// "Nothing found" in three shades: no such name, no such record, and a chain of aliases that never ends.
    async fn told_apart(&self, none: NoRecords) -> Result<Vec<RData>, Silence> {
        match none.response_code {
            ResponseCode::NXDomain => Err(Silence::NoSuchName),
            // The zone's SOA vouches for the absence (RFC 2308 §2.2).
            ResponseCode::NoError if none.soa.is_some() => Ok(Vec::new()),
            ResponseCode::NoError => {
                // Without it the client may just have given up on aliases: then the last name is an alias still.
                let last = none.query.name().clone();
                let alias = self.client.lookup(last.clone(), RecordType::CNAME);
                match within(self.patience, alias).await {
                    Ok(_) => Err(Silence::Trouble(format!("aliases without end at {last}"))),
                    Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
                    Err(error) => Err(Silence::Trouble(error.to_string())),
                }
            }
            code => Err(Silence::Trouble(code.to_string())),
        }
    }

    async fn ask_ipv6(&self, host: &str) -> Result<Vec<RData>, Silence> {
        if self.ipv6 {
            self.ask(host, RecordType::AAAA).await
        } else {
            Ok(Vec::new())
        }
    }
}

/// Why there are no records.
pub(super) enum Silence {
    /// NXDOMAIN.
    NoSuchName,
    /// Anything else, in words.
    Trouble(String),
}

impl Texts for Resolver {
    async fn texts(&self, name: &str) -> Vec<String> {
        Self::texts(self, name).await
    }
}

impl Dns for Resolver {
    async fn mx(&self, domain: &Domain) -> MxAnswer {
        match self.ask(domain.as_str(), RecordType::MX).await {
            Ok(records) if records.is_empty() => MxAnswer::None,
            Ok(records) => MxAnswer::Hosts(records.into_iter().filter_map(host).collect()),
            Err(Silence::NoSuchName) => MxAnswer::NoSuchDomain,
            Err(Silence::Trouble(what)) => MxAnswer::Trouble(what),
        }
    }

    async fn addresses(&self, host: &str) -> HostAnswer {
        if let Ok(address) = host.parse::<IpAddr>() {
            return HostAnswer::Addresses(vec![address]);
        }
        match join(self.ask(host, RecordType::A), self.ask_ipv6(host)).await {
            (Ok(four), Ok(six)) => found(four, six),
            // Half an answer with an address in it is enough to deliver.
            (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.is_empty() => found(some, Vec::new()),
            (Err(Silence::Trouble(what)), _) | (_, Err(Silence::Trouble(what))) => {
                HostAnswer::Trouble(what)
            }
            _ => HostAnswer::NoSuchHost,
        }
    }
}

fn found(four: Vec<RData>, six: Vec<RData>) -> HostAnswer {
    let records = four.into_iter().chain(six);
    HostAnswer::Addresses(records.filter_map(|data| data.ip_addr()).collect())
}

/// Preference and name, as in the port: lower case, no final dot, empty for a null MX.
fn host(data: RData) -> Option<(u16, String)> {
    let RData::MX(mx) = data else { return None };
    let name = mx.exchange.to_ascii().to_ascii_lowercase();
    Some((mx.preference, name.trim_end_matches('.').to_owned()))
}

/// The records of that type. Where some bear the name that was asked for, others are a server's unasked additions;
/// where none does, the client followed aliases, and they bear the last alias's name.
fn records(lookup: &Lookup, name: &Name, kind: RecordType) -> Vec<RData> {
    let found = || {
        lookup
            .answers()
            .iter()
            .filter(|record| record.record_type() == kind)
    };
    let is_direct = found().any(|record| record.name == *name);
    found()
        .filter(|record| !is_direct || record.name == *name)
        .map(|record| record.data.clone())
        .collect()
}

fn fqdn(name: &str) -> Result<Name, Silence> {
    let mut name = Name::from_ascii(name).map_err(|error| Silence::Trouble(error.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    timeout(patience, answer)
        .await
        .unwrap_or(Err(NetError::Timeout))
}

fn server(at: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.into())
}

fn client_options(options: &ResolverOptions) -> ResolverOpts {
    let mut client = ResolverOpts::default();
    client.timeout = options.timeout;
    client.attempts = options.attempts;
    client.cache_size = options.cache.entries;
    client.positive_min_ttl = Some(options.cache.min);
    client.positive_max_ttl = Some(options.cache.max);
    client.negative_max_ttl = Some(options.cache.negative_max);
    client.max_active_requests = IN_FLIGHT_MAX;
    // A receiver is where public DNS says it is, not where this machine's /etc/hosts does.
    client.use_hosts_file = ResolveHosts::Never;
    client
}
