//! The store as the doors and the feedback see it.
//!
//! Owns the implementation of [`crate::port::inbound`]. Promises: whoever does not answer in time is given up. Read
//! [`super::inbound`] and [`super::late`] for the statements.

use super::{PgStore, answer, inbound, late, statistics};
use crate::{
    mail::{Incoming, IncomingId, LetterId, Shard, Statistics, Suppression, Timestamp},
    port::{
        StoreError,
        inbound::{Intake, Kept, LateSettlement, LateStore, Settled, Standing, Understood},
    },
};

impl Intake for PgStore {
    async fn keep(&self, mail: Incoming) -> Result<IncomingId, StoreError> {
        answer(inbound::keep(&self.calm, &mail)).await
    }
}

impl LateStore for PgStore {
    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
    ) -> Result<Vec<Kept>, StoreError> {
        answer(inbound::take(&self.calm, now, until, max)).await
    }

    async fn standing(&self, id: LetterId, shard: Shard) -> Result<Option<Standing>, StoreError> {
        answer(late::standing(&self.calm, id, shard)).await
    }

    async fn settle_late(&self, settlement: &LateSettlement) -> Result<Settled, StoreError> {
        answer(late::settle(&self.calm, settlement)).await
    }

    async fn suppress_reported(&self, entry: &Suppression) -> Result<(), StoreError> {
        answer(late::suppress(&self.calm, entry)).await
    }

    async fn keep_statistics(&self, report: &Statistics, now: Timestamp) -> Result<(), StoreError> {
        answer(statistics::keep(&self.calm, report, now)).await
    }

    async fn close(
        &self,
        id: IncomingId,
        now: Timestamp,
        understood: &Understood,
    ) -> Result<(), StoreError> {
        answer(inbound::close(&self.calm, id, now, understood)).await
    }

    async fn postpone(&self, id: IncomingId, until: Timestamp) -> Result<(), StoreError> {
        answer(inbound::postpone(&self.calm, id, until)).await
    }
}
