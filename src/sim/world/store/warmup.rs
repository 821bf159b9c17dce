//! The days of warm-ups: the twin of `store/warmup.rs`. Nobody complains about a source here.

use super::tables::Tables;
use crate::mail::{RouteKey, WarmCap, WarmDay};

impl Tables {
    pub(in super::super) fn warm_days(&self, route: &RouteKey, since: i32) -> Vec<WarmDay> {
        let paces = &self.paces;
        let of = |key: &(RouteKey, i32)| (key.0 == *route && key.1 >= since).then_some(key.1);
        let counted = paces.counts.keys().chain(paces.granted.keys());
        let mut days: Vec<i32> = counted.chain(paces.caps.keys()).filter_map(of).collect();
        days.sort_unstable();
        days.dedup();
        days.into_iter()
            .map(|day| self.warm_day(route, day))
            .collect()
    }

    fn warm_day(&self, route: &RouteKey, day: i32) -> WarmDay {
        let (paces, key) = (&self.paces, (route.clone(), day));
        let known = WarmDay {
            day,
            cap: paces.caps.get(&key).cloned(),
            granted: paces.granted.get(&key).copied().unwrap_or(0),
            ..WarmDay::default()
        };
        let Some(count) = paces.counts.get(&key) else {
            return known;
        };
        WarmDay {
            attempted: count.attempted,
            accepted: count.accepted,
            deferred: count.deferred,
            blocked: count.blocked,
            spam: count.spam,
            strangers: count.strangers,
            ..known
        }
    }

    /// Every day that was opened.
    pub(in super::super) fn warmed(&self) -> Vec<(RouteKey, WarmDay)> {
        let opened = self.paces.caps.keys();
        opened
            .map(|(route, day)| (route.clone(), self.warm_day(route, *day)))
            .collect()
    }

    pub(in super::super) fn open_day(
        &mut self,
        route: &RouteKey,
        day: i32,
        cap: &WarmCap,
    ) -> WarmCap {
        let key = (route.clone(), day);
        let known = self.paces.caps.entry(key);
        known.or_insert_with(|| cap.clone()).clone()
    }
}
