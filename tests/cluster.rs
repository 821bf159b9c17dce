//! A private PostgreSQL, from its first start to every way in which its program can end.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

#[path = "cluster/databases.rs"]
mod databases;
#[path = "cluster/endings.rs"]
mod endings;
#[path = "cluster/keeper.rs"]
mod keeper;
#[path = "cluster/place.rs"]
mod place;
#[path = "cluster/refusals.rs"]
mod refusals;
#[path = "cluster/start.rs"]
mod start;
mod support;
