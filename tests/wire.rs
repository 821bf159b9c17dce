//! The talk with receivers and the questions to DNS, over real sockets.
//!
//! Owns a scripted receiver, a name server of some twenty records, and the cases. Promises: nothing here leaves the
//! loopback interface, and nothing sleeps to wait for a result; silence is met with limits of some tens of milliseconds.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test as loudly as the test itself"
)]

#[path = "wire/dial.rs"]
mod dial;
#[path = "wire/letters.rs"]
mod letters;
#[path = "wire/names.rs"]
mod names;
#[path = "wire/receiver.rs"]
mod receiver;
#[path = "wire/resolve.rs"]
mod resolve;
#[path = "wire/speed.rs"]
mod speed;
#[path = "wire/talk.rs"]
mod talk;
#[path = "wire/tls.rs"]
mod tls;
#[path = "wire/trouble.rs"]
mod trouble;
