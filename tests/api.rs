//! The HTTP face over a real database: every status, every bad input, streams that are long, slow or cut.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod support;

#[path = "api/document.rs"]
mod document;
#[path = "api/entry.rs"]
mod entry;
#[path = "api/flaws.rs"]
mod flaws;
#[path = "api/house.rs"]
mod house;
#[path = "api/letters.rs"]
mod letters;
#[path = "api/reading.rs"]
mod reading;
#[path = "api/refusals.rs"]
mod refusals;
#[path = "api/sockets.rs"]
mod sockets;
#[path = "api/streams.rs"]
mod streams;
