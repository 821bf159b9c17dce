//! Which hosts take a domain's mail, in which order, under which site name, and from which of our addresses.
//!
//! Owns [`Plan`], [`Site`], [`FixedRoute`], [`Source`] and the order of addresses. Promises: pure; the same DNS answer
//! gives the same site whatever the dice; a preferred host is never tried after a less preferred one; junk in DNS is
//! skipped, and never connected to. Leaves asking DNS to `net` and limits per site to `policy`. Read [`plan()`] first.

mod address;
mod fixed;
mod host;
mod plan;
mod site;
mod source;

pub use address::{Family, addresses};
pub use fixed::{FixedRoute, FixedRoutes, SmarthostLogin, TlsPolicy};
pub use plan::{MailHost, Plan, plan};
pub use site::Site;
pub use source::Source;
