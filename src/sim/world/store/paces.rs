//! The rows about pace.
//!
//! Owns nodes, route states, and daily limits as `migrations/0040_pace.sql` has them. What beats do to them is in
//! [`super::pace`].

use std::collections::BTreeMap;

use crate::{
    mail::{RouteKey, RouteState, WarmCap},
    policy::share::{Written, divide},
    port::pace::{Beat, DayCount, NodeId, RouteNews, Ticket},
};

/// Everything about pace.
#[derive(Debug, Default)]
pub(in super::super) struct Paces {
    pub(super) nodes: BTreeMap<NodeId, Written>,
    pub(super) version: u64,
    pub(super) routes: BTreeMap<RouteKey, RouteNews>,
    /// Every change, in order.
    pub(in super::super) story: Vec<(RouteKey, RouteState)>,
    pub(super) granted: BTreeMap<(RouteKey, i32), u32>,
    /// What each day of a warm-up may bring.
    pub(super) caps: BTreeMap<(RouteKey, i32), WarmCap>,
    /// What became of letters, by route and day.
    pub(in super::super) counts: BTreeMap<(RouteKey, i32), DayCount>,
}

pub(super) type Divided = (Vec<(String, crate::mail::Share)>, Vec<(NodeId, u64)>);

impl Paces {
    pub(super) fn divide(&mut self, beat: &Beat) -> Divided {
        let others: Vec<Written> = self
            .nodes
            .values()
            .filter(|row| row.node != beat.node)
            .cloned()
            .collect();
        let steps = divide(beat, self.nodes.get(&beat.node), &others);
        let written = Written {
            node: beat.node,
            number: beat.number,
            shares: steps
                .iter()
                .map(|(source, step)| (source.clone(), step.written))
                .collect(),
        };
        self.nodes.insert(beat.node, written);
        let shares = steps.into_iter().map(|(source, step)| (source, step.used));
        let others = others.iter().map(|row| (row.node, row.number));
        (shares.collect(), others.collect())
    }

    pub(super) fn write(&mut self, route: &RouteKey, state: RouteState) {
        self.version += 1;
        self.story.push((route.clone(), state.clone()));
        let news = RouteNews {
            route: route.clone(),
            version: self.version,
            state: Some(state),
        };
        self.routes.insert(route.clone(), news);
    }

    pub(super) fn grant(&mut self, ask: &crate::port::pace::TicketAsk) -> Ticket {
        let granted = self
            .granted
            .entry((ask.route.clone(), ask.day))
            .or_default();
        let count = ask.want.min(ask.limit.saturating_sub(*granted));
        *granted += count;
        Ticket {
            route: ask.route.clone(),
            day: ask.day,
            count,
        }
    }

    pub(super) fn count(&mut self, count: &DayCount) {
        let key = (count.route.clone(), count.day);
        match self.counts.get_mut(&key) {
            Some(known) => {
                known.attempted += count.attempted;
                known.accepted += count.accepted;
                known.deferred += count.deferred;
                known.blocked += count.blocked;
                known.strangers += count.strangers;
                known.spam += count.spam;
            }
            None => {
                self.counts.insert(key, count.clone());
            }
        }
    }
}
