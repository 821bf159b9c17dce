//! How much memory all guests together may fill.
//!
//! Owns one counter. Promises: the sum of what is held never exceeds the bound; what a session held is free when it ends,
//! however it ends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bound and what is taken of it. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    taken: Arc<AtomicUsize>,
    max: usize,
}

/// What one session holds.
#[derive(Debug)]
pub(super) struct Hold {
    budget: Budget,
    octets: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self {
            taken: Arc::default(),
            max,
        }
    }

    /// Nothing yet.
    pub(super) fn hold(&self) -> Hold {
        Hold {
            budget: self.clone(),
            octets: 0,
        }
    }
}

impl Hold {
    /// Grows to so many octets in all, or stays as it is and says no.
    pub(super) fn grow(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(self.octets);
        let fits = |taken: usize| {
            let sum = taken.checked_add(more)?;
            (sum <= self.budget.max).then_some(sum)
        };
        let taken = &self.budget.taken;
        let granted = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        if granted.is_ok() {
            self.octets += more;
        }
        granted.is_ok()
    }

    /// Gives everything back.
    pub(super) fn release(&mut self) {
        self.budget.taken.fetch_sub(self.octets, Ordering::AcqRel);
        self.octets = 0;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_hold_together_is_bounded_and_comes_back() {
        let budget = Budget::new(100);
        let (mut one, mut two) = (budget.hold(), budget.hold());
        assert!(one.grow(60));
        assert!(!two.grow(41));
        assert!(two.grow(40));
        assert!(one.grow(60), "it holds that already");
        drop(one);
        assert!(two.grow(100));
        two.release();
        assert_eq!(budget.taken.load(Ordering::Acquire), 0);
        assert!(!two.grow(usize::MAX));
    }
}
