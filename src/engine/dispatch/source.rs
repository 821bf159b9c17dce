//! Which source a letter leaves from.
//!
//! Owns the question. Promises: a source that is held or may not send there now is passed over; a letter waits under a hold only
//! where all sources of its pool are held. Leaves weights and limits to `pace`.

use std::sync::Arc;

use super::{Dispatch, Place, Site, SiteKey};
use crate::{
    engine::pace::Moment,
    mail::HoldId,
    port::{Dice, LeasedLetter, World},
};

/// Where a letter goes now.
pub(super) enum Chosen {
    /// To the connections from that source to that site.
    Site(SiteKey, Arc<Site>),
    /// Back: no source may take it at this moment.
    Later,
    /// Under a hold: every source of its pool is held.
    Held(HoldId),
}

impl<W: World> Dispatch<W> {
    /// The connections for a letter to that place, by the source that its pool, the pace and the dice choose.
    pub(super) fn site(
        &mut self,
        place: &Arc<Place>,
        letter: &LeasedLetter,
        moment: Moment,
    ) -> Chosen {
        let crew = Arc::clone(&self.crew);
        let stream = letter
            .letter
            .as_ref()
            .ok()
            .and_then(|letter| crew.stream(letter).ok());
        let pool = stream.map_or(&[][..], |stream| &stream.pool[..]);
        let paths = place.paths(&crew.pace, &crew.desk.sources, pool, moment);
        let is_urgent = letter.is_urgent();
        crew.pace
            .learn(letter.lane, is_urgent, &paths, moment.instant);
        let kept = letter.source.as_deref();
        let hold = |source: &str| crew.holds.on_source(source);
        let may = |source: &str| hold(source).is_none();
        let roll = || crew.world.dice().roll();
        let Some(path) = paths.choose(kept, may, is_urgent, moment, roll) else {
            let first = paths.sources().find_map(hold);
            return first
                .filter(|_| !paths.any(may))
                .map_or(Chosen::Later, Chosen::Held);
        };
        let key = (place.name.clone(), path.source.name.clone());
        let fresh = || Arc::new(Site::new(place.way.clone(), Arc::clone(path)));
        let site = self.sites.entry(key.clone()).or_insert_with(fresh);
        // Under other profiles the path is another one; the old one is left when its last letter is gone.
        if !Arc::ptr_eq(&site.path, path) && site.is_quiet() {
            *site = fresh();
        }
        Chosen::Site(key, Arc::clone(site))
    }
}
