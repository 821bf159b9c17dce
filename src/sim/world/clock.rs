//! Virtual time, as the world has it and as each node reads it.
//!
//! Owns the epoch and the clocks of nodes. Promises: a node's clock is the world's time plus what its jumps added up to;
//! monotonic time (`tokio::time::Instant`) never jumps. Leaves the jumping to `day`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{mail::Timestamp, port::Clock};

/// When every world begins: 2026-11-18 in UTC, a Wednesday.
pub(super) const EPOCH: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// The world's own time.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorldTime(Instant);

impl WorldTime {
    /// Begins now.
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// How long the world has existed.
    pub(super) fn age(self) -> Duration {
        self.0.elapsed()
    }

    /// The true time.
    pub(super) fn now(self) -> Timestamp {
        EPOCH.plus(self.age())
    }
}

/// The clock of one node; clones read the same one.
#[derive(Clone, Debug)]
pub(super) struct NodeClock {
    world: WorldTime,
    offset_micros: Arc<AtomicI64>,
}

impl NodeClock {
    pub(super) fn new(world: WorldTime) -> Self {
        Self {
            world,
            offset_micros: Arc::default(),
        }
    }

    /// Sets it so far away from the true time.
    pub(super) fn set(&self, offset_micros: i64) {
        self.offset_micros.store(offset_micros, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        let offset = self.offset_micros.load(Ordering::Relaxed);
        Timestamp::from_micros(self.world.now().micros() + offset)
    }
}
