//! Puts the edges together: a world for the engine, a desk from the operator's wishes, and the two ways to run them.
//!
//! Owns wiring and order of start and stop. Promises: what was started is stopped, in the reverse order, also after an
//! error. Leaves every craft to its room. Read `demo` for the whole machine on one page.

pub mod check;
pub mod database;
pub mod demo;
pub mod desk;
mod folder;
pub mod inbound;
mod memory;
pub mod names;
pub mod pacing;
pub mod preflight;
mod refresh;
pub mod secrets;
pub mod serve;
pub mod tls_reports;
mod upkeep;
mod watch;
pub mod world;
