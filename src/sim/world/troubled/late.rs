//! The part of a process's line to the store by which mails come in and late words are settled.

use super::{Server, StoreLine};
use crate::{
    mail::{
        Incoming, IncomingId, LetterId, RouteKey, Shard, Statistics, Suppression, Timestamp,
        WarmCap, WarmDay,
    },
    port::{
        BrakeStore, StoreError, WarmupStore,
        inbound::{Intake, Kept, LateSettlement, LateStore, Settled, Standing, Understood},
    },
};

impl BrakeStore for StoreLine {}

impl WarmupStore for StoreLine {
    async fn warm_days(&self, route: &RouteKey, since: i32) -> Result<Vec<WarmDay>, StoreError> {
        let route = route.clone();
        let statement = move |server: &Server| server.store.tables().warm_days(&route, since);
        self.ask("reading the days of a warm-up".to_owned(), statement)
            .await
    }

    async fn open_day(
        &self,
        route: &RouteKey,
        day: i32,
        cap: &WarmCap,
    ) -> Result<WarmCap, StoreError> {
        let (route, cap) = (route.clone(), cap.clone());
        let statement = move |server: &Server| server.store.tables().open_day(&route, day, &cap);
        self.ask("opening a day of a warm-up".to_owned(), statement)
            .await
    }
}

impl Intake for StoreLine {
    async fn keep(&self, mail: Incoming) -> Result<IncomingId, StoreError> {
        let statement = move |server: &Server| server.store.tables().keep(mail);
        self.ask("keeping a mail".to_owned(), statement).await
    }
}

impl LateStore for StoreLine {
    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
    ) -> Result<Vec<Kept>, StoreError> {
        let statement = move |server: &Server| {
            server
                .hand
                .take(&mut server.store.tables(), now, until, max)
        };
        self.ask("taking mails".to_owned(), statement).await
    }

    async fn standing(&self, id: LetterId, _: Shard) -> Result<Option<Standing>, StoreError> {
        let statement = move |server: &Server| server.store.tables().late_standing(id);
        self.ask("looking where a letter stands".to_owned(), statement)
            .await
    }

    async fn settle_late(&self, settlement: &LateSettlement) -> Result<Settled, StoreError> {
        let (settlement, process) = (settlement.clone(), self.process);
        let statement = move |server: &Server| server.settle_late(process, &settlement);
        self.ask("settling a late word".to_owned(), statement).await
    }

    async fn suppress_reported(&self, entry: &Suppression) -> Result<(), StoreError> {
        let entry = entry.clone();
        let statement = move |server: &Server| server.watching(|tables| tables.ban(&entry));
        self.ask("suppressing on a reporter's word".to_owned(), statement)
            .await
    }

    async fn keep_statistics(&self, report: &Statistics, _: Timestamp) -> Result<(), StoreError> {
        let report = report.clone();
        let statement = move |server: &Server| server.store.tables().keep_statistics(&report);
        self.ask("keeping a report in sum".to_owned(), statement)
            .await
    }

    async fn close(
        &self,
        id: IncomingId,
        _: Timestamp,
        understood: &Understood,
    ) -> Result<(), StoreError> {
        let understood = understood.clone();
        let statement = move |server: &Server| server.store.tables().close(id, &understood);
        self.ask("noting that a mail was read".to_owned(), statement)
            .await
    }

    async fn postpone(&self, id: IncomingId, until: Timestamp) -> Result<(), StoreError> {
        let statement = move |server: &Server| server.store.tables().postpone(id, until);
        self.ask("postponing a mail".to_owned(), statement).await
    }
}
