//! When a campaign is braked at a provider.
//!
//! Owns the decision from figures and limits. Promises: one case never brakes, whatever the sample; a rate brakes only when it
//! surely exceeds its limit ([`super::proportion`]), so that one complaint among fifty letters is no rate; the words name
//! every number that decided. Pure. Leaves counting and holding to the store, and the release to a person.

use super::proportion::{seen, surely, surely_exceeds};
use crate::mail::{BrakeLevel, Figures, Measure};

/// The name under which holds are laid.
pub const BRAKE: &str = "brake";

/// So few cases warn of nothing ...
const WARN_MIN: u64 = 2;

/// ... and so few stop nothing, however small the sample.
const STOP_MIN: u64 = 3;

/// The limits of one measure, as parts of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// From here on somebody should look.
    pub warn: f64,
    /// From here on nothing more is sent there.
    pub stop: f64,
}

/// What the operator bears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brakes {
    /// Days of UTC that count, today being one of them.
    pub days: u16,
    /// Complaints among letters delivered.
    pub complaints: Levels,
    /// Hard bounces among letters answered.
    pub hard_bounces: Levels,
    /// Refusals for the content among letters answered.
    pub spam: Levels,
}

impl Default for Brakes {
    /// Gmail and Yahoo ask for less than 0.1 % of complaints and never 0.3 %; Mail.ru objects to 5 % of unknown addresses.
    fn default() -> Self {
        let levels = |warn, stop| Levels { warn, stop };
        Self {
            days: 3,
            complaints: levels(0.001, 0.003),
            hard_bounces: levels(0.02, 0.05),
            spam: levels(0.01, 0.03),
        }
    }
}

/// One measure that is beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// How bad it is.
    pub level: BrakeLevel,
    /// What was measured.
    pub measure: Measure,
    /// The figures, for people.
    pub words: String,
}

/// Every measure that is beyond a limit, stops first.
pub fn alarms(figures: &Figures, brakes: &Brakes) -> Vec<Alarm> {
    let alarms = Measure::ALL
        .into_iter()
        .filter_map(|measure| alarm(measure, figures, brakes.levels(measure)));
    let mut alarms: Vec<Alarm> = alarms.collect();
    alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.level));
    alarms
}

fn alarm(measure: Measure, figures: &Figures, levels: Levels) -> Option<Alarm> {
    let (count, among) = measure.of(figures);
    let beyond = |least, limit| count >= least && surely_exceeds(count, among, limit);
    let (level, limit) = if beyond(STOP_MIN, levels.stop) {
        (BrakeLevel::Stop, levels.stop)
    } else if beyond(WARN_MIN, levels.warn) {
        (BrakeLevel::Warn, levels.warn)
    } else {
        return None;
    };
    let words = format!(
        "{count} {} among {among} letters {}: {}, surely more than {}; the limit is {}",
        cases(measure),
        whose(measure),
        percent(seen(count, among)),
        percent(surely(count, among)),
        percent(limit),
    );
    Some(Alarm {
        level,
        measure,
        words,
    })
}

impl Brakes {
    /// The limits of a measure.
    pub const fn levels(&self, measure: Measure) -> Levels {
        match measure {
            Measure::Complaints => self.complaints,
            Measure::HardBounces => self.hard_bounces,
            Measure::Spam => self.spam,
        }
    }
}

const fn cases(measure: Measure) -> &'static str {
    match measure {
        Measure::Complaints => "complaints",
        Measure::HardBounces => "hard bounces",
        Measure::Spam => "refusals for the content",
    }
}

const fn whose(measure: Measure) -> &'static str {
    match measure {
        Measure::Complaints => "delivered",
        Measure::HardBounces | Measure::Spam => "answered",
    }
}

/// A share for people: `0.34 %`. Rounded down, so that it is never said to be beyond what it is.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 10_000.0 + 1e-6).floor() / 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(figures: Figures, expected: &[&str]) {
        let alarms = alarms(&figures, &Brakes::default());
        let told = alarms
            .iter()
            .map(|alarm| format!("{} {}", alarm.level.name(), alarm.words));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    fn complaints(complaints: u64, delivered: u64) -> Figures {
        Figures {
            answered: delivered,
            delivered,
            complaints,
            ..Figures::default()
        }
    }

    #[test]
    fn one_complaint_is_no_rate() {
        check(complaints(1, 1), &[]);
        check(complaints(1, 50), &[]);
        check(complaints(2, 5_000), &[]);
    }

    #[test]
    fn complaints_warn_and_stop() {
        check(
            complaints(2, 50),
            &[
                "warn 2 complaints among 50 letters delivered: 4.00 %, surely more than 1.15 %; the limit is 0.10 %",
            ],
        );
        check(
            complaints(8, 4_000),
            &[
                "warn 8 complaints among 4000 letters delivered: 0.20 %, surely more than 0.10 %; the limit is 0.10 %",
            ],
        );
        check(
            complaints(20, 4_000),
            &[
                "stop 20 complaints among 4000 letters delivered: 0.50 %, surely more than 0.34 %; the limit is 0.30 %",
            ],
        );
    }

    #[test]
    fn what_stops_is_said_before_what_warns() {
        let figures = Figures {
            answered: 1_000,
            delivered: 900,
            complaints: 3,
            hard_bounces: 80,
            spam: 20,
        };
        check(
            figures,
            &[
                "stop 80 hard bounces among 1000 letters answered: 8.00 %, surely more than 6.67 %; the limit is 5.00 %",
                "warn 3 complaints among 900 letters delivered: 0.33 %, surely more than 0.12 %; the limit is 0.10 %",
                "warn 20 refusals for the content among 1000 letters answered: 2.00 %, surely more than 1.37 %; the limit is 1.00 %",
            ],
        );
    }

    #[test]
    fn more_complaints_than_letters_are_no_reason_to_fail() {
        let figures = complaints(7, 2);
        let alarms = alarms(&figures, &Brakes::default());
        assert_eq!(alarms[0].level, BrakeLevel::Stop);
    }

    proptest! {
        #[test]
        fn more_cases_never_loosen_a_brake(complaints in 0..200_u64, delivered in 0..100_000_u64) {
            let level = |complaints| {
                let figures = Figures { delivered, complaints, ..Figures::default() };
                alarms(&figures, &Brakes::default()).first().map(|alarm| alarm.level)
            };
            prop_assert!(level(complaints) <= level(complaints + 1));
        }

        #[test]
        fn a_rate_that_was_not_seen_never_brakes(complaints in 0..200_u64, more in 0..1_000_000_u64) {
            let delivered = complaints * 1_000 + more;
            let figures = Figures { delivered, complaints, ..Figures::default() };
            prop_assert_eq!(alarms(&figures, &Brakes::default()), vec![]);
        }
    }
}
