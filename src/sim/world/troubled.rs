//! A process's line to the store, with the troubles of a real one.
//!
//! Owns [`StoreLine`]. Promises: a statement takes effect once, or not at all; its answer may be late or lost, and a
//! statement whose answer was given up may still come into effect long after. Every statement is two steps, so that a
//! process can die before it and between it and its answer. What commits is in the book. Leaves rows to `store`.

mod late;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::broadcast, task::JoinSet};

use super::{
    book::{Book, Process},
    chance::Chance,
    life::Life,
    store::{MemStore, Tables},
    weather::Troubles,
};
use crate::{
    mail::{Address, EventKind, Hold, LetterId, Shard, State, Timestamp},
    port::{
        AddressMark, AdoptAsk, Beat, Claim, Heard, LeaseAsk, LeaseId, Leased, LeasedLetter, NodeId,
        Parked, Settlement, Store, StoreError, SuppressionNews, Tenure, TlsStore,
        inbound::{Kept, LateSettlement, Settled},
    },
};

/// The quickest answer.
const QUICK: Duration = Duration::from_micros(300);

/// Before an answer that does not come is given up, and after that the latest moment at which the statement is done.
const PATIENCE: Duration = Duration::from_secs(3);
const LATEST: Duration = Duration::from_secs(20);

/// Carries out statements. Tests put a careless hand here, to see that laws notice.
pub(super) trait Hand: Send + Sync {
    fn lease(&self, tables: &mut Tables, ask: &LeaseAsk) -> Leased {
        tables.lease(ask)
    }

    fn settle(&self, tables: &mut Tables, batch: &[Settlement]) -> Vec<LetterId> {
        tables.settle(batch)
    }

    fn promote(&self, tables: &mut Tables, now: Timestamp, max: u32) -> u64 {
        tables.promote(now, max)
    }

    fn take(&self, tables: &mut Tables, now: Timestamp, until: Timestamp, max: u32) -> Vec<Kept> {
        tables.take(now, until, max)
    }

    fn settle_late(&self, tables: &mut Tables, settlement: &LateSettlement) -> Settled {
        tables.settle_late(settlement)
    }
}

/// The faithful hand.
impl Hand for () {}

/// What all processes share.
pub(super) struct Server {
    pub(super) store: Arc<MemStore>,
    pub(super) hand: Arc<dyn Hand>,
    pub(super) book: Arc<Book>,
    pub(super) chance: Chance,
    pub(super) troubles: Troubles,
    pub(super) is_healed: Arc<AtomicBool>,
    /// Statements that nobody waits for any more.
    pub(super) late: Mutex<JoinSet<()>>,
}

/// What happens to one statement.
#[derive(Clone, Copy)]
enum Luck {
    Good,
    Failed,
    Unanswered,
    Late,
}

impl Server {
    fn troubles(&self) -> Troubles {
        if self.is_healed.load(Ordering::Relaxed) {
            Troubles::default()
        } else {
            self.troubles
        }
    }

    /// The luck of a statement, and how long its way there and back takes.
    fn luck(&self) -> (Luck, Duration, Duration) {
        let troubles = self.troubles();
        let point = self.chance.point();
        let luck = if point < troubles.failed {
            Luck::Failed
        } else if point < troubles.failed + troubles.unanswered {
            Luck::Unanswered
        } else if point < troubles.failed + troubles.unanswered + troubles.late {
            Luck::Late
        } else {
            Luck::Good
        };
        let way = || self.chance.span(QUICK, troubles.slow_max);
        (luck, way(), way())
    }

    fn later(self: &Arc<Self>, doing: String, statement: impl FnOnce(&Self) + Send + 'static) {
        let (server, wait) = (Arc::clone(self), self.chance.span(QUICK, LATEST));
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        while late.try_join_next().is_some() {}
        late.spawn(async move {
            tokio::time::sleep(wait).await;
            server.book.tell(format!(
                "the store does late what nobody waits for: {doing}"
            ));
            statement(&server);
        });
    }
}

/// One process's line.
#[derive(Clone)]
pub(super) struct StoreLine {
    pub(super) server: Arc<Server>,
    pub(super) process: Process,
    pub(super) life: Arc<Life>,
}

