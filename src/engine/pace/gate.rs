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

use self::{inner::Tempo, warm::Warm};
use super::{tickets::Tickets, voice::Voice};
use crate::{
    mail::{RouteKey, RouteState, Share, Timestamp},
    policy::{
        gcra::Gcra,
        governor::{self, Rules, Seen, Told},
        shaping::Profile,
    },
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
    width: u32,
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
    /// Of the open ones, those that end because they are too many.
    leaving: u32,
    /// Grows whenever places given before are worth nothing any more.
    epoch: u64,
    seen: Seen,
    tickets: Tickets,
    /// What today's warm-up grants; `None` where there is none.
    warm: Option<Warm>,
    /// When it was last of use.
    used: Instant,
}

impl Gate {
    pub(super) fn new(
        key: RouteKey,
        voice: Arc<Voice>,
        origin: Instant,
        profile: Profile,
        is_warmed_up: bool,
        moment: Moment,
    ) -> Self {
        let rules = Rules::of(&profile);
        let inner = Inner {
            state: governor::first(&rules, moment.now),
            rules,
            profile,
            version: 0,
            is_news: false,
            letters: Gcra::from(Duration::ZERO),
            opens: Gcra::from(Duration::ZERO),
            held: 0,
            talking: 0,
            open: 0,
            leaving: 0,
            epoch: 0,
            seen: Seen::default(),
            tickets: Tickets::default(),
            warm: is_warmed_up.then_some(Warm::UNKNOWN),
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
                .places(now.max(self.ready(interval)), now + ahead, interval)
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
        let tempo = inner.tempo(self.voice.share(moment.instant))?;
        if inner.tickets_left(moment.now) == 0 {
            return None;
        }
        let now = self.since_origin(moment) + inner.quiet(moment.now);
        let ready = match tempo {
            Tempo::Free => Duration::ZERO,
            Tempo::Every(interval) => self.ready(interval),
        };
        Some(inner.letters.earliest(now.max(ready)))
    }

    /// Nobody here knows what others, or a process before this one, sent a moment before this share was granted: the first
    /// letter waits as if one had just left.
    fn ready(&self, interval: Duration) -> Duration {
        let since = self.voice.since().saturating_duration_since(self.origin);
        since.saturating_add(interval)
    }

    /// Takes the next place at or after `at`.
    pub(super) fn take(&self, at: Duration, moment: Moment) -> Option<Place> {
        let mut inner = self.lock();
        let share = self.voice.share(moment.instant);
        let tempo = inner.tempo(share)?;
        let (epoch, width) = (inner.epoch, share.width());
        let at = match tempo {
            Tempo::Free => at,
            Tempo::Every(interval) => inner.letters.take(at, interval),
        };
        Some(Place { at, epoch, width })
    }

    /// A letter goes now, if its place is still worth something; the other end is [`Gate::said`].
    pub(super) fn go(&self, place: Place, moment: Moment) -> bool {
        let mut inner = self.lock();
        let share = self.voice.share(moment.instant);
        // A place of a wider share is one too many by now.
        let is_good = place.epoch == inner.epoch
            && place.width <= share.width()
            && inner.tempo(share).is_some()
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

    /// Whether nobody would miss it: it has no letters and nothing to remember.
    pub(super) fn is_idle(&self, moment: Moment, after: Duration) -> bool {
        let inner = self.lock();
        let is_quiet = inner.held == 0 && inner.open == 0 && !inner.is_news;
        is_quiet
            && moment.instant.saturating_duration_since(inner.used) > after
            && inner.letters.earliest(Duration::ZERO) < self.since_origin(moment)
    }
}

mod connections;
mod inner;
mod told;
mod warm;
