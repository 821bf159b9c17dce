//! What is known of a world after its end.
//!
//! Owns [`Facts`], which the laws judge. Promises: taken from the store's rows and the observer's book, never from what an
//! engine believes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::error::SimError,
    book::{Copy, Pages},
    desk,
    node::Common,
    setting::Setting,
    store::{Mail, Row},
};
use crate::{
    compose::Identity,
    engine::Limits,
    mail::{IncomingId, Letter, LetterId, RouteKey, RouteState, Scope, WarmDay},
};

/// Everything that laws are about.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Letters whose enqueue committed.
    pub(super) letters: BTreeMap<LetterId, Row>,
    /// Letters that nobody was told are missing.
    pub(super) refused_at_door: usize,
    /// Letters in the queue and finished, or in neither.
    pub(super) torn: Vec<LetterId>,
    /// Mails that came in.
    pub(super) inbound: BTreeMap<IncomingId, Mail>,
    /// Who is not written to, by address key and scope.
    pub(super) suppressions: BTreeSet<(String, Scope)>,
    /// What was seen.
    pub(super) pages: Pages,
    /// Domains that take no mail, as DNS says.
    pub(super) broken_domains: BTreeSet<String>,
    /// Nodes side by side.
    pub(super) nodes: usize,
    /// The bounds that had to hold.
    pub(super) limits: Limits,
    pub(super) identity: Identity,
    /// Every change of a route's pace, in order.
    pub(super) paces: Vec<(RouteKey, RouteState)>,
    /// The days of warm-ups.
    pub(super) warmed: Vec<(RouteKey, WarmDay)>,
}

impl Facts {
    pub(super) fn of(setting: &Setting, common: &Common) -> Result<Self, SimError> {
        let tables = common.server.store.tables();
        let broken = setting.plan.broken.iter().map(|(domain, _)| domain.clone());
        Ok(Self {
            refused_at_door: setting.orders.len() - tables.letters.len(),
            letters: tables.letters.clone(),
            torn: tables.torn(),
            inbound: tables.inbound.clone(),
            suppressions: tables.suppressions.keys().cloned().collect(),
            pages: common.book.read(),
            broken_domains: broken.collect(),
            nodes: setting.weather.nodes,
            limits: desk::limits(),
            identity: desk::identity()?,
            paces: tables.paces.story.clone(),
            warmed: tables.warmed(),
        })
    }

    /// The letter of a return path.
    pub(super) fn letter(&self, return_path: &str) -> Option<&Letter> {
        let id = desk::letter_of(&self.identity, return_path)?;
        self.letters.get(&id).map(|row| &row.letter)
    }

    /// Whether somebody surely knew that this copy was taken. A process that dies between hearing and noting knew nothing
    /// for long; a disk without room and a machine that stops take along what was known.
    pub(super) fn is_known(&self, id: LetterId, copy: &Copy) -> bool {
        copy.heard.is_some_and(|(process, at)| {
            let died_over_it = self.pages.deaths.get(&process) == Some(&at);
            let was_noted = !self.pages.unnoted.contains(&(process, id));
            was_noted && !died_over_it && !copy.is_forgotten
        })
    }

    /// The copies of a letter in the order of their arrival, with their queue ids.
    pub(super) fn copies(&self, id: LetterId) -> Vec<(&str, &Copy)> {
        let copies = self.pages.copies.iter();
        let mut copies: Vec<_> = copies
            .filter(|(_, copy)| desk::letter_of(&self.identity, &copy.return_path) == Some(id))
            .map(|(queue_id, copy)| (queue_id.as_str(), copy))
            .collect();
        copies.sort_by_key(|(_, copy)| copy.number);
        copies
    }
}
