//! A site as letters are sent there: its way, its counts, its paths from each pool of sources.
//!
//! Owns the paths, made when the first letter of a pool comes. Promises: the same pool gets the same paths.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    pace::{Moment, Pace, Paths},
    way::Way,
};
use crate::{policy::shaping::Count, route::Source};

/// One site.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) way: Way,
    /// What its letters count to.
    pub(super) counts: Vec<Count>,
    paths: Mutex<BTreeMap<Vec<String>, Arc<Paths>>>,
}

impl Place {
    pub(super) fn new(way: Way, counts: Vec<Count>) -> Self {
        Self {
            name: way.site().to_string(),
            way,
            counts,
            paths: Mutex::default(),
        }
    }

    /// The paths from a pool, which names some of the sources, or none for all of them.
    pub(super) fn paths(
        &self,
        pace: &Pace,
        sources: &[Source],
        pool: &[String],
        moment: Moment,
    ) -> Arc<Paths> {
        let mut known = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(paths) = known.get(pool) {
            return Arc::clone(paths);
        }
        let named = |source: &&Source| pool.is_empty() || pool.contains(&source.name);
        let paths = pace.paths(sources.iter().filter(named), &self.counts, moment);
        known.insert(pool.to_vec(), Arc::clone(&paths));
        paths
    }
}
