//! Where a letter's time went.
//!
//! Owns the division of the time from enqueue to the end, or to now, by cause. Promises: the parts are in order, touch each
//! other, and add up to the whole, to the microsecond; pure. Leaves the history to `store`, its words to the faces.

use std::{collections::BTreeMap, time::Duration};

use crate::mail::{Class, Event, EventKind, Phase, RouteKey, Timestamp};

/// Why a letter did not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Its caller asked for a later moment.
    Schedule,
    /// Nobody had room for it: workers, connections, or the limits of its provider's profile.
    Queue,
    /// It could go, but the governor or the operator kept its routes below the pace of their profiles.
    Pace,
    /// A person held it.
    Hold,
    /// Its reader was left alone at that time of the day or of the week.
    QuietHours,
    /// A receiver greylisted it.
    Greylist,
    /// A receiver said that we are too fast.
    Throttle,
    /// A receiver refused it for now, or could not be reached.
    Retry,
    /// The worker that had it was gone.
    Lease,
    /// It was being composed, signed and spoken about.
    Work,
}

impl Cause {
    /// Every cause, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Schedule,
        Self::Queue,
        Self::Pace,
        Self::Hold,
        Self::QuietHours,
        Self::Greylist,
        Self::Throttle,
        Self::Retry,
        Self::Lease,
        Self::Work,
    ];

    /// The word of reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Queue => "queue",
            Self::Pace => "pace",
            Self::Hold => "hold",
            Self::QuietHours => "quiet hours",
            Self::Greylist => "greylist",
            Self::Throttle => "throttle",
            Self::Retry => "retry",
            Self::Lease => "lost lease",
            Self::Work => "work",
        }
    }

    /// The cause of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// A part of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Wait {
    /// How long.
    pub fn span(&self) -> Duration {
        self.until.since(self.from)
    }
}

/// A time in which every way that a letter could take was slower than its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// When routes were slow: at least one of them was known to the governor, and all that were known were not open. `changes`
/// are in order: which route, when, and into which phase; a route that was wiped is not known any more.
pub fn slow(changes: &[(&RouteKey, Timestamp, Option<Phase>)], until: Timestamp) -> Vec<Slow> {
    let mut routes: BTreeMap<&RouteKey, Phase> = BTreeMap::new();
    let (mut times, mut since): (Vec<Slow>, Option<Timestamp>) = (Vec::new(), None);
    for (route, at, phase) in changes {
        match phase {
            Some(phase) => routes.insert(route, *phase),
            None => routes.remove(route),
        };
        let is_slow = !routes.is_empty() && routes.values().all(|phase| *phase != Phase::Open);
        match (since, is_slow) {
            (None, true) => since = Some(*at),
            (Some(from), false) => {
                times.push(Slow { from, until: *at });
                since = None;
            }
            _ => {}
        }
    }
    times.extend(since.map(|from| Slow { from, until }));
    times
}

/// Divides the time of a letter. `history` is in order, each event with how long the work before it took; `until` is the end of
/// its way, or now; `slow` are the times when its ways were slow, in order and apart from each other.
pub fn waits(
    enqueued_at: Timestamp,
    send_at: Option<Timestamp>,
    history: &[(&Event, Duration)],
    slow: &[Slow],
    until: Timestamp,
) -> Vec<Wait> {
    let mut clock = Clock {
        at: enqueued_at,
        until,
        cause: Cause::Schedule,
        due: send_at.unwrap_or(enqueued_at),
        slow,
        waits: Vec::new(),
    };
    for (event, worked) in history.iter().filter(|(event, _)| event.at <= until) {
        clock.hear(event, *worked);
    }
    clock.pass(until);
    clock.waits
}

/// Goes along the history.
struct Clock<'a> {
    at: Timestamp,
    until: Timestamp,
    /// Why the letter waits until it is due; behind that it waits in the queue.
    cause: Cause,
    due: Timestamp,
    slow: &'a [Slow],
    waits: Vec<Wait>,
}

