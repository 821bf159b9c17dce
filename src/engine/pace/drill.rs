//! A letter's way through the pace without anything around it: what the bench measures.
//!
//! Owns no rule. Promises: it asks and tells exactly what `dispatch`, `worker` and `deliver` do for a letter that is taken.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Moment, Pace, Paths};
use crate::{
    mail::{Share, Timestamp},
    policy::{Shaping, governor::Told, warmup::Plans},
    port::Lane,
    route::Source,
};

/// Letters that a lane may give to a lease without limits.
const USUAL: u32 = 500;

/// Sites under one profile, with one source.
#[derive(Debug)]
pub struct Drill {
    pace: Pace,
    shaping: Shaping,
    ways: Vec<(Lane, Arc<Paths>)>,
    begun: Instant,
}

impl Drill {
    /// That many sites, each with a lane of its own, sent to from that source; all of every limit is ours, for an hour.
    pub fn new(shaping: Shaping, source: &Source, sites: u16) -> Self {
        let pace = Pace::new(std::slice::from_ref(source), Plans::default());
        let begun = Instant::now();
        let shares = BTreeMap::from([(source.name.clone(), Share::ALL)]);
        pace.grant(&shares, begun + Duration::from_hours(1));
        let mut drill = Self {
            pace,
            shaping,
            ways: Vec::new(),
            begun,
        };
        for site in 0..sites {
            let name = format!("mx{site}.example.net");
            let counts = drill.shaping.counts([&name[..]], &name);
            let paths = drill.pace.paths([source], &counts, drill.moment());
            drill.ways.push((Lane(i32::from(site) + 1), paths));
        }
        drill
    }

    /// What a lease asks: the lanes that have not just the usual room.
    pub fn lease(&self) -> usize {
        self.pace.room(USUAL, self.moment()).len()
    }

    /// One letter that is taken: a source is chosen, its turn comes, the provider's word is heard. `None` when it may not go.
    pub async fn letter(&self, number: usize) -> Option<()> {
        let (lane, paths) = self.ways.get(number % self.ways.len().max(1))?;
        let moment = self.moment();
        self.pace.learn(*lane, false, paths, moment.instant);
        let path = paths.choose(None, |_| true, false, moment, || 0.5)?;
        path.enter(moment.instant);
        let turn = self
            .pace
            .turn(path, "example.net", &self.shaping, || self.moment());
        drop(turn.await.ok()?);
        let said = self.moment();
        path.hear(&Told::Good, Duration::from_millis(1), said.now, said);
        path.leave();
        Some(())
    }

    fn moment(&self) -> Moment {
        let instant = Instant::now();
        let since = instant.saturating_duration_since(self.begun);
        Moment {
            instant,
            now: Timestamp::from_seconds(1_800_000_000).plus(since),
        }
    }
}
