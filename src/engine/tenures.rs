//! Which claims nobody renews any more.
//!
//! Owns the watch over tenures. Promises: a claim counts as forsaken only when looks without a gap have found it unrenewed
//! for a whole patience of this process's own monotonic time; no wall clock has a say, neither ours nor that of whoever
//! wrote the claim, because either may be hours off. Leaves the looking to `heir`.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::port::Tenure;

/// Since when each tenure has stood unrenewed under our eyes.
#[derive(Debug, Default)]
pub(super) struct Tenures(BTreeMap<Tenure, Instant>);

impl Tenures {
    /// Takes in a look that was asked for and answered at these moments; returns the tenures that have stood for `patience`.
    /// What was first seen in an answer stood at that moment at the latest; what is seen again stood when it was asked for.
    pub(super) fn look(
        &mut self,
        standing: &[Tenure],
        (asked, answered): (Instant, Instant),
        patience: Duration,
    ) -> Vec<Tenure> {
        let since = |tenure: &Tenure| self.0.get(tenure).copied().unwrap_or(answered);
        self.0 = standing
            .iter()
            .map(|tenure| (*tenure, since(tenure)))
            .collect();
        let forsaken = self
            .0
            .iter()
            .filter(|(_, since)| asked.saturating_duration_since(**since) >= patience);
        forsaken.map(|(tenure, _)| *tenure).collect()
    }

    /// There was a gap: whoever could not be seen may not have been able to renew either, and has their time once more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{mail::Timestamp, port::LeaseId};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn tenure(lease: u128, until: i64) -> Tenure {
        Tenure {
            lease: LeaseId(Uuid::from_u128(lease)),
            until: Timestamp::from_seconds(until),
        }
    }

    /// Looks at these seconds, each with what stands then; which of the looks finds something forsaken.
    fn check(looks: &[(u64, &[Tenure])], expected: &[u64]) {
        let (begin, mut tenures) = (Instant::now(), Tenures::default());
        let forsaken = looks.iter().filter(|(second, standing)| {
            let at = begin + Duration::from_secs(*second);
            !tenures.look(standing, (at, at), PATIENCE).is_empty()
        });
        let found: Vec<u64> = forsaken.map(|(second, _)| *second).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_claim_is_forsaken_when_it_stood_unrenewed_for_the_whole_patience() {
        let long_ago = [tenure(1, -1_000_000)];
        check(&[(0, &long_ago), (19, &long_ago), (20, &long_ago)], &[20]);
    }

    #[test]
    fn a_claim_that_is_renewed_is_never_forsaken_whatever_its_clock_says() {
        let renewed: Vec<[Tenure; 1]> = (0..9).map(|n| [tenure(1, -n)]).collect();
        let looks = (0..).step_by(10).zip(renewed.iter().map(|one| &one[..]));
        let looks: Vec<(u64, &[Tenure])> = looks.collect();
        check(&looks, &[]);
    }

    #[test]
    fn a_claim_that_went_and_came_back_begins_anew() {
        let claim = [tenure(1, 5)];
        check(
            &[
                (0, &claim),
                (10, &[]),
                (15, &claim),
                (30, &claim),
                (35, &claim),
            ],
            &[35],
        );
    }

    #[test]
    fn a_gap_gives_everybody_their_time_once_more() {
        let (begin, mut tenures) = (Instant::now(), Tenures::default());
        let claim = [tenure(1, 5)];
        let at = |second| begin + Duration::from_secs(second);
        assert!(tenures.look(&claim, (at(0), at(0)), PATIENCE).is_empty());
        tenures.forget();
        assert!(tenures.look(&claim, (at(60), at(60)), PATIENCE).is_empty());
        assert_eq!(tenures.look(&claim, (at(80), at(80)), PATIENCE), claim);
    }

    #[test]
    fn the_time_of_a_slow_answer_counts_for_the_holder() {
        let (begin, mut tenures) = (Instant::now(), Tenures::default());
        let claim = [tenure(1, 5)];
        let at = |second| begin + Duration::from_secs(second);
        assert!(tenures.look(&claim, (at(0), at(10)), PATIENCE).is_empty());
        assert!(tenures.look(&claim, (at(25), at(31)), PATIENCE).is_empty());
        assert_eq!(tenures.look(&claim, (at(32), at(32)), PATIENCE), claim);
    }

    proptest! {
        /// A holder that renews within the patience, under any clock, never loses a claim to these looks.
        #[test]
        fn nobody_who_renews_in_time_is_forsaken(
            waits in proptest::collection::vec(1_u64..5, 1..60),
            renewals in proptest::collection::vec((1_u64..19, any::<i32>()), 1..60),
        ) {
            let (begin, mut tenures) = (Instant::now(), Tenures::default());
            let mut moments = Vec::new();
            let mut second = 0;
            for (place, (wait, clock)) in renewals.iter().enumerate() {
                // The same reading of a clock twice in a row is no renewal: microseconds tell them apart.
                moments.push((second, tenure(1, i64::from(*clock) * 100 + i64::try_from(place).unwrap())));
                second += wait;
            }
            let end = second;
            let mut second = 0;
            for wait in waits {
                second += wait;
                if second >= end {
                    break;
                }
                let standing = moments.iter().rev().find(|(at, _)| *at <= second).unwrap().1;
                let at = begin + Duration::from_secs(second);
                prop_assert!(tenures.look(&[standing], (at, at), PATIENCE).is_empty());
            }
        }
    }
}
