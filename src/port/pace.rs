//! What nodes tell each other about pace: that they live, what they use, what they learned.
//!
//! Owns the values of one [`Beat`]. Promises: whoever keeps them answers one beat after another, so that what a node reads
//! is what all have written; a beat that arrives late, after a later one of the same node, changes nothing.

use uuid::Uuid;

use crate::mail::{RouteKey, RouteState, Share, Timestamp};

/// A node, from its start to its end: the same machine after a restart is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub Uuid);

/// One sign of life, with everything that the others should know.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Who lives.
    pub node: NodeId,
    /// Its name in the configuration.
    pub name: String,
    /// Grows with every beat of a node.
    pub number: u64,
    /// This moment.
    pub at: Timestamp,
    /// By source, the part of the limits that it uses; no more than what it was granted.
    pub using: Vec<(String, Share)>,
    /// Nodes that have been silent for too long, each with the last beat that was seen of it.
    pub silent: Vec<(NodeId, u64)>,
    /// Up to which version the states of routes are known here.
    pub known: u64,
    /// What the governor changed.
    pub changes: Vec<RouteChange>,
    /// Letters of daily limits that it would like to have.
    pub tickets: Vec<TicketAsk>,
    /// What became of letters since the last beat.
    pub counts: Vec<DayCount>,
}

/// A change of a route's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteChange {
    /// Which route.
    pub route: RouteKey,
    /// The version that it was made from; if another came first, this change is not made.
    pub from: u64,
    /// The state from now on.
    pub state: RouteState,
}

/// A route's state as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteNews {
    /// Which route.
    pub route: RouteKey,
    /// Its version.
    pub version: u64,
    /// The state; `None` when the operator has wiped it.
    pub state: Option<RouteState>,
}

/// A wish for some letters of a daily limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketAsk {
    /// Which route.
    pub route: RouteKey,
    /// Which day, counted from 1970-01-01 in UTC.
    pub day: i32,
    /// The limit of that day over all nodes.
    pub limit: u32,
    /// So many more letters.
    pub want: u32,
}

/// Letters of a daily limit that are now this node's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which route.
    pub route: RouteKey,
    /// Which day.
    pub day: i32,
    /// So many letters.
    pub count: u32,
}

/// What became of letters on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// Which route.
    pub route: RouteKey,
    /// On which day.
    pub day: i32,
    /// Handed over.
    pub attempted: u32,
    /// Accepted.
    pub accepted: u32,
    /// Refused for now because of us or our pace.
    pub deferred: u32,
    /// Refused for good because of us or the content.
    pub blocked: u32,
    /// Refused for their content.
    pub spam: u32,
    /// Refused because nobody is known at the address.
    pub strangers: u32,
}

/// The answer to a beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// By source, the part of the limits that may be used now.
    pub shares: Vec<(String, Share)>,
    /// The other nodes, each with its last beat.
    pub others: Vec<(NodeId, u64)>,
    /// States that have changed since the known version.
    pub routes: Vec<RouteNews>,
    /// Up to which version they are known now.
    pub known: u64,
    /// What the daily limits still gave.
    pub tickets: Vec<Ticket>,
}
