//! DNS of the simulated world.
//!
//! Owns the answers. Promises: what a plan says about a domain is what nodes are told, unless the weather keeps the answer
//! back. Leaves packets to the small internet, whose name server has tests of its own.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    super::plan::{Breakage, Plan},
    chance::Chance,
    life::Life,
};
use crate::{
    mail::Domain,
    port::{Dns, HostAnswer, MxAnswer, inbound::Texts},
};

/// The slowest good answer.
const SLOW: Duration = Duration::from_millis(300);

/// After which a resolver gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What DNS knows.
pub(super) struct Zones {
    mx: BTreeMap<String, MxAnswer>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    texts: BTreeMap<String, String>,
    chance: Chance,
    troubled: f64,
    is_healed: AtomicBool,
}

impl Zones {
    /// The zones of a plan whose hosts have these addresses, and whose names these texts.
    pub(super) fn of(
        plan: &Plan,
        addresses: BTreeMap<String, Vec<IpAddr>>,
        texts: BTreeMap<String, String>,
        chance: Chance,
        troubled: f64,
    ) -> Self {
        let sites = plan.providers.iter().flat_map(|provider| &provider.sites);
        let served = sites.flat_map(|site| {
            let hosts = site.hosts.iter();
            let listed = hosts.filter_map(|host| Some((host.preference?, host.name.clone())));
            let answer = MxAnswer::Hosts(listed.collect());
            let domains = site.domains.iter();
            domains.map(move |domain| (domain.clone(), answer.clone()))
        });
        let broken = plan
            .broken
            .iter()
            .map(|(domain, breakage)| (domain.clone(), broken(domain, *breakage)));
        Self {
            mx: served.chain(broken).collect(),
            addresses,
            texts,
            chance,
            troubled,
            is_healed: AtomicBool::new(false),
        }
    }

    /// From now on every question is answered.
    pub(super) fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    /// Takes its time; whether there is an answer at all.
    async fn look_up(&self) -> bool {
        let (wait, is_troubled) = (
            self.chance.span(Duration::from_millis(1), SLOW),
            self.chance.falls(self.troubled),
        );
        let is_troubled = is_troubled && !self.is_healed.load(Ordering::Relaxed);
        tokio::time::sleep(if is_troubled { PATIENCE } else { wait }).await;
        !is_troubled
    }
}

fn broken(domain: &str, breakage: Breakage) -> MxAnswer {
    match breakage {
        Breakage::NullMx => MxAnswer::Hosts(vec![(0, String::new())]),
        Breakage::NoSuchDomain => MxAnswer::NoSuchDomain,
        Breakage::DanglingMx => MxAnswer::Hosts(vec![(10, format!("nowhere.{domain}"))]),
        Breakage::ServFail | Breakage::NoAnswer | Breakage::AliasLoop => {
            MxAnswer::Trouble("the name server failed".to_owned())
        }
    }
}

fn silence() -> String {
    "no name server answered".to_owned()
}

/// One process's resolver.
pub(super) struct Names {
    pub(super) zones: Arc<Zones>,
    pub(super) life: Arc<Life>,
}

impl Dns for Names {
    async fn mx(&self, domain: &Domain) -> MxAnswer {
        self.life.gate().await;
        let is_answered = self.zones.look_up().await;
        self.life.gate().await;
        if !is_answered {
            return MxAnswer::Trouble(silence());
        }
        let known = self.zones.mx.get(domain.as_str());
        known.cloned().unwrap_or(MxAnswer::NoSuchDomain)
    }

    async fn addresses(&self, host: &str) -> HostAnswer {
        self.life.gate().await;
        let is_answered = self.zones.look_up().await;
        self.life.gate().await;
        if !is_answered {
            return HostAnswer::Trouble(silence());
        }
        let known = self.zones.addresses.get(host);
        known.map_or(HostAnswer::NoSuchHost, |found| {
            HostAnswer::Addresses(found.clone())
        })
    }
}

impl Texts for Names {
    async fn texts(&self, name: &str) -> Vec<String> {
        self.life.gate().await;
        let is_answered = self.zones.look_up().await;
        self.life.gate().await;
        let known = self.zones.texts.get(name).filter(|_| is_answered);
        known.into_iter().cloned().collect()
    }
}
