//! A source of ours, and which part of its limits this node has right now.
//!
//! Owns the share and its end. Promises: a share that was not renewed in time is nothing, by the monotonic clock, so that
//! the others may take it once that time has surely passed.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::mail::Share;

/// One source.
#[derive(Debug)]
pub(in crate::engine) struct Voice {
    share: Mutex<(Share, Instant)>,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self {
            share: Mutex::new((Share::NONE, Instant::now())),
        }
    }

    /// What may be used at this moment.
    pub(super) fn share(&self, now: Instant) -> Share {
        let (share, until) = *self.lock();
        if now < until { share } else { Share::NONE }
    }

    /// What is used until then.
    pub(super) fn grant(&self, share: Share, until: Instant) {
        *self.lock() = (share, until);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Share, Instant)> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
