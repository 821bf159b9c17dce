//! How large a share surely is, when only so many were seen.
//!
//! Owns the lower bound of a proportion after Jeffreys: the posterior of a share after `count` of `among` is the beta
//! distribution with `count + 1/2` and `among - count + 1/2`, and the bound is the point that the share exceeds with 95 %
//! certainty. Promises: never above the share that was seen; grows with `count`, and towards the share with the sample. Pure.

/// The chance that the share is below its bound after all.
pub const DOUBT: f64 = 0.05;

/// Halvings of the interval: more than a double has digits.
const HALVINGS: u32 = 60;

/// Terms of the continued fraction at most; it takes about the square root of the sample.
const TERMS: u32 = 20_000;

/// The share that is exceeded with 95 % certainty.
pub fn surely(count: u64, among: u64) -> f64 {
    let Some(posterior) = Beta::after(count, among) else {
        return 0.0;
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if posterior.below(middle) < DOUBT {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.min(seen(count, among))
}

/// Whether the share surely exceeds `limit`.
pub fn surely_exceeds(count: u64, among: u64, limit: f64) -> bool {
    let is_beyond = |posterior: Beta| posterior.below(limit) < DOUBT;
    seen(count, among) > limit && Beta::after(count, among).is_some_and(is_beyond)
}

/// The share that was seen.
pub fn seen(count: u64, among: u64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    float(count) / float(among.max(count))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "letters of a campaign are far below 2^52"
)]
const fn float(count: u64) -> f64 {
    count as f64
}

/// A beta distribution.
#[derive(Clone, Copy, Debug)]
struct Beta {
    a: f64,
    b: f64,
}

impl Beta {
    /// What is known of a share; nothing that could be bounded when none was seen.
    fn after(count: u64, among: u64) -> Option<Self> {
        let among = among.max(count);
        (count > 0).then(|| Self {
            a: float(count) + 0.5,
            b: float(among - count) + 0.5,
        })
    }

    /// The chance of being below `x`: the regularised incomplete beta function, by its continued fraction on the side where
    /// that converges quickly (Abramowitz and Stegun 26.5.8).
    fn below(self, x: f64) -> f64 {
        if x <= 0.0 {
            return 0.0;
        }
        if x >= 1.0 {
            return 1.0;
        }
        let Self { a, b } = self;
        let scale =
            (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
        let chance = if x < (a + 1.0) / (a + b + 2.0) {
            scale * fraction(a, b, x) / a
        } else {
            1.0 - scale * fraction(b, a, 1.0 - x) / b
        };
        chance.clamp(0.0, 1.0)
    }
}

/// The continued fraction, from the front (Lentz).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut over = 1.0;
    let mut under = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = under;
    for term in 1..=TERMS {
        let term = f64::from(term);
        let at = a + 2.0 * term;
        let even = term * (b - term) * x / ((at - 1.0) * at);
        let odd = -(a + term) * (a + b + term) * x / (at * (at + 1.0));
        for factor in [even, odd] {
            under = 1.0 / away(1.0 + factor * under);
            over = away(1.0 + factor / over);
            value *= under * over;
        }
        if (under * over - 1.0).abs() < 1e-14 {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function for arguments from one half on: Stirling's series, after a shift to where it is exact.
fn log_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1_260.0 - y / 1_680.0))) / x;
    let half_log_tau = 0.918_938_533_204_672_8;
    (x - 0.5) * x.ln() - x + half_log_tau + series - shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Expected values are the 5 % points of that distribution from an arbitrary-precision library (mpmath).
    fn check(count: u64, among: u64, expected: f64) {
        let bound = surely(count, among);
        let error = (bound - expected).abs();
        assert!(error < expected * 1e-9, "{count} of {among}: {bound}");
    }

    #[test]
    fn bounds_agree_with_those_of_others() {
        check(1, 50, 0.003_529_978_470_97);
        check(3, 360, 0.003_016_152_633_8);
        check(12, 4_000, 0.001_827_384_660_54);
        check(3, 10, 0.117_329_376_68);
        check(50, 50, 0.962_498_864_86);
        check(500, 100_000, 0.004_643_606_679_81);
    }

    #[test]
    fn nothing_seen_proves_nothing() {
        assert_eq!(surely(0, 0).to_bits(), 0.0_f64.to_bits());
        assert!(!surely_exceeds(0, 1_000_000, 0.0));
    }

    proptest! {
        #[test]
        fn the_bound_is_below_what_was_seen_and_exceeded_with_the_stated_certainty(
            count in 1..5_000_u64, more in 0..500_000_u64,
        ) {
            let among = count + more;
            let bound = surely(count, among);
            prop_assert!(bound > 0.0);
            prop_assert!(bound <= seen(count, among));
            let below = Beta::after(count, among).unwrap().below(bound);
            prop_assert!((below - DOUBT).abs() < 1e-6, "{below}");
            prop_assert!(surely_exceeds(count, among, bound * 0.999));
            prop_assert!(!surely_exceeds(count, among, bound * 1.001));
        }

        #[test]
        fn more_cases_raise_it_and_more_letters_without_a_case_lower_it(count in 1..2_000_u64, more in 1..100_000_u64) {
            let among = count + more;
            prop_assert!(surely(count + 1, among + 1) > surely(count, among));
            prop_assert!(surely(count, among + 1) < surely(count, among));
        }

        #[test]
        fn the_same_share_in_a_larger_sample_is_surer(count in 1..500_u64, parts in 2..1_000_u64) {
            prop_assert!(surely(count * 2, count * parts * 2) > surely(count, count * parts));
        }
    }
}
