//! The part of the ledger about letters that go back to the store.

use super::Ledger;
use crate::{
    mail::{LetterId, Shard},
    port::{LeaseId, LeasedLetter},
};

impl Ledger {
    /// Notes that these letters go back to the store untouched.
    pub(in crate::engine) fn hand_back(&self, letters: &[LeasedLetter]) {
        let claims = letters
            .iter()
            .map(|letter| (letter.lease, letter.shard(), letter.id()));
        self.pages().returning.extend(claims);
        self.handed_back.notify_one();
    }

    /// Waits until letters were handed back since the last wait.
    pub(in crate::engine) async fn handed_back(&self) {
        self.handed_back.notified().await;
    }

    /// Letters that the store shall take back.
    pub(in crate::engine) fn returning(&self) -> Vec<(LeaseId, Shard, LetterId)> {
        self.pages().returning.clone()
    }

    /// Strikes out the first of the letters handed back, as many as the store took.
    pub(in crate::engine) fn took_back(&self, count: usize) {
        let back: Vec<_> = self.pages().returning.drain(..count).collect();
        self.leave(back.into_iter().map(|(lease, _, id)| (lease, id)));
    }

    /// Strikes out a claim whose task died. A letter that surely stayed here goes back; of any other nobody can tell, and
    /// its claim is left to end.
    pub(in crate::engine) fn abandon(&self, (lease, id): (LeaseId, LetterId)) {
        let mut pages = self.pages();
        if let Some(held) = pages.strike(id, Some(lease)).filter(|held| !held.is_gone) {
            pages.returning.push((lease, held.shard, id));
        }
        drop(pages);
        self.handed_back.notify_one();
        self.freed.notify_one();
    }
}