impl StoreLine {
    async fn ask<T, S>(&self, doing: String, statement: S) -> Result<T, StoreError>
    where
        T: Send + 'static,
        S: FnOnce(&Server) -> T + Send + 'static,
    {
        self.life.gate().await;
        let (luck, there, back) = self.server.luck();
        tokio::time::sleep(there).await;
        self.life.gate().await;
        match luck {
            Luck::Failed => {
                tokio::time::sleep(back).await;
                Err(self.trouble(&doing, "it failed"))
            }
            Luck::Late => {
                self.server
                    .later(doing.clone(), |server| drop(statement(server)));
                tokio::time::sleep(PATIENCE).await;
                Err(self.trouble(&doing, "no answer came, and it may still be done"))
            }
            Luck::Unanswered => {
                drop(statement(&self.server));
                tokio::time::sleep(PATIENCE).await;
                Err(self.trouble(&doing, "it was done, and no answer came"))
            }
            Luck::Good => {
                let answer = statement(&self.server);
                tokio::time::sleep(back).await;
                self.life.gate().await;
                Ok(answer)
            }
        }
    }

    fn trouble(&self, doing: &str, what: &'static str) -> StoreError {
        self.server
            .book
            .tell(format!("{}: {doing}: {what}", self.process));
        StoreError {
            doing: doing.to_owned(),
            source: Box::new(io::Error::other(what)),
        }
    }
}

impl TlsStore for StoreLine {}

impl Store for StoreLine {
    async fn lease(&self, ask: LeaseAsk) -> Result<Leased, StoreError> {
        if self
            .server
            .chance
            .falls(self.server.troubles().news_missed / 10.0)
        {
            self.server.store.miss();
        }
        let process = self.process;
        let statement = move |server: &Server| {
            let leased = server
                .store
                .change(|tables| server.hand.lease(tables, &ask));
            if !leased.letters.is_empty() {
                let count = leased.letters.len();
                server
                    .book
                    .tell(format!("{process} leases {count} letters"));
            }
            leased
        };
        self.ask("leasing".to_owned(), statement).await
    }

