//! What the one judge decides from evidence.

use super::{Event, State, Suppression, Timestamp};

/// What becomes of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where the letter goes.
    pub next: Next,
    /// The one history line of this change.
    pub event: Event,
    /// Who is not written to any more, in the same transaction.
    pub suppress: Option<Suppression>,
    /// What shaping should know about the route.
    pub signal: Signal,
    /// The next attempt should leave from the same source: who greylists remembers it (RFC 6647 §3.1).
    pub keeps_source: bool,
}

/// Where a letter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Out of the queue, into a final state.
    Finish(State),
    /// Back into the queue until `due`.
    Retry {
        /// When to try again.
        due: Timestamp,
    },
}

/// What an attempt says about the route it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The route works.
    Good,
    /// The provider asks us to slow down or is in trouble.
    SlowDown,
    /// Nobody answers there.
    Dead,
    /// Says nothing about the route.
    Nothing,
}
