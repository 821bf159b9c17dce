//! The talk with receivers and the questions to DNS, over real sockets.
//!
//! Owns a scripted receiver, a name server of some twenty records, and the cases. Promises: nothing here leaves the
//! loopback interface, and nothing sleeps to wait for a result; silence is met with limits of some tens of milliseconds.

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
