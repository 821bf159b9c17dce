//! The ways from a pool of sources to a site.
//!
//! Owns the choice of a source for a letter. Promises: a source that may not send there now is passed over, so that one that
//! is blocked at a provider stops there only; among the others weights decide, and those with room go first; a letter that was
//! greylisted leaves from the same source again (RFC 6647 §3.1); when none may, the letter waits. The dice are an argument.

use std::{sync::Arc, time::Duration};

use tracing::info;

use super::gate::{Gate, Moment};
use crate::{
    mail::{RouteKey, RouteState, Timestamp},
    policy::governor::Told,
    route::Source,
};

/// One source towards one site.
#[derive(Debug)]
pub(in crate::engine) struct Path {
    /// Where it leaves from.
    pub(in crate::engine) source: Source,
    /// Everything it counts to, the outermost first; never empty.
    pub(super) gates: Vec<Arc<Gate>>,
}

/// Every source of a pool towards one site.
#[derive(Debug)]
pub(in crate::engine) struct Paths {
    pub(super) paths: Vec<Arc<Path>>,
}

impl Path {
    /// Letters that may be taken for it now.
    pub(super) fn room(&self, moment: Moment) -> u32 {
        self.gates
            .iter()
            .map(|gate| gate.room(moment))
            .min()
            .unwrap_or(0)
    }

    fn is_closed(&self, moment: Moment) -> bool {
        self.gates.iter().any(|gate| gate.is_closed(moment))
    }

    /// Whether one more letter may wait for it: a lease may bring more than there was room for.
    fn takes(&self, is_urgent: bool, moment: Moment) -> bool {
        self.gates.iter().all(|gate| gate.takes(is_urgent, moment))
    }

    /// Whether both have a count in common.
    pub(in crate::engine) fn shares_with(&self, other: &Self) -> bool {
        self.gates
            .iter()
            .any(|gate| other.gates.iter().any(|theirs| Arc::ptr_eq(gate, theirs)))
    }

    /// A letter waits for it.
    pub(in crate::engine) fn enter(&self, moment: tokio::time::Instant) {
        for gate in &self.gates {
            gate.enter(moment);
        }
    }

    /// A letter is done with it.
    pub(in crate::engine) fn leave(&self) {
        for gate in &self.gates {
            gate.leave();
        }
    }

    /// Permits for one more connection, all or none.
    pub(in crate::engine) fn permit(&self, moment: Moment) -> bool {
        for (taken, gate) in self.gates.iter().enumerate() {
            if !gate.permit(moment) {
                self.gates[..taken]
                    .iter()
                    .for_each(|gate| gate.give_back_permit());
                return false;
            }
        }
        true
    }

    /// Gives the permits back.
    pub(in crate::engine) fn give_back_permit(&self) {
        for gate in &self.gates {
            gate.give_back_permit();
        }
    }

    /// Whether this connection is one too many by now; who is told so must end it.
    pub(in crate::engine) fn must_leave(&self, moment: Moment) -> bool {
        let must = self.gates.iter().any(|gate| gate.has_too_many(moment));
        if must {
            self.gates.iter().for_each(|gate| gate.note_leaving());
        }
        must
    }

    /// Letters over one connection: the profile's number, or `usual` where that is smaller.
    pub(in crate::engine) fn letters_per_connection(&self, usual: usize) -> usize {
        let limits = self
            .gates
            .iter()
            .filter_map(|gate| gate.letters_per_connection());
        limits
            .map(|limit| limit as usize)
            .min()
            .unwrap_or(usual)
            .min(usual)
    }

    /// Whether a profile demands TLS on this way.
    pub(in crate::engine) fn demands_tls(&self) -> bool {
        self.gates.iter().any(|gate| gate.demands_tls())
    }
}

impl Path {
    /// Hears what an attempt says about the route.
    pub(in crate::engine) fn hear(
        &self,
        told: &Told,
        talk: Duration,
        began: Timestamp,
        moment: Moment,
    ) {
        // What a provider says counts for the outermost: limits within it have no memory of their own.
        if let Some(gate) = self.gates.first()
            && let Some(state) = gate.hear(told, talk, began, moment)
        {
            tell(&gate.key, &state);
        }
    }
}

/// A change, for whoever reads the log.
pub(super) fn tell(route: &RouteKey, state: &RouteState) {
    info!(
        source = route.source,
        target = route.target,
        phase = state.phase.name(),
        "The pace from {} to {} changes: {}",
        route.source,
        route.target,
        state.cause
    );
}

