//! One count of one source: how many connections, how many letters, and the governor's say.
//!
//! Owns the live state of a route. Promises: what passes here never exceeds this node's part of the profile's limits, nor
//! the governor's pace; a place in time that was given is worth nothing once the state has changed. Decides nothing by
//! itself: numbers are the profile's and `policy::governor`'s.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{tickets::Tickets, voice::Voice};
use crate::{
    mail::{RouteKey, RouteState, Share, Timestamp},
    policy::{
        gcra::{Gcra, interval},
        governor::{self, Rules, Seen, Told},
        shaping::Profile,
    },
    port::pace::{DayCount, RouteChange, RouteNews, TicketAsk},
};

/// Letters are taken for a route as far ahead as this: enough to have the next one at hand.
const AHEAD: Duration = Duration::from_secs(5);

/// Urgent letters may wait beyond the room of the others.
pub(super) const URGENT_MORE: u32 = 16;

/// Between two letters a little more time than the limit asks for, in thousandths: what the way to the provider takes longer
/// for one letter than for the next must not make a minute of theirs fuller than one of ours.
const MARGIN: u32 = 1_020;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Moment {
    pub(in crate::engine) instant: Instant,
    pub(in crate::engine) now: Timestamp,
}

/// A place in time for one letter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: Duration,
    epoch: u64,
}

/// One count.
#[derive(Debug)]
pub(in crate::engine) struct Gate {
    pub(in crate::engine) key: RouteKey,
    voice: Arc<Voice>,
    origin: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    profile: Profile,
    rules: Rules,
    state: RouteState,
    /// The version of the state as it is written down; 0 when it is not.
    version: u64,
    /// The state differs from what is written down.
    is_news: bool,
    letters: Gcra,
    opens: Gcra,
    held: u32,
    talking: u32,
    open: u32,
    /// Grows whenever places given before are worth nothing any more.
    epoch: u64,
    seen: Seen,
    tickets: Tickets,
    /// When it was last of use.
    used: Instant,
}

