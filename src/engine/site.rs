//! A site and the letters that wait for one of its connections.
//!
//! Owns the short queue between dispatch and connections. Promises: a letter put here is taken by exactly one
//! connection or given back; the queue is no longer than the ledger's room for the site's lanes. Whether another
//! connection is worth opening is decided here, from numbers alone.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{pace::Path, way::Way};
use crate::{
    mail::Timestamp,
    port::{AttemptRecord, LeasedLetter},
};

/// A connection beyond the first is opened only when so many letters wait for each open one: a handshake costs as
/// much as several letters.
const LETTERS_WORTH_A_CONNECTION: usize = 4;

/// Where letters for one set of MX hosts meet its connections.
#[derive(Debug)]
pub(super) struct Site {
    /// Its name, under which limits count.
    pub(super) name: String,
    /// The way there.
    pub(super) way: Way,
    /// The source that its letters leave from, and their pace.
    pub(super) path: Arc<Path>,
    waiting: Mutex<Line>,
    arrived: Notify,
    /// An urgent letter arrived: those who wait with another one in hand take it first.
    hurried: Notify,
    connections: AtomicUsize,
    idle: AtomicUsize,
    sessions: AtomicUsize,
    /// One of its hosts offered chunks and did not know them.
    refused_chunks: AtomicBool,
    /// Hosts that nobody reached, and until when they come last.
    dead: Mutex<HashMap<String, Timestamp>>,
}

/// Letters that wait for a connection; the urgent ones go first.
#[derive(Debug, Default)]
struct Line {
    urgent: VecDeque<LeasedLetter>,
    normal: VecDeque<LeasedLetter>,
}

impl Line {
    fn side(&mut self, letter: &LeasedLetter) -> &mut VecDeque<LeasedLetter> {
        if letter.is_urgent() {
            &mut self.urgent
        } else {
            &mut self.normal
        }
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.normal.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn let_urgent_first(&mut self, letter: &mut LeasedLetter) {
        if letter.is_urgent() {
            return;
        }
        if let Some(urgent) = self.urgent.pop_front() {
            self.normal.push_front(mem::replace(letter, urgent));
        }
    }
}

impl Site {
    pub(super) fn new(way: Way, path: Arc<Path>) -> Self {
        Self {
            name: way.site().to_string(),
            way,
            path,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            hurried: Notify::new(),
            connections: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            refused_chunks: AtomicBool::new(false),
            dead: Mutex::default(),
        }
    }

    /// The record of an attempt that came to no word; what was said is filled in later.
    pub(super) fn unspoken(&self) -> AttemptRecord {
        AttemptRecord {
            site: self.name.clone(),
            provider: self.way.provider().name(),
            host: None,
            remote: None,
            source: String::new(),
            tls: None,
            prepare: Duration::ZERO,
            talk: Duration::ZERO,
            size_bytes: 0,
        }
    }

    /// Hosts in the order of trying: those that nobody reached a moment ago come last, because the letters of a dozen
    /// connections need not wait for the same silence.
    pub(super) fn in_order(&self, now: Timestamp) -> Vec<&str> {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.retain(|_, until| *until > now);
        let mut hosts = self.way.hosts();
        hosts.sort_by_key(|host| dead.contains_key(*host));
        hosts
    }

    /// Notes that nobody reached that host.
    pub(super) fn note_dead(&self, host: &str, until: Timestamp) {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.insert(host.to_owned(), until);
    }

    /// Whether its hosts may be spoken to in chunks.
    pub(super) fn takes_chunks(&self) -> bool {
        !self.refused_chunks.load(Ordering::Relaxed)
    }

    /// Notes that a host offered chunks and did not know them.
    pub(super) fn note_refused_chunks(&self) {
        self.refused_chunks.store(true, Ordering::Relaxed);
    }

    /// Puts letters in line and wakes a waiting connection for each.
    pub(super) fn put(&self, letters: impl IntoIterator<Item = LeasedLetter>) {
        let mut waiting = self.waiting();
        let before = waiting.len();
        letters
            .into_iter()
            .for_each(|letter| waiting.side(&letter).push_back(letter));
        let added = waiting.len() - before;
        let is_hurried = !waiting.urgent.is_empty();
        drop(waiting);
        if is_hurried {
            self.hurried.notify_waiters();
        }
        for _ in 0..added.min(self.idle.load(Ordering::Relaxed)) {
            self.arrived.notify_one();
        }
    }

