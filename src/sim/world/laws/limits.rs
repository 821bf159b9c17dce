//! Promise 4: limits hold as the provider sees them.
//!
//! Owns the law about connections. The limits of today are those of one process; a limit over all nodes together needs
//! shaping that nodes share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Breaches, Facts};

/// No process has more connections to a site than it may, and none carries more letters than it may.
pub(super) fn limits_hold(facts: &Facts) -> Breaches {
    connections(facts)
        .into_iter()
        .chain(letters(facts))
        .collect()
}

fn connections(facts: &Facts) -> Breaches {
    // What closes at a moment is gone before what opens at it.
    let mut changes: BTreeMap<_, BTreeSet<(Duration, bool, usize)>> = BTreeMap::new();
    for (number, connection) in facts.pages.connections.iter().enumerate() {
        let changes = changes
            .entry((connection.process, &connection.site))
            .or_default();
        changes.insert((connection.opened, true, number));
        changes.extend(connection.closed.map(|closed| (closed, false, number)));
    }
    let allowed = facts.limits.connections_per_site;
    let peaks = changes.iter().map(|(of, changes)| (of, peak(changes)));
    peaks
        .filter(|(_, peak)| *peak > allowed)
        .map(|((process, site), peak)| {
            format!("{process} had {peak} connections to {site}, and {allowed} are allowed")
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