impl Gate {
    pub(super) fn new(
        key: RouteKey,
        voice: Arc<Voice>,
        origin: Instant,
        profile: Profile,
        moment: Moment,
    ) -> Self {
        let rules = Rules::of(&profile);
        // Nothing is known of what a process before us sent a moment ago: the first letter waits as if one had just left.
        let first = pace(&profile, None, Share::ALL).unwrap_or_default();
        let inner = Inner {
            state: governor::first(&rules, moment.now),
            rules,
            profile,
            version: 0,
            is_news: false,
            letters: Gcra::from(first),
            opens: Gcra::from(Duration::ZERO),
            held: 0,
            talking: 0,
            open: 0,
            epoch: 0,
            seen: Seen::default(),
            tickets: Tickets::default(),
            used: moment.instant,
        };
        Self {
            key,
            voice,
            origin,
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one step: a panic leaves at worst a count too high, which a quiet moment forgets.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_origin(&self, moment: Moment) -> Duration {
        moment.instant.saturating_duration_since(self.origin)
    }

    /// Letters that may be taken for this count now, beside those that it has.
    pub(super) fn room(&self, moment: Moment) -> u32 {
        self.room_ahead(AHEAD, 0, moment)
    }

    /// Whether one more letter may wait here, although there was no room for it when it was leased.
    pub(super) fn takes(&self, is_urgent: bool, moment: Moment) -> bool {
        self.room_ahead(AHEAD * 3, if is_urgent { URGENT_MORE } else { 0 }, moment) > 0
    }

    fn room_ahead(&self, ahead: Duration, more: u32, moment: Moment) -> u32 {
        let inner = self.lock();
        let Some(tempo) = inner.tempo(self.voice.share(moment.instant)) else {
            return 0;
        };
        let now = self.since_origin(moment);
        if inner.quiet(moment.now) > AHEAD {
            return 0;
        }
        let waiting = inner.held.saturating_sub(inner.talking);
        let places = match tempo {
            Tempo::Free => u32::MAX,
            // One letter is always at hand, however slow the pace.
            Tempo::Every(interval) => inner
                .letters
                .places(now, now + ahead, interval)
                .max(u32::from(waiting == 0)),
        };
        let fits = places.saturating_add(more).saturating_sub(waiting);
        fits.min(inner.tickets_left(moment.now).saturating_sub(waiting))
    }

    /// Whether nothing at all may go for longer than a moment.
    pub(super) fn is_closed(&self, moment: Moment) -> bool {
        let inner = self.lock();
        inner.tempo(self.voice.share(moment.instant)).is_none()
            || inner.quiet(moment.now) > AHEAD
            || inner.tickets_left(moment.now) == 0
    }

    /// When the next letter may go; `None` when nobody knows.
    pub(super) fn earliest(&self, moment: Moment) -> Option<Duration> {
        let inner = self.lock();
        inner.tempo(self.voice.share(moment.instant))?;
        if inner.tickets_left(moment.now) == 0 {
            return None;
        }
        let now = self.since_origin(moment) + inner.quiet(moment.now);
        Some(inner.letters.earliest(now))
    }

    /// Takes the next place at or after `at`.
    pub(super) fn take(&self, at: Duration, moment: Moment) -> Option<Place> {
        let mut inner = self.lock();
        let tempo = inner.tempo(self.voice.share(moment.instant))?;
        let epoch = inner.epoch;
        let at = match tempo {
            Tempo::Free => at,
            Tempo::Every(interval) => inner.letters.take(at, interval),
        };
        Some(Place { at, epoch })
    }

    /// A letter goes now, if its place is still worth something; the other end is [`Gate::said`].
    pub(super) fn go(&self, place: Place, moment: Moment) -> bool {
        let mut inner = self.lock();
        let is_good = place.epoch == inner.epoch
            && inner.tempo(self.voice.share(moment.instant)).is_some()
            && inner.spend_ticket(moment.now);
        inner.talking += u32::from(is_good);
        is_good
    }

    /// The talk about a letter is over.
    pub(super) fn said(&self) {
        let mut inner = self.lock();
        inner.talking = inner.talking.saturating_sub(1);
    }

    /// A letter waits here, or is on its way.
    pub(super) fn enter(&self, moment: Instant) {
        let mut inner = self.lock();
        inner.held += 1;
        inner.used = moment;
    }

    /// A letter has left.
    pub(super) fn leave(&self) {
        let mut inner = self.lock();
        inner.held = inner.held.saturating_sub(1);
    }

    /// Takes a permit for one more connection, if there is one.
    pub(super) fn permit(&self, moment: Moment) -> bool {
        let mut inner = self.lock();
        let share = self.voice.share(moment.instant);
        let most = inner.connections(share);
        let fits = most.is_none_or(|most| inner.open < most);
        inner.open += u32::from(fits);
        fits
    }

    /// Gives a permit back.
    pub(super) fn give_back_permit(&self) {
        let mut inner = self.lock();
        inner.open = inner.open.saturating_sub(1);
    }

    /// Whether there are more connections than permits by now.
    pub(super) fn has_too_many(&self, moment: Moment) -> bool {
        let inner = self.lock();
        let most = inner.connections(self.voice.share(moment.instant));
        most.is_some_and(|most| inner.open > most)
    }

    /// When the next connection may be opened.
    pub(super) fn opening(&self, moment: Moment) -> Option<Duration> {
        let mut inner = self.lock();
        let now = self.since_origin(moment);
        let Some(limit) = inner.profile.connections_per_minute else {
            return Some(now);
        };
        let part = self.voice.share(moment.instant).of(limit);
        let interval = interval(part, Duration::from_mins(1))?;
        Some(inner.opens.take(now, stretched(interval)))
    }

    /// Letters over one connection.
    pub(super) fn letters_per_connection(&self) -> Option<u32> {
        self.lock().profile.letters_per_connection
    }

    /// Whether TLS is demanded.
    pub(super) fn demands_tls(&self) -> bool {
        self.lock().profile.tls == Some(crate::policy::shaping::Demand::Required)
    }

    /// Hears what an attempt that began at `began` says about the route.
    pub(super) fn hear(
        &self,
        told: &Told,
        talk: Duration,
        began: Timestamp,
        moment: Moment,
    ) -> Option<RouteState> {
        let part = self.part(moment);
        let mut inner = self.lock();
        inner.tickets.count(told, moment.now);
        if inner.is_old_news(told, began) {
            return None;
        }
        inner.seen.note(told, talk, moment.now);
        let times = (began, moment.now);
        let next = governor::heed(&inner.state, &inner.rules, &inner.seen, told, part, times)?;
        inner.change(next.clone(), self.origin, moment);
        Some(next)
    }

    /// What time brings.
    pub(super) fn tend(&self, moment: Moment) -> Option<RouteState> {
        let part = self.part(moment);
        if part == 0.0 {
            return None;
        }
        let mut inner = self.lock();
        let next = governor::tend(&inner.state, &inner.rules, &inner.seen, part, moment.now)?;
        inner.change(next.clone(), self.origin, moment);
        Some(next)
    }

    /// Which part of the pace is ours.
    fn part(&self, moment: Moment) -> f64 {
        f64::from(self.voice.share(moment.instant).width()) / f64::from(Share::ALL.width())
    }

    /// Another profile may be in force by now.
    pub(super) fn obey(&self, profile: Profile) {
        let mut inner = self.lock();
        if inner.profile != profile {
            inner.rules = Rules::of(&profile);
            inner.profile = profile;
            inner.epoch += 1;
        }
    }

    /// What the others should know, if there is anything.
    pub(super) fn news(&self) -> Option<RouteChange> {
        let mut inner = self.lock();
        inner.is_news.then(|| {
            inner.is_news = false;
            RouteChange {
                route: self.key.clone(),
                from: inner.version,
                state: inner.state.clone(),
            }
        })
    }

    /// A change could not be told; it is told again.
    pub(super) fn untold(&self) {
        self.lock().is_news = true;
    }

    /// Takes over what is written down.
    pub(super) fn adopt(&self, news: &RouteNews, moment: Moment) {
        let mut inner = self.lock();
        if news.version <= inner.version {
            return;
        }
        inner.version = news.version;
        let state = match &news.state {
            Some(state) => state.clone(),
            None => governor::first(&inner.rules, moment.now),
        };
        if state != inner.state {
            inner.change(state, self.origin, moment);
            inner.seen = if news.state.is_none() {
                Seen::default()
            } else {
                inner.seen.clone()
            };
        }
        inner.is_news = false;
    }

    /// Letters of the daily limit that it would like to have.
    pub(super) fn ticket_ask(&self, moment: Moment) -> Option<TicketAsk> {
        let inner = self.lock();
        let limit = inner.profile.messages_per_day?;
        let want = inner.tickets.want(limit, moment.now)?;
        Some(TicketAsk {
            route: self.key.clone(),
            day: super::tickets::day(moment.now),
            limit,
            want,
        })
    }

    /// Gets letters of the daily limit.
    pub(super) fn get_tickets(&self, day: i32, count: u32) {
        self.lock().tickets.get(day, count);
    }

    /// What became of letters since the last question.
    pub(super) fn counts(&self) -> Vec<DayCount> {
        self.lock().tickets.take_counts(&self.key)
    }

    /// Counts that could not be told are kept.
    pub(super) fn keep_counts(&self, count: &DayCount) {
        self.lock().tickets.keep(count);
    }

    /// Whether nobody would miss it: it has no letters and nothing to remember.
    pub(super) fn is_idle(&self, moment: Moment, after: Duration) -> bool {
        let inner = self.lock();
        let is_quiet = inner.held == 0 && inner.open == 0 && !inner.is_news;
        is_quiet
            && moment.instant.saturating_duration_since(inner.used) > after
            && inner.letters.earliest(Duration::ZERO) < self.since_origin(moment)
    }
}

/// How letters go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tempo {
    /// Without limit.
    Free,
    /// One per interval.
    Every(Duration),
}

impl Inner {
    /// How letters go under this share; `None` when none may.
    fn tempo(&self, share: Share) -> Option<Tempo> {
        let rate = governor::rate(&self.state, &self.rules);
        let is_free = rate.is_none() && self.profile.connections.is_none();
        if is_free {
            return Some(Tempo::Free);
        }
        if share.is_none() || rate == Some(0) {
            return None;
        }
        if self.state.phase == crate::mail::Phase::Probing && !share.is_first() {
            return None;
        }
        let whole = if self.state.phase == crate::mail::Phase::Probing {
            Share::ALL
        } else {
            share
        };
        match pace(&self.profile, rate, whole) {
            Some(interval) => Some(Tempo::Every(interval)),
            None if rate.is_none() => Some(Tempo::Free),
            None => None,
        }
    }

