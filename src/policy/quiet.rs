//! Hours in which readers are left alone.
//!
//! Owns when letters of a stream may reach a reader, by the reader's own clock. Promises: what is answered is open, and
//! nothing before it was, through every change of summer time; the rules of time zones are compiled in, so all nodes
//! answer the same. Leaves putting letters aside to `engine::holds`, and what a letter that is too old by then means to
//! [`super::handoff`].

use std::time::Duration;

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, Weekday},
    tz::{self, TimeZone},
};

use crate::mail::{Quiet, Timestamp};

/// Changes of a zone's clock that may lie before the end of quiet hours: no zone ever had so many within a week.
const CHANGES_MAX: usize = 8;

/// The longest time without an open moment, in days: from Friday evening to Monday morning.
const DAYS_MAX: i64 = 3;

/// A time zone of the tz database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of that name, such as `Asia/Yekaterinburg`.
    pub fn parse(name: &str) -> Option<Self> {
        tz::db().get(name).ok().map(Self)
    }

    /// Its name in the tz database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The names of all zones.
    pub fn names() -> Vec<String> {
        let names = tz::db().available();
        names.map(|name| name.as_str().to_owned()).collect()
    }
}

/// When letters of a stream may not reach readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time,
    weekend: bool,
    zone: Zone,
}

impl QuietHours {
    /// From one time of the day to another, over midnight where it is the later one; with `weekend` all of Saturday and Sunday
    /// too. `zone` is that of readers whose own is not known. `None` where both times are one: that is no time or all day.
    pub fn new(from: Time, to: Time, weekend: bool, zone: Zone) -> Option<Self> {
        (from != to).then_some(Self {
            from,
            to,
            weekend,
            zone,
        })
    }

    /// How long a letter for a reader in that zone stays; `None` where it may go now. It never stays longer than it is valid.
    pub fn keeps(
        &self,
        reader: Option<&str>,
        valid_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Quiet> {
        let own = reader.and_then(Zone::parse);
        let zone = own.as_ref().unwrap_or(&self.zone);
        let end = self.end(zone, now).filter(|end| *end > now)?;
        let why = format!("quiet hours in {}", zone.name());
        Some(match valid_until.filter(|until| *until < end) {
            None => Quiet { until: end, why },
            Some(until) => Quiet {
                until,
                why: format!("{why} until {end}; it is not valid as long"),
            },
        })
    }

    /// The first open moment of that zone from `now` on.
    pub fn end(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        let Zone(zone) = zone;
        let mut at = jiff::Timestamp::from_microsecond(now.micros()).ok()?;
        for _ in 0..CHANGES_MAX {
            let offset = zone.to_offset(at);
            let clock = offset.to_datetime(at);
            if self.is_open(clock) {
                break;
            }
            let open = offset.to_timestamp(self.next_open(clock)?).ok()?;
            // Where the clock is changed before, or just then, it shows another time.
            let change = zone.following(at).next().map(|change| change.timestamp());
            at = change.filter(|change| *change <= open).unwrap_or(open);
        }
        Some(Timestamp::from_micros(at.as_microsecond()))
    }

    /// The longest time without an open moment, on a clock that nobody changes.
    pub fn longest(&self) -> Duration {
        let days = (1..=7).filter_map(|day| Date::new(2026, 6, day).ok());
        let starts = days.flat_map(|date| {
            [
                date.to_datetime(Time::midnight()),
                date.to_datetime(self.from),
            ]
        });
        let spans = starts
            .filter(|start| !self.is_open(*start))
            .filter_map(|start| {
                let span = self.next_open(start)?.duration_since(start);
                Duration::try_from(span).ok()
            });
        spans.max().unwrap_or_default()
    }

    fn is_open(&self, clock: DateTime) -> bool {
        !self.is_day_off(clock.date()) && !self.is_quiet(clock.time())
    }

    fn is_day_off(&self, date: Date) -> bool {
        self.weekend && matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    fn is_quiet(&self, time: Time) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            !(self.to..self.from).contains(&time)
        }
    }

    /// The first open moment behind a closed one, on a clock that nobody changes: a day opens at midnight, or when the
    /// quiet hours end.
    fn next_open(&self, clock: DateTime) -> Option<DateTime> {
        let days = (0..=DAYS_MAX).filter_map(|days| clock.date().checked_add(days.days()).ok());
        let mut starts =
            days.flat_map(|date| [Time::midnight(), self.to].map(|time| date.to_datetime(time)));
        starts.find(|start| *start > clock && self.is_open(*start))
    }
}

#[cfg(test)]
mod tests;
