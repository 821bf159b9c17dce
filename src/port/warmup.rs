//! The days of routes that are being warmed up.
//!
//! Owns the trait. Promises: what a day may bring is written down once, whoever asks first, so that every node and every
//! restart go by the same.

use std::future::Future;

use super::StoreError;
use crate::mail::{RouteKey, WarmCap, WarmDay};

/// Keeps the days of warm-ups.
pub trait WarmupStore: Send + Sync + 'static {
    /// The days of a route from that one on, counted from 1970-01-01 in UTC, in their order.
    fn warm_days(
        &self,
        route: &RouteKey,
        since: i32,
    ) -> impl Future<Output = Result<Vec<WarmDay>, StoreError>> + Send;

    /// Writes down what a day may bring, unless that was done before; returns what is in force.
    fn open_day(
        &self,
        route: &RouteKey,
        day: i32,
        cap: &WarmCap,
    ) -> impl Future<Output = Result<WarmCap, StoreError>> + Send;
}
