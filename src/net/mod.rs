//! The real world: DNS, TCP, trust in certificates, the wall clock, chance.
//!
//! Owns the implementations of the ports [`crate::port::Dns`], [`crate::port::Dial`], [`crate::port::Clock`] and
//! [`crate::port::Dice`]. Promises: every answer is one of the port's values, never a panic; with
//! [`Tcp::only_reroute`] no connection ever leaves the addresses that were listed. Leaves SMTP to `smtp` and choices
//! between hosts to `route`. Read [`resolver`] for how DNS answers are told apart.

pub mod clock;
pub mod inquire;
pub mod resolver;
pub mod tcp;
pub mod tls;

pub use clock::{RealDice, SystemClock};
pub use inquire::Inquirer;
pub use resolver::{CacheOptions, Resolver, ResolverError, ResolverOptions};
pub use tcp::Tcp;
pub use tls::Trust;