impl Clock<'_> {
    fn hear(&mut self, event: &Event, worked: Duration) {
        match event.kind {
            EventKind::Held => {
                self.pass(event.at);
                // A hold has no end of its own.
                self.wait_for(Cause::Hold, self.until);
            }
            EventKind::Released => {
                self.pass(event.at);
                self.wait_for(Cause::Queue, event.at);
            }
            EventKind::Postponed => {
                self.pass(event.at);
                self.wait_for(Cause::QuietHours, event.due.unwrap_or(event.at));
            }
            EventKind::LeaseExpired => {
                self.add(Cause::Lease, event.at);
                self.wait_for(Cause::Retry, event.due.unwrap_or(event.at));
            }
            EventKind::Queued
            | EventKind::LateOutcome
            | EventKind::Complained
            | EventKind::Unsubscribed
            | EventKind::Reported => {}
            _ => {
                let begun = event.at.minus(worked).max(self.at);
                self.pass(begun.min(event.at));
                self.add(Cause::Work, event.at);
                self.wait_for(cause(event), event.due.unwrap_or(event.at));
            }
        }
    }

    fn wait_for(&mut self, cause: Cause, due: Timestamp) {
        (self.cause, self.due) = (cause, due);
    }

    /// Lets time pass: first the wait for the due moment, then the queue.
    fn pass(&mut self, to: Timestamp) {
        self.add(self.cause, self.due.min(to));
        self.queue(to);
    }

    /// A letter that could go: it waits for the pace of its ways while they are slow, else for room.
    fn queue(&mut self, to: Timestamp) {
        for slow in self.slow {
            self.add(Cause::Queue, slow.from.min(to));
            if slow.from <= self.at {
                self.add(Cause::Pace, slow.until.min(to));
            }
        }
        self.add(Cause::Queue, to);
    }

    fn add(&mut self, cause: Cause, to: Timestamp) {
        if to <= self.at {
            return;
        }
        let from = self.at;
        self.at = to;
        match self.waits.last_mut().filter(|last| last.cause == cause) {
            Some(last) => last.until = to,
            None => self.waits.push(Wait {
                cause,
                from,
                until: to,
            }),
        }
    }
}

/// What a letter waits for after this refusal.
pub fn cause(event: &Event) -> Cause {
    let rule = event.rule.as_deref().unwrap_or("");
    let text = event.text.as_deref().unwrap_or("").to_ascii_lowercase();
    if rule.contains("grey") || text.contains("greylist") || text.contains("graylist") {
        return Cause::Greylist;
    }
    match event.class {
        Some(Class::Rate) => Cause::Throttle,
        _ => Cause::Retry,
    }
}