    async fn renew(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        until: Timestamp,
    ) -> Result<Vec<LetterId>, StoreError> {
        let doing = format!("renewing {} claims", held.len());
        let statement =
            move |server: &Server| server.store.change(|tables| tables.renew(&held, until));
        self.ask(doing, statement).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<LetterId>, StoreError> {
        let (batch, process) = (settlements.to_vec(), self.process);
        let doing = format!("settling {} verdicts", batch.len());
        self.ask(doing, move |server| server.settle(process, &batch))
            .await
    }

    async fn release(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let doing = format!("giving back {} letters", held.len());
        let statement =
            move |server: &Server| server.store.change(|tables| tables.release(&held, now));
        self.ask(doing, statement).await
    }

    async fn release_leases(&self, leases: &[LeaseId], now: Timestamp) -> Result<u64, StoreError> {
        let leases = leases.to_vec();
        let doing = format!("giving back {} leases", leases.len());
        let statement = move |server: &Server| {
            server
                .store
                .change(|tables| tables.release_leases(&leases, now))
        };
        self.ask(doing, statement).await
    }

    async fn promote(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        let statement = move |server: &Server| {
            server
                .store
                .change(|tables| server.hand.promote(tables, now, max))
        };
        self.ask("promoting".to_owned(), statement).await
    }

    async fn tenures(&self, max: u32) -> Result<Vec<Tenure>, StoreError> {
        let statement = move |server: &Server| server.store.tables().tenures(max);
        self.ask("looking how claims stand".to_owned(), statement)
            .await
    }

    async fn adopt(&self, ask: AdoptAsk) -> Result<Vec<LeasedLetter>, StoreError> {
        let process = self.process;
        let statement = move |server: &Server| {
            let letters = server.store.change(|tables| tables.adopt(&ask));
            if !letters.is_empty() {
                let count = letters.len();
                server
                    .book
                    .tell(format!("{process} takes over {count} letters"));
            }
            letters
        };
        self.ask("taking over".to_owned(), statement).await
    }

    async fn recall(&self, claims: &[Claim]) -> Result<Vec<LeasedLetter>, StoreError> {
        let claims = claims.to_vec();
        let statement = move |server: &Server| server.store.change(|tables| tables.recall(&claims));
        self.ask("recalling".to_owned(), statement).await
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let statement = |server: &Server| server.store.tables().in_force();
        self.ask("reading holds".to_owned(), statement).await
    }

    async fn park(&self, letters: &[Parked], now: Timestamp) -> Result<(), StoreError> {
        let letters = letters.to_vec();
        let doing = format!("putting {} letters aside", letters.len());
        let statement =
            move |server: &Server| server.store.change(|tables| tables.park(&letters, now));
        self.ask(doing, statement).await
    }

    async fn let_go(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        let statement =
            move |server: &Server| server.store.change(|tables| tables.let_go(now, max));
        self.ask("letting held letters go".to_owned(), statement)
            .await
    }

    fn mark(address: &Address) -> AddressMark {
        MemStore::mark(address)
    }

    fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews> {
        self.server.store.suppression_news()
    }

    async fn beat(&self, beat: Beat) -> Result<Heard, StoreError> {
        let statement = move |server: &Server| server.store.change(|tables| tables.beat(&beat));
        self.ask("beating".to_owned(), statement).await
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        let statement = move |server: &Server| server.store.change(|tables| tables.leave(node));
        self.ask("leaving".to_owned(), statement).await
    }

    async fn wait_for_work(&self, patience: Duration) {
        self.life.gate().await;
        self.server.store.wait_for_work(patience).await;
    }
}

impl Server {
    /// Settles, and tells the book what it brought about.
    fn settle(&self, process: Process, batch: &[Settlement]) -> Vec<LetterId> {
        self.watching(|tables| {
            let count = |tables: &Tables, id| events(tables, id);
            let before: Vec<_> = batch.iter().map(|one| count(tables, one.id)).collect();
            let lost = self.hand.settle(tables, batch);
            for (settlement, before) in batch.iter().zip(before) {
                if count(tables, settlement.id) > before {
                    self.tell_last(process, tables, settlement.id);
                }
            }
            lost
        })
    }

    fn settle_late(&self, process: Process, settlement: &LateSettlement) -> Settled {
        self.watching(|tables| {
            let before = events(tables, settlement.id);
            let settled = self.hand.settle_late(tables, settlement);
            if events(tables, settlement.id) > before {
                self.tell_last(process, tables, settlement.id);
            }
            settled
        })
    }

    fn tell_last(&self, process: Process, tables: &Tables, id: LetterId) {
        if let Some(line) = line(tables, id) {
            self.book.tell(format!("{process} settles {line}"));
        }
    }

    /// Carries out a statement and notes which entries of the suppression ledger it made.
    fn watching<T>(&self, statement: impl FnOnce(&mut Tables) -> T) -> T {
        self.store.change(|tables| {
            let known: Vec<_> = tables.suppressions.keys().cloned().collect();
            let result = statement(tables);
            let made = tables.suppressions.iter();
            for (_, entry) in made.filter(|(key, _)| !known.contains(key)) {
                let (address, evidence) = (&entry.address, &entry.evidence);
                self.book
                    .tell(format!("{address} is suppressed: {evidence}"));
                self.book.banned(entry, false);
            }
            result
        })
    }
}

fn events(tables: &Tables, id: LetterId) -> usize {
    tables.letters.get(&id).map_or(0, |row| row.events.len())
}

/// What a settlement has made of a letter.
fn line(tables: &Tables, id: LetterId) -> Option<String> {
    let row = tables.letters.get(&id)?;
    let last = row.events.last()?;
    let state = row.state.map_or("queued", State::name);
    let words = last.text.as_deref().unwrap_or_default();
    let words = words.lines().next().unwrap_or_default();
    let to = &row.letter.to.mailbox.address;
    let kind = match last.kind {
        EventKind::LateOutcome => "late, which changes nothing",
        kind => kind.name(),
    };
    Some(format!("{to}: {kind}, now {state} ({words})"))
}
