//! How a route stands: what its pace is, why, and which part of it is ours.
//!
//! Owns [`RouteKey`], [`RouteState`] and [`Share`]. A route is a source and the provider or site that it sends to.

use super::Timestamp;

/// A route by its two ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The name of the source.
    pub source: String,
    /// The name of the profile, or of the site where no profile has one: limits count per source and target.
    pub target: String,
}

/// What a route is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing is known yet: it begins slowly and doubles while nobody objects.
    Starting,
    /// It goes as fast as its profile allows.
    Open,
    /// It stays below a pace that was refused.
    Holding,
    /// It tries whether more is allowed by now.
    Seeking,
    /// Nothing is sent.
    Paused,
    /// A letter now and then asks whether we are welcome again.
    Probing,
    /// The operator has set the pace.
    Fixed,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Open,
        Self::Holding,
        Self::Seeking,
        Self::Paused,
        Self::Probing,
        Self::Fixed,
    ];

    /// The word used in SQL, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Open => "open",
            Self::Holding => "holding",
            Self::Seeking => "seeking",
            Self::Paused => "paused",
            Self::Probing => "probing",
            Self::Fixed => "fixed",
        }
    }

    /// The phase of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// The pace of a route over all nodes together, and why it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteState {
    /// What it is doing.
    pub phase: Phase,
    /// Letters per hour; `None` leaves it to the profile.
    pub rate: Option<u32>,
    /// Letters per hour that the provider took when it last objected.
    pub ceiling: Option<u32>,
    /// Connections at once; `None` leaves it to the profile.
    pub connections: Option<u32>,
    /// When a pause ends, or when the next step may be tried.
    pub until: Option<Timestamp>,
    /// Until when no letter goes at all, although there is no pause: those that went still count at the provider.
    pub quiet_until: Option<Timestamp>,
    /// Steps taken in this phase.
    pub steps: u16,
    /// Pauses in a row, each longer than the one before.
    pub pauses: u16,
    /// Why it changed last.
    pub cause: String,
    /// When it changed last.
    pub changed_at: Timestamp,
    /// Who changed it: `governor`, or the operator's name.
    pub by: String,
}

/// In how many parts a limit can be cut: divisible by every number of nodes up to sixteen.
pub const WHOLE: u32 = 720_720;

/// A node's part of every limit of a source: an interval of the whole, so that parts which do not overlap never add up to
/// more than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    /// Where it begins, in parts of [`WHOLE`].
    pub from: u32,
    /// Where it ends; not before `from`.
    pub to: u32,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self { from: 0, to: 0 };
    /// Everything.
    pub const ALL: Self = Self { from: 0, to: WHOLE };

    /// How much of a limit this is: whole things only, and over parts that do not overlap never more than the limit.
    pub fn of(self, limit: u32) -> u32 {
        let before = |point: u32| u64::from(limit) * u64::from(point) / u64::from(WHOLE);
        u32::try_from(before(self.to) - before(self.from.min(self.to))).unwrap_or(0)
    }

    /// The width, in parts of [`WHOLE`].
    pub const fn width(self) -> u32 {
        self.to.saturating_sub(self.from)
    }

    /// Whether there is nothing in it.
    pub const fn is_none(self) -> bool {
        self.width() == 0
    }

    /// Whether it holds the first part: of all nodes exactly one does, and it does what only one may.
    pub const fn is_first(self) -> bool {
        self.from == 0 && !self.is_none()
    }

    /// What both have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        if from < to {
            Self { from, to }
        } else {
            Self::NONE
        }
    }

    /// Whether all of it lies in the other.
    pub fn is_within(self, other: Self) -> bool {
        self.is_none() || self.and(other) == self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_phase_reads_back_from_its_name() {
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.name()), Some(phase));
        }
    }

    proptest! {
        #[test]
        fn parts_side_by_side_add_up_to_the_limit(limit in any::<u32>(), cuts in prop::collection::vec(0..=WHOLE, 0..20)) {
            let mut cuts = cuts;
            cuts.extend([0, WHOLE]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|pair| Share { from: pair[0], to: pair[1] });
            let sum: u64 = parts.map(|part| u64::from(part.of(limit))).sum();
            prop_assert_eq!(sum, u64::from(limit));
        }
    }
}