    fn connections(&self, share: Share) -> Option<u32> {
        let most = governor::connections(&self.state, &self.rules)?;
        if self.state.phase == crate::mail::Phase::Probing {
            return Some(u32::from(share.is_first()));
        }
        Some(share.of(most))
    }

    fn quiet(&self, now: Timestamp) -> Duration {
        self.state
            .quiet_until
            .map_or(Duration::ZERO, |until| until.since(now))
    }

    fn tickets_left(&self, now: Timestamp) -> u32 {
        match self.profile.messages_per_day {
            Some(_) => self.tickets.left(now),
            None => u32::MAX,
        }
    }

    fn spend_ticket(&mut self, now: Timestamp) -> bool {
        self.profile.messages_per_day.is_none() || self.tickets.spend(now)
    }

    /// An attempt that began before the pace was lowered says nothing about the pace since.
    fn is_old_news(&self, told: &Told, began: Timestamp) -> bool {
        use crate::mail::Phase;
        matches!(told, Told::SlowDown { .. })
            && began < self.state.changed_at
            && !matches!(
                self.state.phase,
                Phase::Starting | Phase::Open | Phase::Seeking
            )
    }

    fn change(&mut self, state: RouteState, origin: Instant, moment: Moment) {
        let now = moment.instant.saturating_duration_since(origin);
        if let Some(until) = state.quiet_until {
            self.letters.put_off(now + until.since(moment.now));
        }
        self.state = state;
        self.seen.begin();
        self.epoch += 1;
        self.is_news = true;
    }
}

/// The time between two letters: the longest that any limit asks for; `None` when there is none, or none may go.
fn pace(profile: &Profile, rate: Option<u32>, share: Share) -> Option<Duration> {
    let mut longest: Option<Duration> = None;
    for (count, unit) in profile.rates() {
        let interval = stretched(interval(share.of(count), unit)?);
        longest = Some(longest.map_or(interval, |longest| longest.max(interval)));
    }
    let governed = rate.map(|rate| {
        let part = f64::from(share.width()) / f64::from(Share::ALL.width());
        Duration::from_secs_f64(3_600.0 / (f64::from(rate) * part).max(0.001))
    });
    match (longest, governed) {
        (Some(limit), Some(governed)) => Some(limit.max(governed)),
        (one, other) => one.or(other),
    }
}

fn stretched(interval: Duration) -> Duration {
    interval.saturating_mul(MARGIN) / 1_000
}