/// How long each cause took in all, the longest first.
pub fn by_cause(waits: &[Wait]) -> Vec<(Cause, Duration)> {
    let sum = |cause: Cause| -> Duration {
        let mine = waits.iter().filter(|wait| wait.cause == cause);
        mine.map(Wait::span).sum()
    };
    let mut sums: Vec<(Cause, Duration)> = Cause::ALL.map(|cause| (cause, sum(cause))).into();
    sums.retain(|(_, span)| !span.is_zero());
    sums.sort_by_key(|(_, span)| std::cmp::Reverse(*span));
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn event(kind: EventKind, seconds: i64, due: Option<i64>) -> Event {
        Event {
            due: due.map(at),
            ..Event::bare(at(seconds), kind)
        }
    }

    fn told(waits: &[Wait]) -> String {
        let each = waits
            .iter()
            .map(|wait| format!("{} {}s", wait.cause.name(), wait.span().as_secs()));
        each.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_letter_that_waited_for_three_reasons_is_explained_to_the_second() {
        let grey = Event {
            rule: Some("greylisted".to_owned()),
            ..event(EventKind::Deferred, 727, Some(1_027))
        };
        let slow = Event {
            class: Some(Class::Rate),
            ..event(EventKind::Deferred, 1_032, Some(1_632))
        };
        let events = [
            event(EventKind::Queued, 0, Some(600)),
            event(EventKind::Held, 660, None),
            event(EventKind::Released, 720, None),
            grey,
            slow,
            event(EventKind::Delivered, 1_640, None),
        ];
        let worked = [0, 0, 0, 2, 1, 3].map(Duration::from_secs);
        let history: Vec<_> = events.iter().zip(worked).collect();
        let parts = waits(at(0), Some(at(600)), &history, &[], at(1_640));
        assert_eq!(
            told(&parts),
            "schedule 600s, queue 60s, hold 60s, queue 5s, work 2s, greylist 300s, queue 4s, work 1s, throttle 600s, queue 5s, work 3s"
        );
        let sums: Vec<_> = by_cause(&parts)
            .into_iter()
            .map(|(cause, span)| (cause.name(), span.as_secs()))
            .collect();
        assert_eq!(
            sums,
            [
                ("schedule", 600),
                ("throttle", 600),
                ("greylist", 300),
                ("queue", 74),
                ("hold", 60),
                ("work", 6)
            ]
        );
    }

    #[test]
    fn a_letter_under_a_hold_waits_until_now() {
        let held = event(EventKind::Held, 5, None);
        let parts = waits(at(0), None, &[(&held, Duration::ZERO)], &[], at(65));
        assert_eq!(told(&parts), "queue 5s, hold 60s");
    }

    #[test]
    fn a_retry_that_comes_at_night_waits_for_the_morning() {
        let events = [
            event(EventKind::Deferred, 10, Some(310)),
            event(EventKind::Postponed, 312, Some(900)),
            event(EventKind::Delivered, 905, None),
        ];
        let worked = [2, 0, 3].map(Duration::from_secs);
        let history: Vec<_> = events.iter().zip(worked).collect();
        let parts = waits(at(0), None, &history, &[], at(905));
        assert_eq!(
            told(&parts),
            "queue 8s, work 2s, retry 300s, queue 2s, quiet hours 588s, queue 2s, work 3s"
        );
    }

    #[test]
    fn a_letter_waits_for_the_pace_while_all_its_routes_are_slow() {
        let route = |source: &str| RouteKey {
            source: source.to_owned(),
            target: "mailru".to_owned(),
        };
        let (s1, s2) = (route("s1"), route("s2"));
        let changes = [
            (&s1, at(-50), Some(Phase::Open)),
            (&s1, at(10), Some(Phase::Paused)),
            (&s2, at(20), Some(Phase::Open)),
            (&s2, at(30), Some(Phase::Holding)),
            (&s1, at(40), Some(Phase::Probing)),
            (&s1, at(70), None),
            (&s2, at(90), Some(Phase::Open)),
            (&s2, at(130), Some(Phase::Fixed)),
        ];
        let slow = slow(&changes, at(140));
        let parts = waits(at(0), Some(at(5)), &[], &slow, at(140));
        assert_eq!(
            told(&parts),
            "schedule 5s, queue 5s, pace 10s, queue 10s, pace 60s, queue 40s, pace 10s"
        );
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_whole(
            steps in proptest::collection::vec((0..EventKind::ALL.len(), 0_i64..500, 0_i64..900, 0_u64..600), 0..12),
            send in proptest::option::of(0_i64..900),
            slows in proptest::collection::vec((1_i64..400, 0_i64..400), 0..6),
            end in 0_i64..4_000,
        ) {
            let mut clock = 0;
            let events: Vec<(Event, Duration)> = steps.into_iter().map(|(kind, gap, due, worked)| {
                clock += gap;
                (event(EventKind::ALL[kind], clock, Some(clock + due)), Duration::from_secs(worked))
            }).collect();
            let history: Vec<_> = events.iter().map(|(event, worked)| (event, *worked)).collect();
            let slow = slows.into_iter().scan(0, |clock, (gap, length)| {
                let from = *clock + gap;
                *clock = from + length;
                Some(Slow { from: at(from), until: at(*clock) })
            });
            let slow: Vec<Slow> = slow.collect();
            let parts = waits(at(0), send.map(at), &history, &slow, at(end));
            let whole: Duration = parts.iter().map(Wait::span).sum();
            prop_assert_eq!(whole, at(end).since(at(0)));
            prop_assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from));
        }
    }
}
