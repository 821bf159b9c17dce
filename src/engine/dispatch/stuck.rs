//! Letters that wait and have nobody to take them.
//!
//! Owns the second look. Promises: a letter whose route has no permit for a connection waits for one no longer than to the next
//! look, and goes back then.

use std::sync::Arc;

use super::{Dispatch, Site};
use crate::port::World;

impl<W: World> Dispatch<W> {
    /// A permit that is free again may be another site's of the same provider.
    pub(super) fn pass_on(&mut self, site: &Arc<Site>) {
        let twins: Vec<Arc<Site>> = self
            .sites
            .values()
            .filter(|other| {
                other.name != site.name && other.path.shares_with(&site.path) && other.is_stuck()
            })
            .map(Arc::clone)
            .collect();
        for twin in twins {
            self.connect(&twin);
        }
    }

    /// Looks after letters that wait and have nobody to take them: their permits may be back, or they go back.
    pub(in crate::engine) fn tend(&mut self) {
        let stuck: Vec<Arc<Site>> = self
            .sites
            .values()
            .filter(|site| site.is_stuck())
            .map(Arc::clone)
            .collect();
        for site in stuck {
            self.connect(&site);
            if site.is_stuck() {
                self.crew.give_back(&site.take_all());
            }
        }
    }
}
