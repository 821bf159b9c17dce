//! Permits for connections.

use std::time::Duration;

use super::{Gate, Moment, inner::stretched};
use crate::policy::gcra::interval;

impl Gate {
    /// Takes a permit for one more connection, if there is one.
    pub(in crate::engine::pace) fn permit(&self, moment: Moment) -> bool {
        let mut inner = self.lock();
        let share = self.voice.share(moment.instant);
        let most = inner.connections(share);
        let fits = most.is_none_or(|most| inner.open < most);
        inner.open += u32::from(fits);
        fits
    }

    /// Gives a permit back.
    pub(in crate::engine::pace) fn give_back_permit(&self) {
        let mut inner = self.lock();
        inner.open = inner.open.saturating_sub(1);
        inner.leaving = inner.leaving.saturating_sub(1);
    }

    /// Whether there are more connections than permits by now, beside those that are leaving.
    pub(in crate::engine::pace) fn has_too_many(&self, moment: Moment) -> bool {
        let inner = self.lock();
        let most = inner.connections(self.voice.share(moment.instant));
        most.is_some_and(|most| inner.open.saturating_sub(inner.leaving) > most)
    }

    /// One connection is leaving.
    pub(in crate::engine::pace) fn note_leaving(&self) {
        let mut inner = self.lock();
        inner.leaving = (inner.leaving + 1).min(inner.open);
    }

    /// Whether it has connections for which there are no permits any more.
    pub(in crate::engine::pace) fn is_overdrawn(&self, moment: Moment) -> bool {
        let inner = self.lock();
        let most = inner.connections(self.voice.share(moment.instant));
        most.is_some_and(|most| inner.open > most)
    }

    /// When the next connection may be opened.
    pub(in crate::engine::pace) fn opening(&self, moment: Moment) -> Option<Duration> {
        let mut inner = self.lock();
        let now = self.since_origin(moment);
        let Some(limit) = inner.profile.connections_per_minute else {
            return Some(now);
        };
        let part = self.voice.share(moment.instant).of(limit);
        let interval = interval(part, Duration::from_mins(1))?;
        Some(inner.opens.take(now, stretched(interval)))
    }
}
