//! How many letters are in flight to each site, and which lanes lead there.
//!
//! Owns the counts behind one promise: a site that answers slowly or never holds only a part of the letters in flight,
//! however many recipient domains it serves. Promises: memory is bounded. What a full site means is said in `ledger`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::port::Lane;

/// Lanes remembered of one site. The letters of others are leased, found to be too many, and given back.
const LANES_MAX: usize = 20_000;

/// Every site that letters were routed to.
#[derive(Debug, Default)]
pub(super) struct Sites(HashMap<Arc<str>, Load>);

#[derive(Debug, Default)]
struct Load {
    held: usize,
    lanes: HashSet<Lane>,
}

impl Sites {
    /// The shared name of a site, which now knows that this lane leads to it.
    pub(super) fn name(&mut self, site: &str, lane: Lane) -> Arc<str> {
        let known = self.0.get_key_value(site).map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| Arc::from(site));
        let load = self.0.entry(Arc::clone(&name)).or_default();
        if load.lanes.len() < LANES_MAX {
            load.lanes.insert(lane);
        }
        name
    }

    /// Letters in flight to a site.
    pub(super) fn held(&self, site: &str) -> usize {
        self.0.get(site).map_or(0, |load| load.held)
    }

    /// One letter more.
    pub(super) fn enter(&mut self, site: &Arc<str>) {
        self.0.entry(Arc::clone(site)).or_default().held += 1;
    }

    /// One letter less; a site without letters is forgotten, and its lanes with it.
    pub(super) fn leave(&mut self, site: &str) {
        let Some(load) = self.0.get_mut(site) else {
            return;
        };
        load.held = load.held.saturating_sub(1);
        if load.held == 0 {
            self.0.remove(site);
        }
    }

    /// The lanes of sites that hold so many letters or more.
    pub(super) fn full(&self, per_site: usize) -> HashSet<Lane> {
        let full = self.0.values().filter(|load| load.held >= per_site);
        full.flat_map(|load| load.lanes.iter().copied()).collect()
    }
}
