//! What a small internet consists of, before it exists.
//!
//! Owns the description: providers, their sites and hosts, and the domains where something is wrong. Promises: plain
//! values; the same plan and seed behave the same. Read `demo` for the standard plan and `population` for the people
//! who live in it.

use super::{dialect::Dialect, temper::Temper};

/// A small internet on paper.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Who operates mailboxes.
    pub providers: Vec<ProviderPlan>,
    /// Domains with something wrong in DNS.
    pub broken: Vec<(String, Breakage)>,
    /// TXT records: DKIM keys of the senders. More can be published later.
    pub texts: Vec<(String, String)>,
    /// MTA-STS policies by domain, as its web server gives them; their TXT records are published too. They can be changed later.
    pub policies: Vec<(String, String)>,
    /// Which accepted letters are checked.
    pub verify: Verify,
    /// Whether each letter is remembered, so that both ends can be compared one by one.
    pub remember: bool,
    /// How many of a thousand recipients live at which domain.
    pub weights: Vec<(String, u32)>,
}

/// One mailbox operator.
#[derive(Clone, Debug)]
pub struct ProviderPlan {
    /// Its name in the tally.
    pub name: String,
    /// Whose words it uses.
    pub dialect: Dialect,
    /// Its ways.
    pub temper: Temper,
    /// Groups of domains that share MX hosts.
    pub sites: Vec<SitePlan>,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Whether its certificates lead to the root of the small internet ([`super::SmallInternet::root`]); else they are
    /// signed by nobody but themselves, as those of most mail hosts.
    pub certified: bool,
    /// Whether addresses in UTF-8 are taken.
    pub smtputf8: bool,
}

/// Domains and the hosts that serve them.
#[derive(Clone, Debug)]
pub struct SitePlan {
    /// Recipient domains, in ASCII form.
    pub domains: Vec<String>,
    /// Their mail hosts.
    pub hosts: Vec<HostPlan>,
}

/// One mail host.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// Its name.
    pub name: String,
    /// Its MX preference; `None` is not listed as MX, so that a domain of the same name is reached by its own address
    /// record (RFC 5321 §5.1).
    pub preference: Option<u16>,
    /// Whether it works.
    pub health: Health,
    /// Which address records it has.
    pub family: Family,
}

/// Whether a host works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Serves.
    Alive,
    /// Refuses connections.
    Refusing,
    /// Accepts connections and never says a word.
    Silent,
}

/// Which address records a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
    /// Both.
    Both,
}

/// What is wrong with a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// Says that it takes no mail (RFC 7505).
    NullMx,
    /// Does not exist.
    NoSuchDomain,
    /// Its name servers answer SERVFAIL.
    ServFail,
    /// Its name servers do not answer.
    NoAnswer,
    /// Its MX points to a host that does not exist.
    DanglingMx,
    /// Its alias points to itself.
    AliasLoop,
}

/// Which accepted letters are parsed and their signatures verified; an RSA verification costs about 30 us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Every one.
    All,
    /// About one in so many.
    Sample(u32),
    /// None.
    None,
}

impl Plan {
    /// An internet without anybody, where every accepted letter is verified and remembered.
    pub const fn empty(seed: u64) -> Self {
        Self {
            seed,
            providers: Vec::new(),
            broken: Vec::new(),
            texts: Vec::new(),
            policies: Vec::new(),
            verify: Verify::All,
            remember: true,
            weights: Vec::new(),
        }
    }

    /// This plan with one more provider.
    #[must_use]
    pub fn with(mut self, provider: ProviderPlan) -> Self {
        self.providers.push(provider);
        self
    }
}

impl ProviderPlan {
    /// A provider without domains that offers STARTTLS.
    pub fn new(name: &str, dialect: Dialect, temper: Temper) -> Self {
        Self {
            name: name.to_owned(),
            dialect,
            temper,
            sites: Vec::new(),
            starttls: true,
            certified: false,
            smtputf8: false,
        }
    }

    /// Whether letters are taken in chunks (RFC 3030): Google and Microsoft offer it.
    pub const fn takes_chunks(&self) -> bool {
        matches!(self.dialect, Dialect::Google | Dialect::Outlook)
    }

    /// This provider with domains served by hosts, the first host being preferred.
    #[must_use]
    pub fn serving(mut self, domains: &[&str], hosts: &[&str]) -> Self {
        let preferences = (1_u16..).map(|n| n * 10);
        let hosts = preferences
            .zip(hosts)
            .map(|(preference, name)| HostPlan::new(name, preference));
        self.sites.push(SitePlan {
            domains: domains.iter().map(ToString::to_string).collect(),
            hosts: hosts.collect(),
        });
        self
    }
}

impl HostPlan {
    /// A host that works, on IPv4.
    pub fn new(name: &str, preference: u16) -> Self {
        Self {
            name: name.to_owned(),
            preference: Some(preference),
            health: Health::Alive,
            family: Family::V4,
        }
    }
}