impl Paths {
    /// The names of its sources.
    pub(in crate::engine) fn sources(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| &path.source.name[..])
    }

    /// Whether there is any source that `may` be used.
    pub(in crate::engine) fn any(&self, may: impl Fn(&str) -> bool) -> bool {
        self.paths.iter().any(|path| may(&path.source.name))
    }

    /// The path for a letter from a source that it `may` leave from: from `kept`, as long as that is open, else by weight, `dice` being in 0..1 and thrown only where there is a choice; `None` when it has to wait.
    pub(in crate::engine) fn choose(
        &self,
        kept: Option<&str>,
        may: impl Fn(&str) -> bool,
        is_urgent: bool,
        moment: Moment,
        dice: impl FnOnce() -> f64,
    ) -> Option<&Arc<Path>> {
        let takes = |path: &&Arc<Path>| may(&path.source.name) && path.takes(is_urgent, moment);
        if let [only] = &self.paths[..] {
            return Some(only).filter(takes);
        }
        let is_kept = |path: &&Arc<Path>| kept == Some(&path.source.name);
        let same = self.paths.iter().find(is_kept);
        let is_open = |path: &&Arc<Path>| may(&path.source.name) && !path.is_closed(moment);
        if let Some(same) = same.filter(is_open) {
            return Some(same).filter(takes);
        }
        let able: Vec<&Arc<Path>> = self.paths.iter().filter(takes).collect();
        let roomy: Vec<&Arc<Path>> = able
            .iter()
            .copied()
            .filter(|path| path.room(moment) > 0)
            .collect();
        match (&roomy[..], &able[..]) {
            ([], []) => None,
            ([], able) => weighted(able, dice()),
            (roomy, _) => weighted(roomy, dice()),
        }
    }

    /// Letters that may be taken now, over all its sources.
    pub(super) fn room(&self, moment: Moment) -> u32 {
        let rooms = self.paths.iter().map(|path| path.room(moment));
        rooms.fold(0, u32::saturating_add)
    }

    /// Whether nothing may go at all.
    pub(super) fn is_closed(&self, moment: Moment) -> bool {
        self.paths.iter().all(|path| path.is_closed(moment))
    }
}

fn weighted<'a>(paths: &[&'a Arc<Path>], dice: f64) -> Option<&'a Arc<Path>> {
    let total: u64 = paths.iter().map(|path| u64::from(path.source.weight)).sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "dice are in 0..1 and weights are small"
    )]
    let mut point = (dice.clamp(0.0, 1.0) * total as f64) as u64;
    let last = paths.last().copied();
    let chosen = paths.iter().copied().find(|path| {
        let weight = u64::from(path.source.weight);
        let here = point < weight;
        point = point.saturating_sub(weight);
        here
    });
    chosen.or(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::time::Instant;

    use super::{
        super::{Pace, gate::Moment},
        *,
    };
    use crate::{
        mail::{Domain, Phase, Share},
        policy::{
            Shaping,
            governor::{self, Rules},
            warmup::Plans,
        },
        port::pace::RouteNews,
    };

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn moment() -> Moment {
        Moment {
            instant: Instant::now(),
            now: NOON,
        }
    }

    /// Two sources towards one site, the second with three times the weight of the first; `closed` ones are paused there.
    fn pool(closed: &[&str]) -> (Pace, Arc<Paths>) {
        let source = |(name, weight): (&str, u32)| Source {
            name: name.to_owned(),
            address: None,
            ehlo: Domain::parse("mail.example.com").unwrap(),
            weight,
        };
        let sources = [("s1", 1), ("s2", 3)].map(source);
        let pace = Pace::new(&sources, Plans::default());
        let shares = sources
            .iter()
            .map(|source| (source.name.clone(), Share::ALL));
        let until = Instant::now() + Duration::from_hours(1);
        pace.grant(&shares.collect::<BTreeMap<_, _>>(), until);
        let counts = Shaping::free().counts(["mx.example.com"], "mx.example.com");
        let paths = pace.paths(&sources, &counts, moment());
        for path in paths
            .paths
            .iter()
            .filter(|path| closed.contains(&&path.source.name[..]))
        {
            let gate = &path.gates[0];
            let state = RouteState {
                phase: Phase::Paused,
                ..governor::first(&Rules::of(&counts[0].profile), NOON)
            };
            let news = RouteNews {
                route: gate.key.clone(),
                version: 1,
                state: Some(state),
            };
            gate.adopt(&news, moment());
        }
        (pace, paths)
    }

    fn check(closed: &[&str], kept: Option<&str>, dice: f64, expected: Option<&str>) {
        let (_pace, paths) = pool(closed);
        let chosen = paths.choose(kept, |_| true, false, moment(), || dice);
        let name = chosen.map(|path| &path.source.name[..]);
        assert_eq!(name, expected, "{closed:?} {kept:?} {dice}");
    }

    #[test]
    fn weights_decide_among_open_sources() {
        check(&[], None, 0.24, Some("s1"));
        check(&[], None, 0.25, Some("s2"));
        check(&[], None, 1.0, Some("s2"));
    }

    #[test]
    fn a_source_that_is_closed_here_is_passed_over_and_when_all_are_the_letter_waits() {
        check(&["s2"], None, 0.9, Some("s1"));
        check(&["s1"], None, 0.1, Some("s2"));
        check(&["s1", "s2"], None, 0.5, None);
    }

    #[test]
    fn a_source_that_is_held_is_passed_over_whatever_was_kept() {
        let (_pace, paths) = pool(&[]);
        let chosen = paths.choose(Some("s1"), |name| name != "s1", false, moment(), || 0.0);
        assert_eq!(chosen.map(|path| &path.source.name[..]), Some("s2"));
        assert!(paths.any(|name| name == "s1") && !paths.any(|_| false));
    }

    #[test]
    fn a_greylisted_letter_keeps_its_source_while_that_is_open() {
        check(&[], Some("s1"), 0.9, Some("s1"));
        check(&["s1"], Some("s1"), 0.9, Some("s2"));
        check(&[], Some("retired"), 0.9, Some("s2"));
    }
}
