//! One thread of chance: a sequence of numbers that a seed and a purpose decide.
//!
//! Owns [`Chance`]. Promises: the same seed and purpose give the same sequence; threads of different purposes know nothing
//! of each other, so that one more throw here moves nothing there. Read `sim::chance` for the hash below.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::super::chance::{draw, mix, unit};
use crate::port::Dice;

/// The step of the sequence: the golden ratio in 64 bits, as `SplitMix` has it.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of throws.
#[derive(Debug)]
pub(super) struct Chance(AtomicU64);

impl Chance {
    /// The sequence of a purpose.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        Self(AtomicU64::new(draw(seed, purpose, &[])))
    }

    /// Any number.
    pub(super) fn number(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed))
    }

    /// A number in 0..1.
    pub(super) fn point(&self) -> f64 {
        unit(self.number())
    }

    /// Whether this throw falls into a share of all throws.
    pub(super) fn falls(&self, share: f64) -> bool {
        // Always a throw: a share of zero must not move those that follow.
        self.point() < share
    }

    /// A number in `low..high`; `low` when there is none.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low).max(1);
        low + self.number() % width
    }

    /// A span in `low..high`, to the microsecond.
    pub(super) fn span(&self, low: Duration, high: Duration) -> Duration {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.between(micros(low), micros(high)))
    }

    /// One of several.
    pub(super) fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        let place = self.between(0, of.len() as u64);
        &of[usize::try_from(place).unwrap_or(0)]
    }
}

impl Dice for Chance {
    fn roll(&self) -> f64 {
        self.point()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_has_its_own_sequence_and_the_seed_repeats_it() {
        let throws = |seed, purpose| {
            let chance = Chance::new(seed, purpose);
            [chance.number(), chance.number(), chance.number()]
        };
        assert_eq!(throws(1, "wire"), throws(1, "wire"));
        assert_ne!(throws(1, "wire"), throws(1, "store"));
        assert_ne!(throws(1, "wire"), throws(2, "wire"));
    }

    #[test]
    fn throws_stay_in_their_bounds() {
        let chance = Chance::new(1, "bounds");
        for _ in 0..1_000 {
            assert!((3..9).contains(&chance.between(3, 9)));
            assert!((0.0..1.0).contains(&chance.point()));
        }
        assert_eq!(chance.between(4, 4), 4);
        assert!(!chance.falls(0.0));
        assert!(chance.falls(1.0));
    }
}
