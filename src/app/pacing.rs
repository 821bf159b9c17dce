//! Brakes and warm-ups from the operator's file.
//!
//! Owns the translation of `[brakes]` and `[[warmup]]`. Leaves their meaning to `policy`.

use anyhow::{Context, Result};

use crate::{
    config::Config,
    mail::Timestamp,
    policy::{
        Brakes,
        brake::Levels,
        warmup::{Plan, Plans, schedule},
    },
};

/// The plans of the sources that are warmed up.
pub fn warmups(config: &Config) -> Result<Plans> {
    let plans = config.warmup.iter().map(|warmup| {
        let schedule = schedule(&warmup.schedule);
        Ok(Plan {
            source: warmup.source.clone(),
            target: warmup.provider.clone(),
            per_day: warmup.target_per_day,
            starts: warmup.first_day(),
            schedule: schedule.context("warmup.schedule names no schedule")?,
        })
    });
    Ok(Plans::new(plans.collect::<Result<_>>()?))
}

/// The day of a moment, counted from 1970-01-01 in UTC.
pub fn day_of(now: Timestamp) -> i32 {
    i32::try_from(now.seconds().div_euclid(86_400)).unwrap_or(0)
}

/// Per cent become parts of one.
pub(super) fn brakes(config: &Config) -> Option<Brakes> {
    let brakes = &config.brakes;
    let levels = |warn: f64, stop: f64| Levels {
        warn: warn / 100.0,
        stop: stop / 100.0,
    };
    brakes.enabled.then(|| Brakes {
        days: u16::try_from(brakes.days).unwrap_or(u16::MAX),
        complaints: levels(brakes.complaints_warn, brakes.complaints_stop),
        hard_bounces: levels(brakes.hard_bounces_warn, brakes.hard_bounces_stop),
        spam: levels(brakes.spam_warn, brakes.spam_stop),
    })
}
