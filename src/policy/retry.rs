//! When to try again, or whether to give up.
//!
//! Owns the schedule. Promises: the next try is after now and never after the give-up age; without jitter and hints the
//! waits never shrink; a receiver's own "in 10 minutes" is honoured; after finitely many attempts it gives up. Does not
//! know why an attempt failed: [`mod@super::judge`] does.

use std::{fmt, time::Duration};

use crate::mail::Timestamp;

/// The schedule of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The wait after the first attempt, the second, …; the last one repeats. Never empty, never shrinking.
    pub waits: Vec<Duration>,
    /// Share of a wait by which it may be shorter or longer, so that letters that failed together part. 0 to 0.5.
    pub jitter: f64,
    /// A letter older than this is given up (RFC 5321 §4.5.4.1 lets this be the sender's choice).
    pub give_up_age: Duration,
    /// Bounds of the first wait after greylisting: most greylists open after 5 minutes (RFC 6647 §2.4).
    pub greylist: (Duration, Duration),
    /// No wait is shorter than this, whatever a reply asks for.
    pub wait_min: Duration,
}

/// Why a schedule cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryFault {
    /// There is no wait.
    NoWaits,
    /// A wait is shorter than the one before, so letters would crowd towards their end.
    ShrinkingWaits,
    /// The jitter is not a share between 0 and 0.5.
    BadJitter,
    /// The earliest greylist wait is longer than the latest.
    BadGreylist,
    /// The shortest wait is zero: a letter would be tried again without end in no time.
    NoPause,
}

/// What the schedule has to know about the attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// Attempts made, this one included; counted from 1.
    pub attempts: u16,
    /// How old the letter is.
    pub age: Duration,
    /// The wait that the receiver asked for.
    pub hint: Option<Duration>,
    /// Whether the receiver greylists us.
    pub greylisted: bool,
}

/// A receiver that goes on saying "in 5 minutes" is not asked every 5 minutes for two days: from this attempt on a
/// hint may lengthen the scheduled wait and not shorten it.
const HINT_SHORTENS_UNTIL: u16 = 4;

/// When to try again, or `None` to give up. `dice` is in 0..1.
pub fn next_due(
    rules: &Retry,
    deferral: &Deferral,
    now: Timestamp,
    dice: f64,
) -> Option<Timestamp> {
    let left = rules.give_up_age.saturating_sub(deferral.age);
    // The last try is made at the very end of the letter's life, unless that is no wait at all or the receiver has
    // said that it will not listen by then.
    if left < rules.wait_min || deferral.hint.is_some_and(|hint| hint > left) {
        return None;
    }
    let wait = rules.wait(deferral, dice).max(rules.wait_min);
    Some(now.plus(wait.min(left)))
}

impl Retry {
    /// Those waits and that age, with the jitter and greylist bounds that suit everybody.
    pub fn standard(waits_seconds: &[u64], give_up_age: Duration) -> Self {
        Self {
            waits: waits_seconds
                .iter()
                .copied()
                .map(Duration::from_secs)
                .collect(),
            jitter: 0.1,
            give_up_age,
            greylist: (Duration::from_mins(5), Duration::from_mins(15)),
            wait_min: Duration::from_secs(10),
        }
    }

    /// The schedule itself, if it can be followed.
    pub fn checked(self) -> Result<Self, RetryFault> {
        if self.waits.is_empty() {
            Err(RetryFault::NoWaits)
        } else if !self.waits.is_sorted() {
            Err(RetryFault::ShrinkingWaits)
        } else if !(0.0..=0.5).contains(&self.jitter) {
            Err(RetryFault::BadJitter)
        } else if self.greylist.0 > self.greylist.1 {
            Err(RetryFault::BadGreylist)
        } else if self.wait_min.is_zero() {
            Err(RetryFault::NoPause)
        } else {
            Ok(self)
        }
    }

