//! The day's letters of a route: those that this node may still send, and what became of those it sent.
//!
//! Owns the stock. Promises: a letter of a daily limit is sent only with a ticket that the store gave to this node alone;
//! tickets end with their day.

use crate::{
    mail::{Class, RouteKey, Timestamp},
    policy::governor::Told,
    port::pace::DayCount,
};

const DAY_SECONDS: i64 = 86_400;

/// A node asks for this part of a daily limit at a time, and for no more letters than that.
const PART: u32 = 50;
const STOCK_MAX: u32 = 500;

/// The day of a moment, counted from 1970-01-01 in UTC.
pub(in crate::engine) fn day(now: Timestamp) -> i32 {
    i32::try_from(now.seconds().div_euclid(DAY_SECONDS)).unwrap_or(0)
}

#[derive(Debug, Default)]
pub(super) struct Tickets {
    day: i32,
    left: u32,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    day: i32,
    attempted: u32,
    accepted: u32,
    deferred: u32,
    blocked: u32,
    spam: u32,
    strangers: u32,
}

impl Tickets {
    /// Tickets that are good today.
    pub(super) fn left(&self, now: Timestamp) -> u32 {
        if self.day == day(now) { self.left } else { 0 }
    }

    pub(super) fn spend(&mut self, now: Timestamp) -> bool {
        let has_one = self.left(now) > 0;
        self.left -= u32::from(has_one);
        has_one
    }

    /// How many more to ask for, when the stock is half empty.
    pub(super) fn want(&self, limit: u32, now: Timestamp) -> Option<u32> {
        let stock = (limit / PART).clamp(1, STOCK_MAX);
        let left = self.left(now);
        (left * 2 <= stock && left < stock).then(|| stock - left)
    }

    pub(super) fn get(&mut self, day: i32, count: u32) {
        if self.day != day {
            (self.day, self.left) = (day, 0);
        }
        self.left += count;
    }

    /// Notes an outcome.
    pub(super) fn count(&mut self, told: &Told, now: Timestamp) {
        self.counts.day = day(now);
        self.counts.attempted += 1;
        self.counts.spam += u32::from(is_about_content(told));
        match told {
            Told::Spam => {}
            Told::Good => self.counts.accepted += 1,
            Told::BadMailbox => self.counts.strangers += 1,
            Told::SlowDown {
                class: Class::Block | Class::Auth,
                permanent: true,
                ..
            } => self.counts.blocked += 1,
            Told::SlowDown { .. } => self.counts.deferred += 1,
        }
    }

    /// What was counted since the last time.
    pub(super) fn take_counts(&mut self, route: &RouteKey) -> Vec<DayCount> {
        let counts = std::mem::take(&mut self.counts);
        let told = DayCount {
            route: route.clone(),
            day: counts.day,
            attempted: counts.attempted,
            accepted: counts.accepted,
            deferred: counts.deferred,
            blocked: counts.blocked,
            spam: counts.spam,
            strangers: counts.strangers,
        };
        if counts.attempted > 0 {
            vec![told]
        } else {
            Vec::new()
        }
    }

    pub(super) fn keep(&mut self, count: &DayCount) {
        self.counts.day = self.counts.day.max(count.day);
        self.counts.attempted += count.attempted;
        self.counts.accepted += count.accepted;
        self.counts.deferred += count.deferred;
        self.counts.blocked += count.blocked;
        self.counts.spam += count.spam;
        self.counts.strangers += count.strangers;
    }
}

fn is_about_content(told: &Told) -> bool {
    matches!(
        told,
        Told::Spam
            | Told::SlowDown {
                class: Class::Content,
                ..
            }
    )
}