    /// The next letter; waits for one at most `patience`.
    pub(super) async fn next(&self, patience: Duration) -> Option<LeasedLetter> {
        if let Some(letter) = self.take() {
            return Some(letter);
        }
        self.idle.fetch_add(1, Ordering::Relaxed);
        let found = tokio::time::timeout(patience, self.wait()).await.ok();
        self.idle.fetch_sub(1, Ordering::Relaxed);
        // A letter that arrived while the patience ran out must not wait for the next arrival.
        found.or_else(|| self.take())
    }

    /// The next letter, if one waits.
    pub(super) fn take(&self) -> Option<LeasedLetter> {
        let mut waiting = self.waiting();
        let urgent = waiting.urgent.pop_front();
        urgent.or_else(|| waiting.normal.pop_front())
    }

    /// Takes an urgent letter in the place of this one, which is then the first of those that wait.
    pub(super) fn let_urgent_first(&self, letter: &mut LeasedLetter) {
        self.waiting().let_urgent_first(letter);
    }

    /// Ends when an urgent letter waits.
    pub(super) async fn urgent_waits(&self) {
        loop {
            let hurried = self.hurried.notified();
            if !self.waiting().urgent.is_empty() {
                return;
            }
            hurried.await;
        }
    }

    /// Puts a letter back at the head of the line: another connection will carry it.
    pub(super) fn put_back(&self, letter: LeasedLetter) {
        let mut waiting = self.waiting();
        waiting.side(&letter).push_front(letter);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Every letter that waits: nobody answers there, or the engine is stopping.
    pub(super) fn take_all(&self) -> Vec<LeasedLetter> {
        let mut waiting = self.waiting();
        let urgent = std::mem::take(&mut waiting.urgent);
        urgent.into_iter().chain(waiting.normal.drain(..)).collect()
    }

    /// Whether one more connection is worth opening and allowed.
    pub(super) fn wants_connection(&self, connections_max: usize) -> bool {
        let open = self.connections.load(Ordering::Acquire);
        let waiting = self.waiting().len();
        let worth = waiting > 0 && (open == 0 || waiting > open * LETTERS_WORTH_A_CONNECTION);
        worth && open < connections_max
    }

    /// Counts one connection more. Only the dispatcher counts, so the number cannot pass the limit between look and step.
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::AcqRel);
    }

    /// Letters wait here, and nobody is there to take them.
    pub(super) fn is_stuck(&self) -> bool {
        self.connections.load(Ordering::Acquire) == 0 && !self.waiting().is_empty()
    }

    /// Counts one connection less.
    pub(super) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
    }

    /// Sessions that a host has let in.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Acquire)
    }

    pub(super) fn session_opened(&self) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn session_closed(&self) {
        self.sessions.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether nobody would miss it.
    pub(super) fn is_quiet(&self) -> bool {
        self.connections.load(Ordering::Acquire) == 0 && self.waiting().is_empty()
    }

    async fn wait(&self) -> LeasedLetter {
        loop {
            self.arrived.notified().await;
            if let Some(letter) = self.take() {
                return letter;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Line> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Line;
    use crate::{
        mail::{LetterId, Shard, Unsendable},
        port::{Broken, Lane, LeaseId, LeasedLetter, URGENT},
    };

    fn letter(number: u128, priority: u8) -> LeasedLetter {
        LeasedLetter {
            lease: LeaseId(Uuid::nil()),
            lane: Lane(1),
            priority,
            attempts: 0,
            suppressed: None,
            source: None,
            letter: Err(Broken {
                id: LetterId(Uuid::from_u128(number)),
                shard: Shard(0),
                fault: Unsendable::new("letter", "of no matter here"),
            }),
        }
    }

    #[test]
    fn a_letter_in_hand_steps_back_for_an_urgent_one_and_goes_next() {
        let mut line = Line::default();
        let (urgent, later) = (letter(1, URGENT), letter(2, 5));
        line.side(&urgent).push_back(urgent.clone());
        line.side(&later).push_back(later);
        let mut in_hand = letter(3, 5);
        let stepped_back = in_hand.id();
        line.let_urgent_first(&mut in_hand);
        assert_eq!(in_hand.id(), urgent.id());
        line.let_urgent_first(&mut in_hand);
        assert_eq!(in_hand.id(), urgent.id());
        assert_eq!(
            line.normal.front().map(LeasedLetter::id),
            Some(stepped_back)
        );
        assert_eq!(line.len(), 2);
    }
}
