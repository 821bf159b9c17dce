//! What is remembered about the security of sessions.
//!
//! Owns the policies that recipient domains published, the hosts whose TLS is broken, and counts for reports. Promises: bounded;
//! a host whose opportunistic handshake failed is spoken to in clear for [`BROKEN`] without another try, unless a policy
//! demands TLS. Leaves asking and telling to `tls`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::OnceCell;

use crate::{
    mail::{Domain, Timestamp, TlsOutcome},
    port::TlsCount,
    tls::{StsMemory, StsPolicy},
};

/// How long a host's broken TLS is remembered.
const BROKEN: Duration = Duration::from_hours(1);

/// Hosts and domains remembered; beyond it, what is stale goes.
const REMEMBERED_MAX: usize = 20_000;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Secured {
    policies: Mutex<HashMap<Domain, StsMemory>>,
    broken: Mutex<HashMap<String, Timestamp>>,
    /// Sessions since the last round, by how they came out.
    tally: Mutex<HashMap<TlsOutcome, u64>>,
    /// Kept policies were read.
    pub(super) is_loaded: OnceCell<()>,
}

impl Secured {
    /// The policy of a domain that holds now.
    pub(super) fn policy(&self, domain: &Domain, now: Timestamp) -> Option<StsPolicy> {
        self.policies().get(domain)?.policy(now).cloned()
    }

    /// Whether a host's TLS was found broken of late.
    pub(super) fn is_broken(&self, host: &str, now: Timestamp) -> bool {
        self.broken().get(host).is_some_and(|until| *until > now)
    }

    /// Notes that a host's handshake failed.
    pub(super) fn note_broken(&self, host: &str, now: Timestamp) {
        let mut broken = self.broken();
        if broken.len() >= REMEMBERED_MAX {
            broken.retain(|_, until| *until > now);
        }
        broken.insert(host.to_owned(), now.plus(BROKEN));
    }

    /// Counts a session.
    pub(super) fn count(&self, outcome: TlsOutcome) {
        let mut tally = self.tally();
        // The store is away for long: the rest of the day is not told.
        if tally.len() < REMEMBERED_MAX || tally.contains_key(&outcome) {
            *tally.entry(outcome).or_default() += 1;
        }
    }

    /// Takes what was counted.
    pub(super) fn counted(&self) -> Vec<TlsCount> {
        let tally = std::mem::take(&mut *self.tally());
        let counts = tally.into_iter();
        counts
            .map(|(outcome, sessions)| TlsCount { outcome, sessions })
            .collect()
    }

    /// Counts again what the store did not take.
    pub(super) fn uncounted(&self, counts: Vec<TlsCount>) {
        let mut tally = self.tally();
        for count in counts {
            *tally.entry(count.outcome).or_default() += count.sessions;
        }
    }

    fn tally(&self) -> MutexGuard<'_, HashMap<TlsOutcome, u64>> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn policies(&self) -> MutexGuard<'_, HashMap<Domain, StsMemory>> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory(&self, domain: &Domain) -> StsMemory {
        self.policies().get(domain).cloned().unwrap_or_default()
    }

    pub(super) fn keep(&self, domain: &Domain, memory: StsMemory, now: Timestamp) {
        let mut policies = self.policies();
        if policies.len() >= REMEMBERED_MAX {
            policies.retain(|_, memory| memory.policy(now).is_some());
        }
        policies.insert(domain.clone(), memory);
    }
}
