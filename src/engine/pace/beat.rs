//! The signs of life that nodes give each other, and what they tell with them.
//!
//! Owns the beat. Promises: a share is used for [`SHARE_LASTS`] after a beat began and no longer; another node is given up
//! after [`SILENT_AFTER`] without a new beat, which is later, both by monotonic clocks: so what a dead node had is taken only
//! when it surely uses it no more. What could not be told is told with the next beat.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Moment, Pace};
use crate::{
    mail::Share,
    port::{
        Clock, Store, World,
        pace::{Beat, DayCount, Heard, NodeId, RouteChange},
    },
};

/// Between two beats.
const BEAT: Duration = Duration::from_secs(1);

/// While parts are still moving, beats come sooner.
const QUICK: Duration = Duration::from_millis(200);

/// A share is used no longer than this after the beat that brought it began.
const SHARE_LASTS: Duration = Duration::from_secs(4);

/// A node that shows no new beat for so long is given up. The talks it had begun have had the difference to end.
const SILENT_AFTER: Duration = Duration::from_secs(7);

/// A part is given up when its connections have ended, and after this in any case: a talk that takes longer is one too many.
const CLEARED_AFTER: Duration = Duration::from_secs(10);

/// A part that is being given up.
#[derive(Clone, Copy, Debug)]
struct Clearing {
    before: Share,
    since: Instant,
}

/// One node's beat.
pub(in crate::engine) struct Heart {
    node: NodeId,
    name: String,
    number: u64,
    known: u64,
    /// Of the other nodes, the last beat and when it was first seen.
    others: BTreeMap<NodeId, (u64, Instant)>,
    using: BTreeMap<String, Share>,
    /// Wider parts than those in use: connections that were opened under them have not ended yet.
    clearing: BTreeMap<String, Clearing>,
    in_trouble: bool,
}

impl Heart {
    /// A heart that has not beaten yet. `node` must be new.
    pub(in crate::engine) fn new(node: NodeId, name: &str) -> Self {
        Self {
            node,
            name: name.to_owned(),
            number: 0,
            known: 0,
            others: BTreeMap::new(),
            using: BTreeMap::new(),
            clearing: BTreeMap::new(),
            in_trouble: false,
        }
    }

    /// Beats until told to stop, and takes leave then.
    pub(in crate::engine) async fn serve<W: World>(
        mut self,
        world: &W,
        pace: &Pace,
        stop: CancellationToken,
    ) {
        let mut wait = Duration::ZERO;
        while stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            wait = if self.beat(world, pace).await {
                BEAT
            } else {
                QUICK
            };
        }
        // Whatever was learned last is told; nothing is used any more, because every connection has ended.
        pace.stop_using();
        self.using.clear();
        self.clearing.clear();
        self.beat(world, pace).await;
        if let Err(trouble) = world.store().leave(self.node).await {
            error!(error = ?trouble, "The other nodes will miss this one before they divide its part");
        }
    }

    /// Whether everything has settled.
    async fn beat<W: World>(&mut self, world: &W, pace: &Pace) -> bool {
        let moment = || Moment {
            instant: Instant::now(),
            now: world.clock().now(),
        };
        pace.tend(moment());
        let begun = Instant::now();
        self.clearing.retain(|source, clearing| {
            pace.is_overdrawn(source, moment())
                && begun.saturating_duration_since(clearing.since) < CLEARED_AFTER
        });
        let (changes, counts) = pace.to_tell();
        self.number += 1;
        let beat = Beat {
            node: self.node,
            name: self.name.clone(),
            number: self.number,
            at: world.clock().now(),
            using: pace
                .sources()
                .map(|source| (source.clone(), self.used(&source)))
                .collect(),
            silent: self.silent(begun),
            known: self.known,
            changes: changes.clone(),
            tickets: pace.ticket_asks(moment()),
            counts: counts.clone(),
        };
        match world.store().beat(beat).await {
            Ok(heard) => {
                self.in_trouble = false;
                self.hear(&heard, pace, begun, moment())
            }
            Err(trouble) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    error!(error = ?trouble, "The other nodes hear nothing of this one; limited routes pause until they do");
                }
                pace.untold(&changes, &counts);
                true
            }
        }
    }

    fn used(&self, source: &str) -> Share {
        let clearing = self.clearing.get(source).map(|clearing| clearing.before);
        let used = clearing.or_else(|| self.using.get(source).copied());
        used.unwrap_or(Share::NONE)
    }

    /// Notes which parts have become narrower: their connections have to end before the others may open theirs.
    fn note_clearing(&mut self, granted: &BTreeMap<String, Share>, since: Instant) {
        for (source, before) in &self.using {
            let after = granted.get(source).copied().unwrap_or(Share::NONE);
            if !before.is_within(after) {
                let clearing = Clearing {
                    before: *before,
                    since,
                };
                self.clearing.entry(source.clone()).or_insert(clearing);
            }
        }
    }

    /// Nodes that have shown no new beat for too long.
    fn silent(&self, now: Instant) -> Vec<(NodeId, u64)> {
        let silent = self
            .others
            .iter()
            .filter(|(_, (_, seen))| now.saturating_duration_since(*seen) >= SILENT_AFTER);
        silent.map(|(node, (number, _))| (*node, *number)).collect()
    }

    fn hear(&mut self, heard: &Heard, pace: &Pace, begun: Instant, moment: Moment) -> bool {
        self.known = heard.known;
        let before = self.others.len();
        let seen: BTreeMap<NodeId, (u64, Instant)> = heard
            .others
            .iter()
            .map(|(node, number)| {
                let known = self.others.get(node).filter(|(known, _)| known == number);
                (*node, known.copied().unwrap_or((*number, moment.instant)))
            })
            .collect();
        if seen.len() < before {
            warn!(
                nodes = seen.len() + 1,
                "Nodes have gone; the limits are divided among {} now",
                seen.len() + 1
            );
        }
        if seen.len() > before {
            info!(
                nodes = seen.len() + 1,
                "The limits are divided among {} nodes",
                seen.len() + 1
            );
        }
        self.others = seen;
        let granted: BTreeMap<String, Share> = heard.shares.iter().cloned().collect();
        let has_settled = granted == self.using && self.clearing.is_empty();
        self.note_clearing(&granted, moment.instant);
        self.using = granted;
        pace.grant(&self.using, begun + SHARE_LASTS);
        pace.adopt(&heard.routes, moment);
        for ticket in &heard.tickets {
            pace.get_tickets(ticket);
        }
        has_settled
    }
}

