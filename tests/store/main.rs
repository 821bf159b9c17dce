//! The store's promises against real PostgreSQL.
//!
//! Owns one database per test. Read `support` for how a test gets it.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing, its helpers too"
)]

#[path = "../support/mod.rs"]
mod harness;

mod address;
mod brakes;
mod conformance;
mod doubt;
mod enqueue;
mod feed;
mod holds;
mod lease;
mod pace;
mod quiet;
mod rights;
mod schema;
mod settle;
mod support;
mod unkept;
mod waiting;
mod warmup;
