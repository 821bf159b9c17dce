//! How a new source is brought to its volume at a provider.
//!
//! Owns the cap of a day from the schedule and the days before. Promises: the volume grows only after a day that used its cap
//! and was good; after a bad day it goes one step back; a route that was idle for a month begins anew; never more than the
//! target. The same days give the same cap. Pure. Leaves the days' counts and the caps in force to the store.

mod schedule;
#[cfg(test)]
mod tests;

pub use schedule::{Schedule, schedule, schedules};

use super::proportion::{seen, surely_exceeds};
use crate::{
    mail::{WarmCap, WarmDay},
    policy::brake::percent,
};

/// After so many days without a letter receivers have forgotten the source.
pub const FORGOTTEN_AFTER_DAYS: i32 = 30;

/// A day counts as used from so many per cent of its cap on: less says too little about the next step.
const USED: u64 = 60;

/// A day with more of these is no good day: deferrals among the letters answered ...
const DEFERRED: f64 = 0.10;
/// ... refusals for the content, as far as they are sure ...
const SPAM: f64 = 0.01;
/// ... complaints among the letters accepted, likewise ...
const COMPLAINTS: f64 = 0.001;
/// ... strangers, likewise ...
const STRANGERS: f64 = 0.03;
/// ... and refusals of our name or address, likewise.
const BLOCKED: f64 = 0.01;

/// One case is no rate.
const CASES_MIN: u32 = 2;

/// What the operator wants of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The source.
    pub source: String,
    /// The provider, or site; `None` is every one that has no plan of its own.
    pub target: Option<String>,
    /// Letters a day that are enough.
    pub per_day: u32,
    /// The first day, counted from 1970-01-01 in UTC; `None` is the day of the first letter.
    pub starts: Option<i32>,
    /// How the volume grows.
    pub schedule: &'static Schedule,
}

/// Every plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans(Vec<Plan>);

/// What a past day says about the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On to the next step.
    Good,
    /// Once more: too little was sent to know.
    Unused(String),
    /// A step back.
    Bad(String),
}

impl Plans {
    /// Those plans.
    pub const fn new(plans: Vec<Plan>) -> Self {
        Self(plans)
    }

    /// The plan for a route: its own before the one for all.
    pub fn of(&self, source: &str, target: &str) -> Option<&Plan> {
        let mut of_source = self.0.iter().filter(|plan| plan.source == source);
        let own = of_source
            .clone()
            .find(|plan| plan.target.as_deref() == Some(target));
        own.or_else(|| of_source.find(|plan| plan.target.is_none()))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.0.iter()
    }
}

impl Plan {
    /// The step that reaches the target; the next one is warm.
    pub fn top(&self) -> u16 {
        let steps = 0..u16::MAX - 1;
        steps
            .into_iter()
            .find(|step| self.schedule.at(*step) >= self.per_day)
            .unwrap_or(u16::MAX - 1)
    }

    /// Letters of a day at that step; `None` when it is warm.
    pub fn at(&self, step: u16) -> Option<u32> {
        (step <= self.top()).then(|| self.schedule.at(step).min(self.per_day))
    }

    fn cap(&self, step: u16, reason: impl Into<String>) -> WarmCap {
        let step = step.min(self.top() + 1);
        WarmCap {
            step,
            letters: self.at(step),
            reason: reason.into(),
        }
    }
}

/// What `day` may bring, given the days before it in any order.
pub fn cap(plan: &Plan, past: &[WarmDay], day: i32) -> WarmCap {
    if plan.starts.is_some_and(|starts| day < starts) {
        return WarmCap {
            step: 0,
            letters: Some(0),
            reason: "the warm-up has not begun".to_owned(),
        };
    }
    let used = |past: &&WarmDay| past.day < day && past.attempted > 0;
    let planned = |past: &WarmDay| past.cap.clone().filter(|cap| cap.letters != Some(0));
    let last = past.iter().filter(used).max_by_key(|past| past.day);
    let Some((last, cap)) = last.and_then(|last| Some((last, planned(last)?))) else {
        return plan.cap(0, "the first day of the warm-up");
    };
    let idle = day.saturating_sub(last.day);
    if idle >= FORGOTTEN_AFTER_DAYS {
        let reason = format!("nothing was sent for {idle} days: the warm-up begins anew");
        return plan.cap(0, reason);
    }
    match verdict(&cap, last) {
        Verdict::Good => plan.cap(cap.step.saturating_add(1), "the day before was good"),
        Verdict::Unused(why) => plan.cap(cap.step, format!("once more: {why}")),
        Verdict::Bad(why) => plan.cap(cap.step.saturating_sub(1), format!("a step back: {why}")),
    }
}

/// What a day says that had this cap.
pub fn verdict(cap: &WarmCap, day: &WarmDay) -> Verdict {
    if let Some(why) = fault(day) {
        return Verdict::Bad(why);
    }
    let Some(letters) = cap.letters else {
        return Verdict::Good;
    };
    let used = places(day);
    if u64::from(used) * 100 < u64::from(letters) * USED {
        return Verdict::Unused(format!("{used} of {letters} letters were sent"));
    }
    Verdict::Good
}

/// A letter that is greylisted takes a place twice and is answered once; what nodes had in stock and never sent is not used.
fn places(day: &WarmDay) -> u32 {
    let most = day.attempted.saturating_mul(2);
    day.granted.min(most).max(day.attempted)
}

/// What speaks against a day, the gravest first.
fn fault(day: &WarmDay) -> Option<String> {
    let surely = [
        (day.complaints, day.accepted, COMPLAINTS, "complaints"),
        (day.blocked, day.attempted, BLOCKED, "refusals of our name"),
        (day.spam, day.attempted, SPAM, "refusals for the content"),
        (day.strangers, day.attempted, STRANGERS, "unknown readers"),
    ];
    let words = |count: u32, among: u32, limit: f64, what: &str| {
        let share = percent(seen(count.into(), among.into()));
        format!(
            "{count} {what} among {among} letters ({share}; {} is borne)",
            percent(limit)
        )
    };
    for (count, among, limit, what) in surely {
        if count >= CASES_MIN && surely_exceeds(count.into(), among.into(), limit) {
            return Some(words(count, among, limit, what));
        }
    }
    let (deferred, attempted) = (day.deferred, day.attempted);
    let is_slowed = deferred >= CASES_MIN && seen(deferred.into(), attempted.into()) >= DEFERRED;
    is_slowed.then(|| words(deferred, attempted, DEFERRED, "deferrals"))
}
