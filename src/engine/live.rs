//! What the operator may change while letters are on the way.
//!
//! Owns the exchange. Promises: whoever asks gets the whole of one version; an exchange waits for nobody.

use std::sync::{Arc, PoisonError, RwLock};

/// The version in force.
#[derive(Debug)]
pub struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    /// The first version.
    pub fn new(first: T) -> Self {
        Self(RwLock::new(Arc::new(first)))
    }

    /// The version in force at this moment.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another version in force.
    pub fn replace(&self, next: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl<T> From<T> for Live<T> {
    fn from(first: T) -> Self {
        Self::new(first)
    }
}
