//! The life of one process: it can end at any step towards the world.
//!
//! Owns [`Life`]. Promises: every call through a port is a step; when the fated step comes, or somebody kills, nothing this
//! process does from that moment on has any effect outside of it, as after `kill -9`: what its code still computes until it
//! is dropped is a ghost's work. Leaves the dropping to `node`.

use std::{
    future::pending,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio_util::sync::CancellationToken;

/// Whether a process lives, and until which step.
#[derive(Debug)]
pub(super) struct Life {
    steps: AtomicU64,
    fated: u64,
    died: CancellationToken,
}

impl Life {
    /// A process that dies at that step, if it comes so far.
    pub(super) fn until(fated: u64) -> Self {
        Self {
            steps: AtomicU64::new(0),
            fated,
            died: CancellationToken::new(),
        }
    }

    /// Ends it now.
    pub(super) fn kill(&self) {
        self.died.cancel();
    }

    /// Counts one step; `false` when the process is dead, and then the step has not been made.
    pub(super) fn step(&self) -> bool {
        if self.steps.fetch_add(1, Ordering::Relaxed) >= self.fated {
            self.died.cancel();
        }
        !self.died.is_cancelled()
    }

    /// Like [`Life::step`]; the dead wait here for ever.
    pub(super) async fn gate(&self) {
        if !self.step() {
            pending::<()>().await;
        }
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        self.died.cancelled().await;
    }
}