    fn wait(&self, deferral: &Deferral, dice: f64) -> Duration {
        let dice = if dice.is_finite() {
            dice.clamp(0.0, 1.0)
        } else {
            0.5
        };
        let scheduled = self.scheduled(deferral, dice);
        match deferral.hint {
            // Before the hinted moment the receiver would only refuse again, so chance only adds.
            Some(hint) => {
                let hinted = scaled(hint, 1.0 + self.jitter * dice);
                let trusted = deferral.attempts < HINT_SHORTENS_UNTIL;
                if trusted {
                    hinted
                } else {
                    hinted.max(scheduled)
                }
            }
            None => scheduled,
        }
    }

    fn scheduled(&self, deferral: &Deferral, dice: f64) -> Duration {
        let (from, to) = self.greylist;
        if deferral.greylisted && deferral.attempts <= 1 {
            return from.saturating_add(scaled(to.saturating_sub(from), dice));
        }
        let index = usize::from(deferral.attempts.saturating_sub(1));
        let wait = self
            .waits
            .get(index)
            .or(self.waits.last())
            .copied()
            .unwrap_or_default();
        scaled(wait, 1.0 + self.jitter * (2.0 * dice - 1.0))
    }
}

/// A share of a wait; the longest wait there is instead of an overflow.
fn scaled(wait: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(wait.as_secs_f64() * share).unwrap_or(Duration::MAX)
}

impl fmt::Display for RetryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWaits => "has no wait between attempts",
            Self::ShrinkingWaits => "has a wait that is shorter than the one before it",
            Self::BadJitter => "has a jitter that is not between 0 and 0.5",
            Self::BadGreylist => "has an earliest greylist wait longer than the latest",
            Self::NoPause => "has a shortest wait of zero",
        })
    }
}

impl std::error::Error for RetryFault {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn rules() -> Retry {
        Retry::standard(&[60, 300, 900, 3600], Duration::from_hours(36))
    }

    fn check(attempts: u16, age: u64, hint: Option<u64>, greylisted: bool, expected: Option<u64>) {
        let deferral = Deferral {
            attempts,
            age: Duration::from_secs(age),
            hint: hint.map(Duration::from_secs),
            greylisted,
        };
        let due = next_due(&rules(), &deferral, NOW, 0.5);
        assert_eq!(
            due.map(|due| due.since(NOW).as_secs()),
            expected,
            "{deferral:?}"
        );
    }

    #[test]
    fn waits_grow_and_the_last_one_repeats() {
        check(1, 0, None, false, Some(60));
        check(2, 60, None, false, Some(300));
        check(4, 2000, None, false, Some(3600));
        check(9, 20_000, None, false, Some(3600));
    }

    #[test]
    fn a_hint_is_honoured_and_cannot_pin_us_down() {
        check(1, 0, Some(600), false, Some(630));
        check(3, 500, Some(100), false, Some(105));
        check(4, 2000, Some(300), false, Some(3600));
        check(4, 2000, Some(7200), false, Some(7560));
        check(1, 0, Some(1), false, Some(10));
    }

    #[test]
    fn the_first_wait_after_greylisting_lies_between_five_and_fifteen_minutes() {
        check(1, 0, None, true, Some(600));
        check(2, 700, None, true, Some(300));
        check(1, 0, Some(1000), true, Some(1050));
    }

    #[test]
    fn the_last_try_is_at_the_end_of_the_letters_life() {
        let end = 36 * 3600;
        check(30, end - 100, None, false, Some(100));
        check(31, end, None, false, None);
        check(31, end - 5, None, false, None);
        check(31, end + 5, None, false, None);
        check(30, end - 100, Some(200), false, None);
    }

