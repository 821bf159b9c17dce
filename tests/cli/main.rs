//! The program as a person meets it: real processes, a real PostgreSQL, transcripts reviewed as snapshots.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

mod bounce;
mod desk;
mod explain;
mod gate;
mod operator;
mod quiet;
mod send;
mod server;
mod statistics;
mod story;
#[path = "../support/mod.rs"]
mod support;
mod watch;
