//! A source of ours, and which part of its limits this node has right now.
//!
//! Owns the share and its end. Promises: a share that was not renewed in time is nothing, by the monotonic clock, so that
//! the others may take it once that time has surely passed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::mail::Share;

/// One source.
#[derive(Debug)]
pub(in crate::engine) struct Voice(Mutex<Granted>);

#[derive(Clone, Copy, Debug)]
struct Granted {
    share: Share,
    until: Instant,
    /// Since when there has been one without a break.
    since: Instant,
}

impl Voice {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Granted {
            share: Share::NONE,
            until: now,
            since: now,
        }))
    }

    /// What may be used at this moment.
    pub(super) fn share(&self, now: Instant) -> Share {
        let granted = *self.lock();
        if now < granted.until {
            granted.share
        } else {
            Share::NONE
        }
    }

    /// Since when anything may be used.
    pub(super) fn since(&self) -> Instant {
        self.lock().since
    }

    /// What is used until then.
    pub(super) fn grant(&self, share: Share, until: Instant, now: Instant) {
        let mut granted = self.lock();
        if granted.share.is_none() || granted.until <= now {
            granted.since = now;
        }
        (granted.share, granted.until) = (share, until);
    }

    fn lock(&self) -> MutexGuard<'_, Granted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
