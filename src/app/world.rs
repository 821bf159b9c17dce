//! The real world for an engine: PostgreSQL, DNS, TCP, the wall clock.
//!
//! Owns the joining of edges that do not know each other. Promises nothing of its own.

use std::sync::Arc;

use crate::{
    journal::FileJournal,
    net::{RealDice, Resolver, SystemClock, Tcp},
    port::{Watch, World},
    store::PgStore,
};

/// The edges of one node.
pub struct RealWorld<M> {
    /// PostgreSQL.
    pub store: PgStore,
    /// Tells those who come after us.
    pub journal: FileJournal,
    /// Asks DNS.
    pub dns: Resolver,
    /// Opens connections.
    pub dial: Tcp,
    /// Sees what happens.
    pub watch: Arc<M>,
}

impl<M: Watch> World for RealWorld<M> {
    type Store = PgStore;
    type Dns = Resolver;
    type Dial = Tcp;
    type Journal = FileJournal;
    type Clock = SystemClock;
    type Dice = RealDice;
    type Watch = M;

    fn store(&self) -> &PgStore {
        &self.store
    }

    fn dns(&self) -> &Resolver {
        &self.dns
    }

    fn dial(&self) -> &Tcp {
        &self.dial
    }

    fn journal(&self) -> &FileJournal {
        &self.journal
    }

    fn clock(&self) -> &SystemClock {
        &SystemClock
    }

    fn dice(&self) -> &RealDice {
        &RealDice
    }

    fn watch(&self) -> &M {
        &self.watch
    }
}
