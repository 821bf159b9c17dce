//! What a count tells the other nodes, and hears from them and from the operator.

use super::{Gate, Moment};
use crate::{
    policy::{
        governor::{self, Rules, Seen},
        shaping::Profile,
    },
    port::pace::{DayCount, RouteChange, RouteNews, TicketAsk},
};

impl Gate {
    /// Another profile may be in force by now.
    pub(in crate::engine::pace) fn obey(&self, profile: Profile) {
        let mut inner = self.lock();
        if inner.profile != profile {
            inner.rules = Rules::of(&profile);
            inner.profile = profile;
            inner.epoch += 1;
        }
    }

    /// What the others should know, if there is anything.
    pub(in crate::engine::pace) fn news(&self) -> Option<RouteChange> {
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
    pub(in crate::engine::pace) fn untold(&self) {
        self.lock().is_news = true;
    }

    /// Takes over what is written down.
    pub(in crate::engine::pace) fn adopt(&self, news: &RouteNews, moment: Moment) {
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
    pub(in crate::engine::pace) fn ticket_ask(&self, moment: Moment) -> Option<TicketAsk> {
        let inner = self.lock();
        let limit = inner.day_limit(moment.now).filter(|limit| *limit > 0)?;
        let want = inner.tickets.want(limit, moment.now)?;
        Some(TicketAsk {
            route: self.key.clone(),
            day: crate::engine::pace::tickets::day(moment.now),
            limit,
            want,
        })
    }

    /// Gets letters of the daily limit.
    pub(in crate::engine::pace) fn get_tickets(&self, day: i32, count: u32) {
        self.lock().tickets.get(day, count);
    }

    /// What became of letters since the last question.
    pub(in crate::engine::pace) fn counts(&self) -> Vec<DayCount> {
        self.lock().tickets.take_counts(&self.key)
    }

    /// Counts that could not be told are kept.
    pub(in crate::engine::pace) fn keep_counts(&self, count: &DayCount) {
        self.lock().tickets.keep(count);
    }
}
