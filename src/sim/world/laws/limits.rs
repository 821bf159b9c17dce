//! Promise 4: limits hold as the provider sees them.
//!
//! Owns the law about connections, counted at the receiver: those of each process, and those of all nodes together. Until
//! nodes share their shaping, what all may have together is the sum of what each may have; the counting stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Breaches, Facts};
use crate::sim::world::book::Connection;

/// No process has more connections to a site than it may, nor all nodes together, and none carries more letters than it may.
pub(super) fn limits_hold(facts: &Facts) -> Breaches {
    let each = facts.limits.connections_per_site;
    let of_each = connections(facts, each, |connection| connection.process.to_string());
    let of_all = connections(facts, each * facts.nodes, |_| "all nodes".to_owned());
    let breaches = of_each.into_iter().chain(of_all);
    breaches.chain(letters(facts)).collect()
}

/// Who of those that `whose` tells apart had more connections to a site at one moment than allowed.
fn connections(facts: &Facts, allowed: usize, whose: impl Fn(&Connection) -> String) -> Breaches {
    // What closes at a moment is gone before what opens at it.
    let mut changes: BTreeMap<_, BTreeSet<(Duration, bool, usize)>> = BTreeMap::new();
    let lasting = facts.pages.connections.iter().enumerate();
    // One that a process opens at the moment of its death was there for no time at all.
    let lasting = lasting.filter(|(_, connection)| connection.closed != Some(connection.opened));
    for (number, connection) in lasting {
        let of = (whose(connection), &connection.site);
        let changes = changes.entry(of).or_default();
        changes.insert((connection.opened, true, number));
        changes.extend(connection.closed.map(|closed| (closed, false, number)));
    }
    let peaks = changes.iter().map(|(of, changes)| (of, peak(changes)));
    peaks
        .filter(|(_, peak)| *peak > allowed)
        .map(|((whose, site), peak)| {
            format!("{whose} had {peak} connections to {site}, and {allowed} are allowed")
        })
        .collect()
}

fn peak(changes: &BTreeSet<(Duration, bool, usize)>) -> usize {
    let mut open = BTreeSet::new();
    let mut peak = 0;
    for (_, opens, number) in changes {
        if *opens {
            open.insert(number);
        } else {
            open.remove(number);
        }
        peak = peak.max(open.len());
    }
    peak
}

fn letters(facts: &Facts) -> Breaches {
    let mut carried: BTreeMap<usize, usize> = BTreeMap::new();
    for attempt in &facts.pages.attempts {
        *carried.entry(attempt.connection).or_default() += 1;
    }
    let allowed = facts.limits.letters_per_connection;
    carried
        .into_iter()
        .filter(|(_, count)| *count > allowed)
        .map(|(number, count)| {
            format!("connection {number} carried {count} letters, and {allowed} are allowed")
        })
        .collect()
}
