//! The queue in memory, with the behaviour of the one on PostgreSQL.
//!
//! Owns [`MemStore`]. Promises: every statement is one step that nobody sees half done; what `store/*.sql` and `store/*.rs`
//! do to rows happens here to the same rows in the same order, which the conformance suite (`tests/store/conformance.rs`)
//! holds both to. Does not check letters at the door: that is the SQL function's craft. Read `lease` and `settle` next.

mod claims;
mod holds;
mod late;
mod lease;
mod pace;
mod paces;
mod settle;
mod tables;
mod warmup;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, broadcast};

pub use self::tables::Standing;
pub(super) use self::tables::{Mail, Row, Tables};
use crate::{
    mail::{
        Address, Hold, HoldId, HoldOn, Incoming, IncomingId, Letter, LetterId, RouteKey, Shard,
        Statistics, Suppression, Timestamp, Unsendable, WarmCap, WarmDay,
    },
    policy::StreamKind,
    port::{
        AddressMark, AdoptAsk, Beat, BrakeStore, Claim, Heard, LeaseAsk, LeaseId, Leased,
        LeasedLetter, NodeId, Parked, Settlement, Store, StoreError, SuppressionNews, Tenure,
        TlsStore, WarmupStore,
        inbound::{self, Intake, Kept, LateSettlement, LateStore, Settled, Understood},
    },
};

/// As on PostgreSQL: the first look comes after a pause, because ready letters may be there that nobody may send now.
const LOOK: Duration = Duration::from_millis(50);

/// News kept for a listener that is slow.
const NEWS_KEPT: usize = 4_096;

/// The store in memory.
#[derive(Debug)]
pub struct MemStore {
    tables: Mutex<Tables>,
    ready: Notify,
    news: broadcast::Sender<SuppressionNews>,
}

impl MemStore {
    /// An empty store that knows these streams.
    pub fn new(streams: impl IntoIterator<Item = (String, StreamKind)>) -> Self {
        Self {
            tables: Mutex::new(Tables::of(streams)),
            ready: Notify::new(),
            news: broadcast::channel(NEWS_KEPT).0,
        }
    }

    /// Puts a letter into the queue; `false` when its recipient is not written to, and then nothing is kept.
    pub fn enqueue(&self, letter: Letter, priority: u8) -> bool {
        self.change(|tables| tables.enqueue(letter, priority))
    }

    /// Adds an entry, or renews the one of the same address and scope.
    pub fn suppress(&self, entry: Suppression) {
        let mark = Self::mark(&entry.address);
        self.change(|tables| tables.suppress(entry));
        self.tell(SuppressionNews::Suppressed(mark));
    }

    /// Lays a hold.
    pub fn lay(&self, on: HoldOn, now: Timestamp) -> HoldId {
        self.change(|tables| tables.lay(on, now))
    }

    /// Lifts a hold.
    pub fn lift(&self, id: HoldId) {
        self.change(|tables| tables.lift(id));
    }

    /// How a letter stands, with its history.
    pub fn letter(&self, id: LetterId) -> Option<Standing> {
        self.tables().standing(id)
    }

    /// Makes a letter's row one that cannot be read as a letter, for want of a good `field`.
    pub fn spoil(&self, id: LetterId, field: &str) {
        let flaw = Unsendable::new(field, "cannot be read");
        if let Some(row) = self.tables().letters.get_mut(&id) {
            row.flaw = Some(flaw);
        }
    }

    /// A mail that came in, and what it turned out to be once it was read.
    pub fn mail(&self, id: IncomingId) -> Option<(Incoming, Option<Understood>)> {
        let tables = self.tables();
        let mail = tables.inbound.get(&id)?;
        Some((mail.incoming.clone(), mail.understood.clone()))
    }

    /// Tells every listener that it may have missed something.
    pub(super) fn miss(&self) {
        self.tell(SuppressionNews::Missed);
    }

    /// Runs one statement and tells whom its result concerns.
    pub(super) fn change<T>(&self, statement: impl FnOnce(&mut Tables) -> T) -> T {
        let (result, marks) = {
            let mut tables = self.tables();
            (statement(&mut tables), tables.take_marks())
        };
        for mark in marks {
            self.tell(SuppressionNews::Suppressed(AddressMark(mark)));
        }
        self.ready.notify_waiters();
        result
    }

    /// The rows as they stand.
    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: SuppressionNews) {
        // Nobody listening is no fault: the next lease flags the letter.
        let _ = self.news.send(news);
    }
}

