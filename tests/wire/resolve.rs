//! Resolve.
