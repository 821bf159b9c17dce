//! The store's promises against real PostgreSQL.
//!
//! Owns one database per test. Read `support` for how a test gets it.

mod address;
mod enqueue;
mod feed;
mod lease;
mod rights;
mod schema;
mod settle;
mod support;
