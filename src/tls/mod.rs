//! What a recipient domain demands of the connection to its hosts: MTA-STS (RFC 8461) and DANE (RFC 7672).
//!
//! Owns policies as values and the one answer that they give together ([`demand()`]). Promises: nothing here asks DNS or
//! opens a connection, but for [`fetch`], which speaks over a stream it is given; what cannot be read is a fault with its name
//! in TLS reports (RFC 8460), never a weaker demand. Leaves asking and remembering to `engine::tls`.

pub mod certificate;
pub mod dane;
pub mod demand;
pub mod fetch;
pub mod sts;

pub use demand::{Demand, demand};
pub use sts::{StsMemory, StsMode, StsPolicy};
