//! The smooth limit: one thing per interval, none saved up.
//!
//! Owns [`Gcra`], the generic cell rate algorithm (ITU-T I.371) without tolerance. Promises: in any stretch of time `w` it
//! lets through at most `w / interval` things, rounded up, so a provider that counts per minute never counts more than the
//! limit; what was not used is not made up for. Integer arithmetic; time is an argument. Leaves waiting to whoever asks.

use std::time::Duration;

/// One limit's memory: when the next may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    free_at: Duration,
}

impl Gcra {
    /// Nothing may go before that moment, counted from any fixed one.
    pub const fn from(free_at: Duration) -> Self {
        Self { free_at }
    }

    /// When the next may go, not before `now`.
    pub fn earliest(&self, now: Duration) -> Duration {
        self.free_at.max(now)
    }

    /// Takes the place at `at` or, when that is too early, the next one; tells which.
    pub fn take(&mut self, at: Duration, interval: Duration) -> Duration {
        let place = self.free_at.max(at);
        self.free_at = place.saturating_add(interval);
        place
    }

    /// Nothing goes before that moment.
    pub fn put_off(&mut self, until: Duration) {
        self.free_at = self.free_at.max(until);
    }

    /// How many may go before `end`.
    pub fn places(&self, now: Duration, end: Duration, interval: Duration) -> u32 {
        let from = self.earliest(now);
        let span = end.saturating_sub(from).as_nanos();
        let places = span.div_ceil(interval.as_nanos().max(1));
        u32::try_from(places).unwrap_or(u32::MAX)
    }
}

/// The interval of so many per unit, rounded up; `None` for none at all.
pub fn interval(count: u32, unit: Duration) -> Option<Duration> {
    let nanos = unit
        .as_nanos()
        .checked_next_multiple_of(u128::from(count))?;
    let nanos = u64::try_from(nanos / u128::from(count)).unwrap_or(u64::MAX);
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod laws {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_stretch_of_a_unit_sees_more_than_the_limit(
            count in 1..400_u32,
            unit in prop::sample::select(vec![1_u64, 60, 3_600]),
            asks in prop::collection::vec(0..90_000_u64, 1..300),
        ) {
            let unit = Duration::from_secs(unit);
            let interval = interval(count, unit).unwrap();
            let mut gcra = Gcra::from(Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut places = Vec::new();
            for ask in asks {
                now += Duration::from_millis(ask % 2_000);
                let place = gcra.take(now, interval);
                prop_assert!(place >= now);
                places.push(place);
            }
            for (i, from) in places.iter().enumerate() {
                let within = places[i..].iter().take_while(|place| **place < *from + unit).count();
                prop_assert!(within <= count as usize, "{within} within {unit:?}, {count} allowed");
            }
        }

        #[test]
        fn as_many_go_as_were_foretold(count in 1..1_000_u32, ahead in 0..10_000_u64, late in 0..5_000_u64) {
            let interval = interval(count, Duration::from_mins(1)).unwrap();
            let (now, end) = (Duration::from_millis(late), Duration::from_millis(ahead));
            let mut gcra = Gcra::from(Duration::from_secs(1));
            let foretold = gcra.places(now, end, interval);
            let mut gone = 0;
            while gcra.earliest(now) < end {
                gcra.take(now, interval);
                gone += 1;
            }
            prop_assert_eq!(gone, foretold);
        }

        #[test]
        fn nothing_goes_before_it_was_put_off_to(until in 0..100_u64, now in 0..100_u64) {
            let mut gcra = Gcra::from(Duration::ZERO);
            gcra.put_off(Duration::from_secs(until));
            prop_assert!(gcra.take(Duration::from_secs(now), Duration::from_secs(1)) >= Duration::from_secs(until));
        }
    }

    #[test]
    fn a_limit_of_nothing_has_no_interval() {
        assert_eq!(interval(0, Duration::from_secs(1)), None);
        assert_eq!(
            interval(20, Duration::from_mins(1)),
            Some(Duration::from_secs(3))
        );
    }
}
