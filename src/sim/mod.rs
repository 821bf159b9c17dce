//! A small internet on loopback sockets: a name server and mailbox providers with memory and tempers.
//!
//! Owns the receivers that `demo`, tests and benches send to: [`SmallInternet`] for behaviour, [`Sink`] for speed; and the
//! seeded [`world`], where the same providers meet the same engine in virtual time.
//! Promises: real packets and real TCP; same seed, same decisions; no task outlives it; nothing here sends a letter
//! or looks beyond loopback. Leaves classification to `bounce`, which must not share a line with `dialect`. Read
//! [`plan`] for what it consists of, then `internet`, `session` and `provider`.

mod chance;
mod command;
pub mod demo;
mod dialect;
mod dns;
mod error;
mod host;
mod internet;
mod memory;
pub mod plan;
mod population;
mod provider;
mod session;
mod sink;
mod sink_talk;
mod tally;
mod temper;
mod tls;
mod verify;
mod web;
mod wire;
mod witness;
pub mod world;
mod zone;

pub use dialect::{Dialect, Refusal, Saying};
pub use error::SimError;
pub use internet::SmallInternet;
pub use plan::{Plan, Verify};
pub use population::{Population, Resident};
pub use sink::{Sink, SinkPlan, SinkTally};
pub use tally::{Envelope, Found, LetterRecord, Letters, ProviderTally, Tally};
pub use temper::{Cut, Cuts, Greylist, Mailbox, Rate, Shares, Temper, Window};
pub use verify::Finding;