/// A world is over before a restart could forget a policy.
impl TlsStore for MemStore {}

/// Its worlds have no campaigns.
impl BrakeStore for MemStore {}

impl WarmupStore for MemStore {
    async fn warm_days(&self, route: &RouteKey, since: i32) -> Result<Vec<WarmDay>, StoreError> {
        Ok(self.tables().warm_days(route, since))
    }

    async fn open_day(
        &self,
        route: &RouteKey,
        day: i32,
        cap: &WarmCap,
    ) -> Result<WarmCap, StoreError> {
        Ok(self.change(|tables| tables.open_day(route, day, cap)))
    }
}

impl Store for MemStore {
    async fn lease(&self, ask: LeaseAsk) -> Result<Leased, StoreError> {
        Ok(self.change(|tables| tables.lease(&ask)))
    }

    async fn renew(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        until: Timestamp,
    ) -> Result<Vec<LetterId>, StoreError> {
        Ok(self.change(|tables| tables.renew(&held, until)))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<LetterId>, StoreError> {
        Ok(self.change(|tables| tables.settle(settlements)))
    }

    async fn release(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|tables| tables.release(&held, now));
        Ok(())
    }

    async fn release_leases(&self, leases: &[LeaseId], now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.change(|tables| tables.release_leases(leases, now)))
    }

    async fn promote(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        Ok(self.change(|tables| tables.promote(now, max)))
    }

    async fn tenures(&self, max: u32) -> Result<Vec<Tenure>, StoreError> {
        Ok(self.tables().tenures(max))
    }

    async fn adopt(&self, ask: AdoptAsk) -> Result<Vec<LeasedLetter>, StoreError> {
        Ok(self.change(|tables| tables.adopt(&ask)))
    }

    async fn recall(&self, claims: &[Claim]) -> Result<Vec<LeasedLetter>, StoreError> {
        Ok(self.tables().recall(claims))
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        Ok(self.tables().in_force())
    }

    async fn park(&self, letters: &[Parked], now: Timestamp) -> Result<(), StoreError> {
        self.change(|tables| tables.park(letters, now));
        Ok(())
    }

    async fn let_go(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        // Asked twice a second by every node: nobody is woken for nothing.
        if !self.tables().has_lifted() {
            return Ok(0);
        }
        Ok(self.change(|tables| tables.let_go(now, max)))
    }

    fn mark(address: &Address) -> AddressMark {
        AddressMark(address.key())
    }

    fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews> {
        self.news.subscribe()
    }

    async fn beat(&self, beat: Beat) -> Result<Heard, StoreError> {
        Ok(self.change(|tables| tables.beat(&beat)))
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        self.change(|tables| tables.leave(node));
        Ok(())
    }

    async fn wait_for_work(&self, patience: Duration) {
        let looks = async {
            tokio::time::sleep(LOOK).await;
            loop {
                // Before the look: what becomes ready after it wakes us.
                let called = self.ready.notified();
                if self.tables().has_work() {
                    return;
                }
                called.await;
            }
        };
        let _ = tokio::time::timeout(patience, looks).await;
    }
}

impl Intake for MemStore {
    async fn keep(&self, mail: Incoming) -> Result<IncomingId, StoreError> {
        Ok(self.tables().keep(mail))
    }
}

impl LateStore for MemStore {
    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
    ) -> Result<Vec<Kept>, StoreError> {
        Ok(self.tables().take(now, until, max))
    }

    async fn standing(
        &self,
        id: LetterId,
        _: Shard,
    ) -> Result<Option<inbound::Standing>, StoreError> {
        Ok(self.tables().late_standing(id))
    }

    async fn settle_late(&self, settlement: &LateSettlement) -> Result<Settled, StoreError> {
        Ok(self.change(|tables| tables.settle_late(settlement)))
    }

    async fn suppress_reported(&self, entry: &Suppression) -> Result<(), StoreError> {
        self.change(|tables| tables.ban(entry));
        Ok(())
    }

    async fn keep_statistics(&self, report: &Statistics, _: Timestamp) -> Result<(), StoreError> {
        self.tables().keep_statistics(report);
        Ok(())
    }

    async fn close(
        &self,
        id: IncomingId,
        _: Timestamp,
        understood: &Understood,
    ) -> Result<(), StoreError> {
        self.tables().close(id, understood);
        Ok(())
    }

    async fn postpone(&self, id: IncomingId, until: Timestamp) -> Result<(), StoreError> {
        self.tables().postpone(id, until);
        Ok(())
    }
}
