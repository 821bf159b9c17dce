//! The live state of a count, and what follows from it.
//!
//! Owns the arithmetic between profile, share and governor. Promises: of several limits the slowest holds.

use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, MARGIN, Moment};
use crate::{
    mail::{Phase, RouteState, Share, Timestamp},
    policy::{
        gcra::interval,
        governor::{self, Told},
        shaping::Profile,
    },
};

/// How letters go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tempo {
    /// Without limit.
    Free,
    /// One per interval.
    Every(Duration),
}

impl Inner {
    /// How letters go under this share; `None` when none may.
    pub(super) fn tempo(&self, share: Share) -> Option<Tempo> {
        let rate = governor::rate(&self.state, &self.rules);
        let is_free = rate.is_none() && self.profile.connections.is_none();
        if is_free {
            return Some(Tempo::Free);
        }
        if share.is_none() || rate == Some(0) {
            return None;
        }
        if self.state.phase == Phase::Probing && !share.is_first() {
            return None;
        }
        let whole = if self.state.phase == Phase::Probing {
            Share::ALL
        } else {
            share
        };
        match pace(&self.profile, rate, whole) {
            Some(interval) => Some(Tempo::Every(interval)),
            None if rate.is_none() => Some(Tempo::Free),
            None => None,
        }
    }

    pub(super) fn connections(&self, share: Share) -> Option<u32> {
        let most = governor::connections(&self.state, &self.rules)?;
        if self.state.phase == Phase::Probing {
            return Some(u32::from(share.is_first()));
        }
        Some(share.of(most))
    }

    pub(super) fn quiet(&self, now: Timestamp) -> Duration {
        self.state
            .quiet_until
            .map_or(Duration::ZERO, |until| until.since(now))
    }

    pub(super) fn tickets_left(&self, now: Timestamp) -> u32 {
        match self.day_limit(now) {
            Some(_) => self.tickets.left(now),
            None => u32::MAX,
        }
    }

    pub(super) fn spend_ticket(&mut self, now: Timestamp) -> bool {
        self.day_limit(now).is_none() || self.tickets.spend(now)
    }

    /// An attempt that began before the pace was lowered says nothing about the pace since.
    pub(super) fn is_old_news(&self, told: &Told, began: Timestamp) -> bool {
        matches!(told, Told::SlowDown { .. })
            && began < self.state.changed_at
            && !matches!(
                self.state.phase,
                Phase::Starting | Phase::Open | Phase::Seeking
            )
    }

    pub(super) fn change(&mut self, state: RouteState, origin: Instant, moment: Moment) {
        let now = moment.instant.saturating_duration_since(origin);
        if let Some(until) = state.quiet_until {
            self.letters.put_off(now + until.since(moment.now));
        }
        self.state = state;
        self.seen.begin();
        self.epoch += 1;
        self.is_news = true;
    }
}

/// The time between two letters: the longest that any limit asks for; `None` when there is none, or none may go.
pub(super) fn pace(profile: &Profile, rate: Option<u32>, share: Share) -> Option<Duration> {
    let mut longest: Option<Duration> = None;
    for (count, unit) in profile.rates() {
        let interval = stretched(interval(share.of(count), unit)?);
        longest = Some(longest.map_or(interval, |longest| longest.max(interval)));
    }
    let governed = rate.map(|rate| {
        let part = f64::from(share.width()) / f64::from(Share::ALL.width());
        Duration::from_secs_f64(3_600.0 / (f64::from(rate) * part).max(0.001))
    });
    match (longest, governed) {
        (Some(limit), Some(governed)) => Some(limit.max(governed)),
        (one, other) => one.or(other),
    }
}

pub(super) fn stretched(interval: Duration) -> Duration {
    interval.saturating_mul(MARGIN) / 1_000
}
