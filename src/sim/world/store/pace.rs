//! What nodes tell each other about pace: the twin of `store/pace.rs`.
//!
//! Owns the beat. Promises: as there, one beat after another; a beat that comes after a later one of its node changes
//! nothing. The rows are in [`super::paces`].

use super::tables::Tables;
use crate::port::pace::{Beat, Heard, NodeId};

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
