//! What nodes tell each other about pace: the twin of `store/pace.rs`.
//!
//! Owns the rows of nodes, route states and daily limits. Promises: as there, one beat after another; a beat that comes after
//! a later one of its node changes nothing.

use std::collections::BTreeMap;

use super::tables::Tables;
use crate::{
    mail::{RouteKey, RouteState},
    policy::share::{Written, divide},
    port::pace::{Beat, DayCount, Heard, NodeId, RouteNews, Ticket},
};

/// Everything about pace.
#[derive(Debug, Default)]
pub(in super::super) struct Paces {
    nodes: BTreeMap<NodeId, Written>,
    version: u64,
    routes: BTreeMap<RouteKey, RouteNews>,
    /// Every change, in order.
    pub(in super::super) story: Vec<(RouteKey, RouteState)>,
    granted: BTreeMap<(RouteKey, i32), u32>,
    /// What became of letters, by route and day.
    pub(in super::super) counts: BTreeMap<(RouteKey, i32), DayCount>,
}

impl Tables {
    pub(in super::super) fn beat(&mut self, beat: &Beat) -> Heard {
        let paces = &mut self.paces;
        for (node, number) in &beat.silent {
            if paces
                .nodes
                .get(node)
                .is_some_and(|row| row.number == *number)
            {
                paces.nodes.remove(node);
            }
        }
        if paces
            .nodes
            .get(&beat.node)
            .is_some_and(|row| row.number >= beat.number)
        {
            return Heard::default();
        }
        for count in &beat.counts {
            paces.count(count);
        }
        for change in &beat.changes {
            let known = paces.routes.get(&change.route).map_or(0, |row| row.version);
            if known == change.from {
                paces.write(&change.route, change.state.clone());
            }
        }
        let tickets = beat.tickets.iter().map(|ask| paces.grant(ask)).collect();
        let routes = paces
            .routes
            .values()
            .filter(|news| news.version > beat.known);
        let routes = routes.cloned().collect();
        let (shares, others) = paces.divide(beat);
        Heard {
            shares,
            others,
            routes,
            known: paces.version,
            tickets,
        }
    }

    pub(in super::super) fn leave(&mut self, node: NodeId) {
        self.paces.nodes.remove(&node);
    }
}

type Divided = (Vec<(String, crate::mail::Share)>, Vec<(NodeId, u64)>);

impl Paces {
    fn divide(&mut self, beat: &Beat) -> Divided {
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

    fn write(&mut self, route: &RouteKey, state: RouteState) {
        self.version += 1;
        self.story.push((route.clone(), state.clone()));
        let news = RouteNews {
            route: route.clone(),
            version: self.version,
            state: Some(state),
        };
        self.routes.insert(route.clone(), news);
    }

    fn grant(&mut self, ask: &crate::port::pace::TicketAsk) -> Ticket {
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

    fn count(&mut self, count: &DayCount) {
        let key = (count.route.clone(), count.day);
        match self.counts.get_mut(&key) {
            Some(known) => {
                known.attempted += count.attempted;
                known.accepted += count.accepted;
                known.deferred += count.deferred;
                known.blocked += count.blocked;
                known.strangers += count.strangers;
            }
            None => {
                self.counts.insert(key, count.clone());
            }
        }
    }
}
