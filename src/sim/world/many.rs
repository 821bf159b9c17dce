//! Many worlds, as many at a time as the machine has processors.
//!
//! Owns the threads. Promises: every seed once, each world on one thread; the order in which they are reported says nothing.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{available_parallelism, scope},
};

use super::{
    super::error::SimError,
    report::{Report, simulate},
};

/// Lives the worlds of these seeds and hands each report over. The first world that cannot be built ends it.
pub fn simulate_all(
    seeds: Range<u64>,
    letters: usize,
    report: impl Fn(Report) + Sync,
) -> Result<(), SimError> {
    let (next, fault) = (AtomicU64::new(seeds.start), Mutex::new(None));
    let lane = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            match simulate(seed, letters) {
                Ok(found) => report(found),
                Err(error) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        }
    };
    scope(|lanes| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            lanes.spawn(lane);
        }
    });
    let fault = fault.into_inner().unwrap_or_else(PoisonError::into_inner);
    fault.map_or(Ok(()), Err)
}
