//! The real world for an engine: PostgreSQL, DNS, TCP, the wall clock.
//!
//! Owns the joining of edges that do not know each other. Promises nothing of its own.

use std::sync::Arc;

use crate::{
    net::{RealDice, Resolver, SystemClock, Tcp},
    port::{Watch, World},
    store::PgStore,
};

/// The edges of one node.
pub struct RealWorld<M> {
    /// PostgreSQL.
    pub store: PgStore,
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