impl Pace {
    fn sources(&self) -> impl Iterator<Item = String> {
        let names: Vec<String> = self.book().voices.keys().cloned().collect();
        names.into_iter()
    }

    pub(super) fn grant(&self, shares: &BTreeMap<String, Share>, until: Instant) {
        for (name, voice) in &self.book().voices {
            let share = shares.get(name).copied().unwrap_or(Share::NONE);
            voice.grant(share, until, Instant::now());
        }
    }

    /// Whether a source has connections for which there are no permits any more.
    fn is_overdrawn(&self, source: &str, moment: Moment) -> bool {
        let gates = self.gates();
        let mut own = gates.iter().filter(|gate| gate.key.source == source);
        own.any(|gate| gate.is_overdrawn(moment))
    }

    fn stop_using(&self) {
        self.grant(&BTreeMap::new(), Instant::now());
    }

    fn to_tell(&self) -> (Vec<RouteChange>, Vec<DayCount>) {
        let gates = self.gates();
        let changes = gates.iter().filter_map(|gate| gate.news()).collect();
        let counts = gates.iter().flat_map(|gate| gate.counts()).collect();
        (changes, counts)
    }

    fn untold(&self, changes: &[RouteChange], counts: &[DayCount]) {
        let book = self.book();
        for gate in changes
            .iter()
            .filter_map(|change| book.gates.get(&change.route))
        {
            gate.untold();
        }
        for count in counts {
            if let Some(gate) = book.gates.get(&count.route) {
                gate.keep_counts(count);
            }
        }
    }

    fn ticket_asks(&self, moment: Moment) -> Vec<crate::port::pace::TicketAsk> {
        self.gates()
            .iter()
            .filter_map(|gate| gate.ticket_ask(moment))
            .collect()
    }

    fn get_tickets(&self, ticket: &crate::port::pace::Ticket) {
        if let Some(gate) = self.book().gates.get(&ticket.route) {
            gate.get_tickets(ticket.day, ticket.count);
        }
    }

    /// Takes over what is written down, and remembers it for routes that are not in use here.
    fn adopt(&self, news: &[crate::port::pace::RouteNews], moment: Moment) {
        let mut book = self.book();
        for news in news {
            if let Some(gate) = book.gates.get(&news.route) {
                gate.adopt(news, moment);
            }
            book.known.insert(news.route.clone(), news.clone());
        }
    }
}
