//! What outlives a process about the security of sessions.
//!
//! Owns the trait and its values. Promises: a store that keeps nothing is allowed, and costs first contacts their memory.

use std::future::Future;

use super::StoreError;
use crate::mail::{Domain, Timestamp, TlsOutcome};

/// Sessions of one kind, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCount {
    /// How they came out.
    pub outcome: TlsOutcome,
    /// How many.
    pub sessions: u64,
}

/// An MTA-STS policy as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPolicy {
    /// The id of its record.
    pub id: String,
    /// The policy file.
    pub text: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Keeps counts for reports, and policies so that a restart forgets none.
pub trait TlsStore: Send + Sync + 'static {
    /// Adds to the counts of the day.
    fn count_sessions(
        &self,
        counts: &[TlsCount],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (counts, now);
        std::future::ready(Ok(()))
    }

    /// The policies kept.
    fn kept_policies(
        &self,
    ) -> impl Future<Output = Result<Vec<(Domain, KeptPolicy)>, StoreError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Keeps a domain's policy.
    fn keep_policy(
        &self,
        domain: &Domain,
        policy: &KeptPolicy,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (domain, policy);
        std::future::ready(Ok(()))
    }
}
