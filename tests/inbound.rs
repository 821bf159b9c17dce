//! What comes back, on real PostgreSQL and real sockets: letters that the engine delivered, reports about them, strangers
//! who forge some, and a process that dies in between.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what went wrong by stopping"
)]

#[path = "inbound/bounces.rs"]
mod bounces;
#[path = "inbound/client.rs"]
mod client;
#[path = "inbound/complaints.rs"]
mod complaints;
#[path = "inbound/crash.rs"]
mod crash;
#[path = "promises/desk.rs"]
mod desk;
#[path = "inbound/doors.rs"]
mod doors;
#[path = "inbound/files.rs"]
mod files;
#[path = "inbound/house.rs"]
mod house;
#[path = "inbound/reports.rs"]
mod reports;
#[path = "support/mod.rs"]
mod support;
#[path = "inbound/unsubscribes.rs"]
mod unsubscribes;
#[path = "promises/world.rs"]
mod world;
