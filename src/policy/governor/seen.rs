//! What one node saw on a route lately.
//!
//! Owns the counts behind the governor's decisions. Promises: memory is fixed; time is an argument; a minute is kept second
//! by second.

use std::time::Duration;

use super::Told;
use crate::mail::Timestamp;

/// Seconds that are kept.
const SECONDS: u8 = 60;
const SPAN: i64 = SECONDS as i64;

/// Answers among which strangers are counted, and how many per cent of them are too many.
const AMONG: u32 = 50;
const STRANGERS: u32 = 10;

/// Talks so much slower than the usual one, and at least this long, tell of a host in trouble.
const SLOWER: f64 = 4.0;
const SLOW: Duration = Duration::from_secs(10);

/// How much a new talk weighs in the average.
const WEIGHT: f64 = 0.1;

/// The last minute, and since the last change.
#[derive(Clone, Debug)]
pub struct Seen {
    seconds: [(i64, u32); SECONDS as usize],
    good: u32,
    refused: u32,
    in_a_row: u32,
    answers: u32,
    strangers: u32,
    talk: f64,
    usual_talk: f64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            seconds: [(i64::MIN, 0); SECONDS as usize],
            good: 0,
            refused: 0,
            in_a_row: 0,
            answers: 0,
            strangers: 0,
            talk: 0.0,
            usual_talk: 0.0,
        }
    }
}

impl Seen {
    /// Notes an answer and how long the talk took.
    pub fn note(&mut self, told: &Told, talk: Duration, now: Timestamp) {
        match told {
            Told::Good | Told::BadMailbox => {
                let second = now.seconds();
                let place = usize::try_from(second.rem_euclid(SPAN)).unwrap_or(0);
                let slot = &mut self.seconds[place];
                if slot.0 != second {
                    *slot = (second, 0);
                }
                slot.1 += 1;
                self.good += 1;
                self.in_a_row = 0;
                self.meet(*told == Told::BadMailbox);
                self.time(talk);
            }
            Told::Spam => {}
            Told::SlowDown { .. } => {
                self.refused += 1;
                self.in_a_row += 1;
            }
        }
    }

    fn meet(&mut self, is_stranger: bool) {
        self.answers += 1;
        self.strangers += u32::from(is_stranger);
        if self.answers >= AMONG * 2 {
            self.answers /= 2;
            self.strangers /= 2;
        }
    }

    fn time(&mut self, talk: Duration) {
        let talk = talk.as_secs_f64();
        let blend = |before: f64, weight: f64| {
            if before > 0.0 {
                before + (talk - before) * weight
            } else {
                talk
            }
        };
        self.talk = blend(self.talk, WEIGHT);
        self.usual_talk = blend(self.usual_talk, WEIGHT / 50.0).min(self.talk.max(1e-6));
    }

    /// The state has changed: what was seen before says little about it.
    pub fn begin(&mut self) {
        self.good = 0;
        self.refused = 0;
    }

    /// Letters taken within the last so many seconds, a minute at most.
    pub fn taken_within(&self, span: Duration, now: Timestamp) -> u32 {
        let from = now.seconds() - i64::try_from(span.as_secs()).unwrap_or(0).min(SPAN);
        let within = self
            .seconds
            .iter()
            .filter(|(second, _)| *second > from && *second <= now.seconds());
        within.map(|(_, count)| count).sum()
    }

    /// How long until fewer than so many of the letters taken are younger than a minute.
    pub fn until_fewer(&self, allowance: f64, now: Timestamp) -> Duration {
        let now = now.seconds();
        let oldest = now - SPAN;
        let mut seconds: Vec<(i64, u32)> = self
            .seconds
            .iter()
            .copied()
            .filter(|(second, count)| *second > oldest && *count > 0)
            .collect();
        seconds.sort_unstable();
        let mut left: u32 = seconds.iter().map(|(_, count)| count).sum();
        for (second, count) in seconds {
            if f64::from(left) < allowance {
                break;
            }
            left -= count;
            if f64::from(left) < allowance {
                let at = second + SPAN + 1;
                return Duration::from_secs(u64::try_from(at - now).unwrap_or(0));
            }
        }
        Duration::ZERO
    }

    /// Good answers since the state changed.
    pub const fn good_since_change(&self) -> u32 {
        self.good
    }

    /// Refusals since the state changed.
    pub const fn refused_since_change(&self) -> u32 {
        self.refused
    }

    /// Refusals since the last good answer.
    pub const fn refused_in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Whether the host answers far slower than it used to.
    pub fn is_slow(&self) -> bool {
        self.talk > SLOW.as_secs_f64() && self.talk > self.usual_talk * SLOWER
    }

    /// Whether so many recipients are unknown that going faster would look like guessing addresses.
    pub const fn is_full_of_strangers(&self) -> bool {
        self.answers >= AMONG && self.strangers * 100 > self.answers * STRANGERS
    }
}
