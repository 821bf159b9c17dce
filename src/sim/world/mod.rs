//! A world that a seed decides, in virtual time: the real engine, simulated everything else.
//!
//! Owns [`simulate`]: nodes with disks and clocks, a store in memory ([`MemStore`]), the small internet's providers behind
//! pipes instead of sockets, hardships on all of it, healing, and the laws that stand for the program's promises. Promises:
//! one seed is one story, byte for byte, on any machine; a day takes milliseconds. `docs/simulation.md` tells how to read one.
//! Read `setting` for what is decided beforehand, `day` for the course, `laws` for the end.

mod book;
mod chance;
mod clock;
mod day;
mod desk;
mod dial;
mod facts;
mod fair;
mod journal;
mod laws;
mod life;
mod many;
mod names;
mod node;
pub mod pace;
mod pipe;
mod plug;
mod post;
#[cfg(test)]
mod quiet;
mod report;
mod setting;
pub mod store;
#[cfg(test)]
mod tests;
mod troubled;
pub mod warming;
mod weather;

pub use many::simulate_all;
pub use report::{Judgement, Report, simulate};
pub use store::MemStore;
