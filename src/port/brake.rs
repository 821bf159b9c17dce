//! What the store knows of campaigns at providers, for those who brake them.
//!
//! Owns the trait and its values. Promises: a brake that several nodes put on at once is one; one that a person has released
//! counts from there on. A store that counts nothing is allowed, and brakes nothing.

use std::future::Future;

use super::StoreError;
use crate::mail::{Figures, HoldId, HoldOn, Measure, Timestamp};

/// A campaign at a provider, or a stream outside campaigns, that is not held there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What a stop would hold.
    pub on: HoldOn,
    /// How its letters fared.
    pub figures: Figures,
    /// The last hold on just this, which is no more in force.
    pub last_hold: Option<HoldId>,
    /// What was warned of since then.
    pub warned: Vec<Measure>,
}

/// Something to write down about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Braking<'a> {
    /// Which account, as it was read.
    pub account: &'a Account,
    /// What was measured.
    pub measure: Measure,
    /// The figures, for people.
    pub words: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Counts how campaigns fare, and writes down what follows.
pub trait BrakeStore: Send + Sync + 'static {
    /// Accounts of the last so many days that have more than one case of anything and are not held.
    fn accounts(
        &self,
        now: Timestamp,
        days: u16,
    ) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send {
        let _ = (now, days);
        std::future::ready(Ok(Vec::new()))
    }

    /// Writes a warning down; `false` when that was done before.
    fn warn(&self, braking: &Braking<'_>) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = braking;
        std::future::ready(Ok(false))
    }

    /// Lays a hold in the brake's name; `None` when somebody has laid or released one since the account was read.
    fn stop(
        &self,
        braking: &Braking<'_>,
    ) -> impl Future<Output = Result<Option<HoldId>, StoreError>> + Send {
        let _ = braking;
        std::future::ready(Ok(None))
    }
}
