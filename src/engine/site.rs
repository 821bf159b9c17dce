//! A site and the letters that wait for one of its connections.
//!
//! Owns the short queue between dispatch and connections. Promises: a letter put here is taken by exactly one
//! connection or given back; the queue is no longer than the ledger's room for the site's lanes. Whether another
//! connection is worth opening is decided here, from numbers alone.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::way::Way;
use crate::port::{AttemptRecord, LeasedLetter};

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
    waiting: Mutex<VecDeque<LeasedLetter>>,
    arrived: Notify,
    connections: AtomicUsize,
    idle: AtomicUsize,
    sessions: AtomicUsize,
}

impl Site {
    pub(super) fn new(way: Way) -> Self {
        Self {
            name: way.site().to_string(),
            way,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            connections: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
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

    /// Puts letters in line and wakes a waiting connection for each.
    pub(super) fn put(&self, letters: impl IntoIterator<Item = LeasedLetter>) {
        let mut waiting = self.waiting();
        let before = waiting.len();
        waiting.extend(letters);
        let added = waiting.len() - before;
        drop(waiting);
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
        self.waiting().pop_front()
    }

    /// Puts a letter back at the head of the line: another connection will carry it.
    pub(super) fn put_back(&self, letter: LeasedLetter) {
        self.waiting().push_front(letter);
        self.arrived.notify_one();
    }

    /// Every letter that waits: nobody answers there, or the engine is stopping.
    pub(super) fn take_all(&self) -> Vec<LeasedLetter> {
        self.waiting().drain(..).collect()
    }

    /// Counts one more connection if it is worth opening and allowed.
    ///
    /// Only the dispatcher calls this, so the count cannot pass the limit between the look and the step.
    pub(super) fn may_connect(&self, connections_max: usize) -> bool {
        let open = self.connections.load(Ordering::Acquire);
        let waiting = self.waiting().len();
        let worth = waiting > 0 && (open == 0 || waiting > open * LETTERS_WORTH_A_CONNECTION);
        let allowed = worth && open < connections_max;
        if allowed {
            self.connections.fetch_add(1, Ordering::AcqRel);
        }
        allowed
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

    fn waiting(&self) -> MutexGuard<'_, VecDeque<LeasedLetter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
