//! What a lease may bring: how much from which lane.

use super::{Lane, LeaseId};
use crate::mail::Timestamp;

/// Letters of this priority or a more urgent one go before all others, and have room of their own.
pub const URGENT: u8 = 2;

/// How many letters a lane may still give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRoom {
    /// Letters that are not urgent.
    pub normal: u32,
    /// Letters of priority [`URGENT`] or a more urgent one.
    pub urgent: u32,
}

impl LaneRoom {
    /// None at all.
    pub const NONE: Self = Self::both(0);

    /// The same for every letter.
    pub const fn both(room: u32) -> Self {
        Self {
            normal: room,
            urgent: room,
        }
    }

    /// The smaller of both, for each kind of letter.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            normal: self.normal.min(other.normal),
            urgent: self.urgent.min(other.urgent),
        }
    }
}

/// What the runner asks for.
#[derive(Clone, Debug)]
pub struct LeaseAsk {
    /// The claim's name.
    pub lease: LeaseId,
    /// This moment.
    pub now: Timestamp,
    /// The claim ends here unless renewed.
    pub until: Timestamp,
    /// No more letters than this.
    pub max: u32,
    /// No more content than this, in octets, after the first letter: what a lease brings beyond it goes back unseen.
    pub octets: u64,
    /// No more letters than this from a lane not listed in `room`.
    pub per_lane: u32,
    /// Room of lanes that have not just `per_lane`; a lane without any is skipped without a look.
    pub room: Vec<(Lane, LaneRoom)>,
    /// Only letters of this priority or a more urgent one: 9 is every letter.
    pub priority_max: u8,
    /// Where the last look at the lanes ended, so that no lane waits behind the others for ever.
    pub after: Option<Cursor>,
}

/// Where a look at the lanes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// It had all the letters it wanted: the next look begins with the most urgent priority, and in each one after this lane.
    After(Lane),
    /// It had seen as many lanes as one look may: the next look goes on within this priority, after this lane, so that no
    /// number of lanes without room hides what is less urgent. What has become ready before that place waits for the look
    /// after the last one.
    Within(u8, Lane),
}

impl Cursor {
    /// The lane where it ended.
    pub const fn lane(self) -> Lane {
        match self {
            Self::After(lane) | Self::Within(_, lane) => lane,
        }
    }

    /// The priority within which to go on.
    pub const fn priority(self) -> Option<u8> {
        match self {
            Self::After(_) => None,
            Self::Within(priority, _) => Some(priority),
        }
    }
}
