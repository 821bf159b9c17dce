//! The engine.
mod janitor;
mod keeper;
pub mod ledger;
mod settler;
