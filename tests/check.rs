//! The operator's check: one good set-up, one broken set-up for each finding, on real DNS packets.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

#[path = "check/corpus.rs"]
mod corpus;
#[path = "check/depth.rs"]
mod depth;
#[path = "check/gates.rs"]
mod gates;
#[path = "check/green.rs"]
mod green;
#[path = "check/odd.rs"]
mod odd;
#[path = "check/suite.rs"]
mod suite;
#[path = "support/mod.rs"]
mod support;
#[path = "check/world.rs"]
mod world;