    #[test]
    fn a_schedule_that_cannot_be_followed_says_why() {
        let fault = |change: fn(&mut Retry)| {
            let mut retry = rules();
            change(&mut retry);
            retry.checked().expect_err("a fault")
        };
        assert_eq!(fault(|retry| retry.waits.clear()), RetryFault::NoWaits);
        assert_eq!(
            fault(|retry| retry.waits.reverse()),
            RetryFault::ShrinkingWaits
        );
        assert_eq!(
            fault(|retry| retry.jitter = f64::NAN),
            RetryFault::BadJitter
        );
        assert_eq!(
            fault(|retry| retry.greylist.1 = Duration::ZERO),
            RetryFault::BadGreylist
        );
        assert_eq!(
            fault(|retry| retry.wait_min = Duration::ZERO),
            RetryFault::NoPause
        );
    }

    prop_compose! {
        fn any_rules()(
            mut waits in prop::collection::vec(1_u64..100_000, 1..8),
            jitter in 0.0..=0.5, give_up in 1_u64..1_000_000,
            greylist in 0_u64..2000, width in 0_u64..2000, wait_min in 1_u64..60,
        ) -> Retry {
            waits.sort_unstable();
            let mut retry = Retry::standard(&waits, Duration::from_secs(give_up));
            retry.jitter = jitter;
            retry.greylist = (Duration::from_secs(greylist), Duration::from_secs(greylist + width));
            retry.wait_min = Duration::from_secs(wait_min);
            retry
        }
    }

    prop_compose! {
        fn any_deferral()(
            attempts in 0_u16..500, age in 0_u64..1_100_000,
            hint in prop::option::of(10_u64..86_400), greylisted: bool,
        ) -> Deferral {
            Deferral {
                attempts,
                age: Duration::from_secs(age),
                hint: hint.map(Duration::from_secs),
                greylisted,
            }
        }
    }

    proptest! {
        #[test]
        fn the_next_try_is_after_now_and_within_the_give_up_age(
            rules in any_rules(), deferral in any_deferral(), dice in 0.0..1.0
        ) {
            if let Some(due) = next_due(&rules, &deferral, NOW, dice) {
                prop_assert!(due > NOW);
                prop_assert!(due.since(NOW) >= rules.wait_min);
                prop_assert!(due.since(NOW) + deferral.age <= rules.give_up_age);
            } else {
                let left = rules.give_up_age.saturating_sub(deferral.age);
                prop_assert!(left < rules.wait_min || deferral.hint.is_some_and(|hint| hint > left));
            }
        }

        #[test]
        fn nobody_comes_back_before_the_hinted_moment(
            rules in any_rules(), deferral in any_deferral(), dice in 0.0..1.0
        ) {
            if let (Some(due), Some(hint)) = (next_due(&rules, &deferral, NOW, dice), deferral.hint) {
                prop_assert!(due.since(NOW) >= hint);
            }
        }

        #[test]
        fn jitter_stays_within_its_share(rules in any_rules(), attempts in 1_u16..20, dice in 0.0..1.0) {
            let deferral = Deferral { attempts, age: Duration::ZERO, hint: None, greylisted: false };
            let wait = rules.wait(&deferral, dice).as_secs_f64();
            let plain = rules.wait(&deferral, 0.5).as_secs_f64();
            prop_assert!((wait - plain).abs() <= plain * rules.jitter + 1e-6);
        }

        #[test]
        fn without_jitter_the_waits_never_shrink(rules in any_rules(), attempts in 1_u16..20) {
            let wait = |attempts| {
                rules.wait(&Deferral { attempts, age: Duration::ZERO, hint: None, greylisted: false }, 0.5)
            };
            prop_assert!(wait(attempts) <= wait(attempts + 1));
        }

        #[test]
        fn every_letter_is_given_up_in_the_end(rules in any_rules(), dice in 0.0..1.0) {
            let (mut age, mut attempts) = (Duration::ZERO, 0_u16);
            let bound = rules.give_up_age.as_secs() / rules.wait_min.as_secs() + 2;
            while let Some(due) = {
                attempts = attempts.saturating_add(1);
                next_due(&rules, &Deferral { attempts, age, hint: None, greylisted: false }, NOW, dice)
            } {
                age += due.since(NOW);
                prop_assert!(u64::from(attempts) <= bound);
                if attempts == u16::MAX { break }
            }
        }
    }
}
