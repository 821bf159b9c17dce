//! The only place that reads the wall clock and throws real dice.
//!
//! Owns [`SystemClock`] and [`RealDice`]. Promises nothing about either: clocks step back, dice repeat. Everything else
//! takes time and chance as arguments, see `port`.

use rand::RngExt;
use time::OffsetDateTime;

use crate::{
    mail::Timestamp,
    port::{Clock, Dice},
};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the wall clock of the port"
    )]
    fn now(&self) -> Timestamp {
        OffsetDateTime::now_utc().into()
    }
}

/// The thread's random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDice;

impl Dice for RealDice {
    #[expect(clippy::disallowed_methods, reason = "this is the chance of the port")]
    fn roll(&self) -> f64 {
        rand::rng().random()
    }
}
