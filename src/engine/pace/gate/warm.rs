//! The cap of a day of a warm-up.

use super::{Gate, Inner};
use crate::{engine::pace::tickets::day, mail::Timestamp};

/// What a day may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Warm {
    day: i32,
    /// Letters at most; `None` when the route is warm.
    letters: Option<u32>,
}

impl Warm {
    /// Until the store says, nothing.
    pub(super) const UNKNOWN: Self = Self {
        day: i32::MIN,
        letters: Some(0),
    };
}

impl Gate {
    /// Whether this day's cap is wanted and not known.
    pub(in crate::engine::pace) fn wants_cap(&self, today: i32) -> bool {
        self.lock().warm.is_some_and(|warm| warm.day != today)
    }

    /// The cap of a day.
    pub(in crate::engine::pace) fn set_cap(&self, day: i32, letters: Option<u32>) {
        let mut inner = self.lock();
        if inner.warm.is_some() {
            inner.warm = Some(Warm { day, letters });
        }
    }
}

impl Inner {
    /// Letters of this day at most, over all nodes; `None` without limit.
    pub(super) fn day_limit(&self, now: Timestamp) -> Option<u32> {
        let warmed = self.warm.and_then(|warm| {
            if warm.day == day(now) {
                warm.letters
            } else {
                Some(0)
            }
        });
        let limits = [self.profile.messages_per_day, warmed];
        limits.into_iter().flatten().min()
    }
}
