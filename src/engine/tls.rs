//! How secure a session to a host must be: asks, remembers, tells.
//!
//! Owns the asking for policies and the telling of results. Promises: a domain's policy is known
//! before its letters reach a connection, and fetched at most once at a time; a policy that was known holds though DNS or the
//! web fall silent. Leaves what policies demand to `tls`, what is remembered to `secured`, the walking over hosts to
//! `connection`.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{crew::Crew, secured::Secured};
use crate::{
    mail::{Domain, PolicyType, ResultType, Timestamp, TlsOutcome},
    port::{
        Clock, Dial, Dns, HostAnswer, KeptPolicy, TlsStore, Tlsa, TlsaAnswer, Watch, Wire, World,
    },
    route::TlsPolicy,
    smtp::{Session, Unopened},
    tls::{Demand, StsMemory, StsPolicy, certificate, demand, fetch, sts},
};

/// A policy that does not come in this time does not come (RFC 8461 §3.3 advises a minute; letters wait for it).
const FETCH_PATIENCE: Duration = Duration::from_secs(10);

/// How often counts go to the store.
const ROUND: Duration = Duration::from_secs(10);

/// What a session must be, and who says so.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) demand: Demand,
    basis: PolicyType,
    lines: Vec<String>,
}

impl Wanted {
    /// What no policy speaks of.
    pub(super) const fn usual(usual: TlsPolicy) -> Self {
        Self {
            demand: Demand::Usual(usual),
            basis: PolicyType::NoPolicyFound,
            lines: Vec::new(),
        }
    }

    /// Whether a session that comes to be proves the host's name.
    pub(super) const fn proves(&self) -> bool {
        matches!(
            self.demand,
            Demand::Verified | Demand::Dane(_) | Demand::Usual(TlsPolicy::Verified)
        )
    }
}

/// Brings counts to the store until told to stop, and a last time then.
pub(super) async fn bring<W: World>(world: &W, secured: &Secured, stop: CancellationToken) {
    let mut goes_on = true;
    while goes_on {
        goes_on = stop.run_until_cancelled(sleep(ROUND)).await.is_some();
        let counts = secured.counted();
        if counts.is_empty() {
            continue;
        }
        let added = world.store().count_sessions(&counts, world.clock().now());
        if let Err(trouble) = added.await {
            error!(error = ?trouble, "Sessions could not be counted for TLS reports; trying again");
            secured.uncounted(counts);
        }
    }
}

/// Learns a domain's policy, if it has one and it is new.
pub(super) async fn learn<W: World>(crew: &Crew<W>, domain: &Domain) {
    if !crew.desk.mta_sts {
        return;
    }
    crew.secured.is_loaded.get_or_init(|| load(crew)).await;
    let texts = crew.world.dns().texts(&format!("_mta-sts.{domain}")).await;
    let id = sts::record_id(&texts);
    let now = crew.world.clock().now();
    let mut memory = crew.secured.memory(domain);
    let Some(id) = id.filter(|id| memory.wants_fetch(Some(id), now)) else {
        return;
    };
    match fetched(crew, domain).await {
        Ok(policy) => {
            info!(%domain, mode = ?policy.mode, "Learnt an MTA-STS policy");
            keep(crew, domain, &id, &policy, now).await;
            memory.learn(&id, policy, now);
        }
        Err((fault, why)) => {
            warn!(%domain, error = %why, "An MTA-STS policy could not be learnt");
            memory.failed_at = Some(now);
            tell(crew, domain, "", PolicyType::Sts, Vec::new(), Some(fault));
        }
    }
    crew.secured.keep(domain, memory, now);
}

/// What was known before a restart is known after it.
async fn load<W: World>(crew: &Crew<W>) {
    let now = crew.world.clock().now();
    match crew.world.store().kept_policies().await {
        Ok(kept) => {
            for (domain, kept) in kept {
                if let Ok(policy) = StsPolicy::parse(kept.text.as_bytes()) {
                    let mut memory = StsMemory::default();
                    memory.learn(&kept.id, policy, kept.fetched_at);
                    crew.secured.keep(&domain, memory, now);
                }
            }
        }
        Err(trouble) => {
            error!(error = ?trouble, "Could not read the MTA-STS policies that are kept");
        }
    }
}

