//! A day of a route that is being warmed up.
//!
//! Owns [`WarmDay`] and [`WarmCap`]. Leaves what follows from a day to `policy::warmup`.

/// What a day was to bring at most, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmCap {
    /// The place in the schedule, from 0.
    pub step: u16,
    /// Letters at most; `None` when the route is warm.
    pub letters: Option<u32>,
    /// Why, for people.
    pub reason: String,
}

/// A day and what became of its letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarmDay {
    /// Which day, counted from 1970-01-01 in UTC.
    pub day: i32,
    /// What it was to bring; `None` where nothing was written down, because the route was not being warmed up.
    pub cap: Option<WarmCap>,
    /// Letters that nodes were given to send.
    pub granted: u32,
    /// Answered.
    pub attempted: u32,
    /// Accepted.
    pub accepted: u32,
    /// Refused for now because of us or our pace.
    pub deferred: u32,
    /// Refused for good because of our name or address.
    pub blocked: u32,
    /// Refused for their content.
    pub spam: u32,
    /// Refused because nobody is known at the address.
    pub strangers: u32,
    /// Readers who complained that day.
    pub complaints: u32,
}
