//! The small internet as a whole: built from a plan, asked for its tally, stopped.
//!
//! Owns all tasks and the mapping from documentation addresses to loopback sockets. Promises: after `stop` no socket
//! and no task is left; dropping it without `stop` aborts them. Leaves everything else to its parts.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
};

use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    dns::{NameServer, SharedZone},
    error::SimError,
    host::Host,
    plan::{Breakage, Family, HostPlan, Plan, ProviderPlan, SitePlan},
    provider::{Books, Provider},
    tally::{Ledger, Letters, Tally},
    tls,
    verify::Inspector,
    zone::{Fault, Zone},
};

/// The documentation networks of RFC 5737.
const NETWORKS: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// Host addresses in each of them.
const NETWORK_SIZE: usize = 254;

/// A running small internet.
pub struct SmallInternet {
    dns: SocketAddr,
    zone: SharedZone,
    reroute: HashMap<IpAddr, SocketAddr>,
    ledger: Arc<Ledger>,
    inspector: Arc<Inspector>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl SmallInternet {
    /// Builds everything in the plan and serves it.
    pub async fn start(plan: Plan) -> Result<Self, SimError> {
        let names = plan.providers.iter().map(|provider| provider.name.clone());
        let server = NameServer::bind().await?;
        let mut internet = Self {
            dns: server.address(),
            zone: Arc::new(RwLock::new(zone_of(&plan))),
            reroute: HashMap::new(),
            ledger: Arc::new(Ledger::new(names, plan.remember)),
            inspector: Arc::new(Inspector::new()?),
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for (place, provider) in (0..).zip(&plan.providers) {
            internet.open(place, &plan, provider)?;
        }
        for (name, text) in &plan.texts {
            internet.publish_txt(name, text);
        }
        let serving = server.serve(Arc::clone(&internet.zone), internet.stop.clone());
        internet.tasks.spawn(serving);
        Ok(internet)
    }

    /// The resolver to configure: answers UDP and TCP.
    pub const fn dns(&self) -> SocketAddr {
        self.dns
    }

    /// The loopback socket behind each documentation address that DNS names.
    pub fn reroute(&self) -> HashMap<IpAddr, SocketAddr> {
        self.reroute.clone()
    }

    /// Publishes a TXT record, replacing an older one; receivers see a DKIM key at once.
    pub fn publish_txt(&self, name: &str, text: &str) {
        self.zone().set_text(name, text);
        self.inspector.publish(name, text);
    }

    /// Publishes the lines of a zone file beside what is there.
    pub fn publish_zone(&self, lines: &str) -> Result<(), SimError> {
        let added = self.zone().add_file(lines);
        added.map_err(|why| SimError::Records { why })
    }

    /// Takes the records of these lines away.
    pub fn withdraw_zone(&self, lines: &str) -> Result<(), SimError> {
        let removed = self.zone().remove_file(lines);
        removed.map_err(|why| SimError::Records { why })
    }

    /// Takes all records of a type away; a type that nobody knows changes nothing.
    pub fn withdraw(&self, name: &str, kind: &str) {
        if let Ok(kind) = kind.parse() {
            self.zone().remove(name, kind);
        }
    }

    /// Makes a name fail from now on.
    pub fn break_name(&self, name: &str, breakage: Breakage) {
        break_in(&mut self.zone(), name, breakage);
    }

    /// The counters at this moment.
    pub fn tally(&self) -> Tally {
        self.ledger.tally()
    }

    /// What became of each letter, if the plan remembers them. Copies the whole book.
    pub fn letters(&self) -> Letters {
        self.ledger.letters()
    }

    /// Says goodbye to all guests, closes all sockets and returns the last tally.
    pub async fn stop(mut self) -> Tally {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.ledger.tally()
    }

    fn open(&mut self, place: u16, plan: &Plan, provider: &ProviderPlan) -> Result<(), SimError> {
        let hosts = provider.sites.iter().flat_map(|site| &site.hosts);
        let names = hosts.map(|host| host.name.clone()).collect();
        let tls = provider
            .starttls
            .then(|| tls::acceptor(names))
            .transpose()?;
        let books = Books {
            ledger: Arc::clone(&self.ledger),
            inspector: Arc::clone(&self.inspector),
            witness: Arc::new(()),
        };
        let working = Arc::new(Provider::new(
            place,
            plan.seed,
            provider,
            plan.verify,
            books,
        ));
        for site in &provider.sites {
            self.open_site(site, &working, tls.as_ref())?;
        }
        Ok(())
    }

    fn open_site(
        &mut self,
        site: &SitePlan,
        provider: &Arc<Provider>,
        tls: Option<&TlsAcceptor>,
    ) -> Result<(), SimError> {
        for plan in &site.hosts {
            let host = Host::bind(&plan.name, plan.health, Arc::clone(provider), tls.cloned())?;
            self.name_host(plan, host.address())?;
            self.tasks.spawn(host.serve(self.stop.clone()));
            let listed = plan.preference.iter().flat_map(|preference| {
                let domains = site.domains.iter();
                domains.map(move |domain| (domain, *preference))
            });
            for (domain, preference) in listed {
                self.zone().add_mx(domain, preference, &plan.name);
            }
        }
        Ok(())
    }

    /// Gives a host its documentation addresses.
    fn name_host(&mut self, plan: &HostPlan, socket: SocketAddr) -> Result<(), SimError> {
        let number = self.reroute.len();
        let mut addresses = Vec::new();
        if plan.family != Family::V6 {
            addresses.push(IpAddr::V4(documentation_v4(number)?));
        }
        if plan.family != Family::V4 {
            addresses.push(IpAddr::V6(documentation_v6(number)));
        }
        for address in addresses {
            self.zone().add_address(&plan.name, address);
            self.reroute.insert(address, socket);
        }
        Ok(())
    }

    fn zone(&self) -> std::sync::RwLockWriteGuard<'_, Zone> {
        self.zone.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn documentation_v4(number: usize) -> Result<Ipv4Addr, SimError> {
    let network = NETWORKS.get(number / NETWORK_SIZE);
    let host = u8::try_from(number % NETWORK_SIZE + 1);
    match (network, host) {
        (Some([a, b, c]), Ok(host)) => Ok(Ipv4Addr::new(*a, *b, *c, host)),
        _ => Err(SimError::TooManyHosts {
            max: NETWORKS.len() * NETWORK_SIZE,
        }),
    }
}

/// RFC 3849.
fn documentation_v6(number: usize) -> Ipv6Addr {
    let base = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    Ipv6Addr::from(base + number as u128)
}

/// The domains where something is wrong; those that do not exist need no entry.
fn zone_of(plan: &Plan) -> Zone {
    let mut zone = Zone::default();
    for (domain, breakage) in &plan.broken {
        break_in(&mut zone, domain, *breakage);
    }
    zone
}

fn break_in(zone: &mut Zone, domain: &str, breakage: Breakage) {
    match breakage {
        Breakage::NullMx => zone.add_mx(domain, 0, ""),
        Breakage::NoSuchDomain => {}
        Breakage::ServFail => zone.set_fault(domain, Fault::Broken),
        Breakage::NoAnswer => zone.set_fault(domain, Fault::Silent),
        Breakage::DanglingMx => zone.add_mx(domain, 10, &format!("nowhere.{domain}")),
        Breakage::AliasLoop => zone.set_alias(domain, domain),
    }
}