async fn keep<W: World>(
    crew: &Crew<W>,
    domain: &Domain,
    id: &str,
    policy: &StsPolicy,
    now: Timestamp,
) {
    let kept = KeptPolicy {
        id: id.to_owned(),
        text: policy.lines().join("\n"),
        fetched_at: now,
    };
    if let Err(trouble) = crew.world.store().keep_policy(domain, &kept).await {
        error!(error = ?trouble, "An MTA-STS policy could not be kept");
    }
}

async fn fetched<W: World>(
    crew: &Crew<W>,
    domain: &Domain,
) -> Result<StsPolicy, (ResultType, String)> {
    let octets = timeout(FETCH_PATIENCE, over_https(crew, domain)).await;
    let octets = octets.map_err(|_| format!("nothing within {FETCH_PATIENCE:?}"));
    let octets = octets.and_then(|octets| octets);
    let octets = octets.map_err(|why| (ResultType::StsPolicyFetchError, why))?;
    StsPolicy::parse(&octets).map_err(|fault| (ResultType::StsPolicyInvalid, fault.to_string()))
}

async fn over_https<W: World>(crew: &Crew<W>, domain: &Domain) -> Result<Bytes, String> {
    let host = format!("mta-sts.{domain}");
    let HostAnswer::Addresses(addresses) = crew.world.dns().addresses(&host).await else {
        return Err(format!("{host} has no address"));
    };
    let mut last = format!("{host} has no address");
    for address in addresses.into_iter().take(2) {
        match crew.world.dial().dial_at(None, address, 443).await {
            Ok(wire) => {
                let trust = &crew.desk.trust.public_roots;
                let policy = fetch::policy(wire, trust, &host).await;
                return policy.map_err(|fault| fault.to_string());
            }
            Err(trouble) => last = trouble.detail,
        }
    }
    Err(last)
}

/// What a session to `host` for a letter to `domain` must be.
pub(super) async fn wanted<W: World>(
    crew: &Crew<W>,
    usual: TlsPolicy,
    domain: &Domain,
    host: &str,
) -> Wanted {
    let now = crew.world.clock().now();
    let policy = crew.secured.policy(domain, now);
    let tlsa = match usual {
        TlsPolicy::Off => TlsaAnswer::None,
        _ => crew.world.dns().tlsa(host).await,
    };
    let (demand, basis) = demand(usual, host, policy.as_ref(), &tlsa);
    let lines = match (&tlsa, policy) {
        (TlsaAnswer::Secure(records), _) if basis == PolicyType::Tlsa => {
            records.iter().map(Tlsa::text).collect()
        }
        (_, Some(policy)) if basis == PolicyType::Sts => policy.lines(),
        _ => Vec::new(),
    };
    Wanted {
        demand,
        basis,
        lines,
    }
}

/// Tells how the security of a session came out. A host that could not be reached says nothing about it.
pub(super) fn told<W: World, S: Wire>(
    crew: &Crew<W>,
    domain: &Domain,
    host: &str,
    wanted: &Wanted,
    opened: &Result<(Session<S>, Option<ResultType>), Unopened>,
) {
    let fault = match opened {
        Ok((session, fault)) => fault.or_else(|| seen(crew, host, wanted, session)),
        Err(unopened) if unopened.tls_fault.is_none() => return,
        Err(unopened) => unopened.tls_fault,
    };
    tell(
        crew,
        domain,
        host,
        wanted.basis,
        wanted.lines.clone(),
        fault,
    );
}

/// What a session that came to be lacks.
fn seen<W: World, S: Wire>(
    crew: &Crew<W>,
    host: &str,
    wanted: &Wanted,
    session: &Session<S>,
) -> Option<ResultType> {
    if session.tls().is_none() {
        return Some(ResultType::StarttlsNotSupported);
    }
    let now = crew.world.clock().now();
    match &wanted.demand {
        Demand::Watched(_, true) => {
            certificate::look(session.certificates(), host, &crew.desk.trust.roots, now)
        }
        Demand::Watched(_, false) => Some(ResultType::StsPolicyInvalid),
        _ => None,
    }
}

fn tell<W: World>(
    crew: &Crew<W>,
    domain: &Domain,
    host: &str,
    basis: PolicyType,
    policy: Vec<String>,
    fault: Option<ResultType>,
) {
    let outcome = TlsOutcome {
        domain: domain.as_str().to_owned(),
        host: host.to_owned(),
        basis,
        policy,
        fault,
    };
    crew.world.watch().secured(&outcome);
    crew.secured.count(outcome);
}
