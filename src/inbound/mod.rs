//! The doors for what comes back: bounces, complaints, unsubscribe letters.
//!
//! Owns an SMTP and LMTP listener and a Maildir pick-up. Promises: nothing is relayed, an address without a token of ours is
//! refused at `RCPT TO`, a mail is answered with 250 only when it is kept, and whatever a guest does, memory, time and the
//! number of guests are bounded. Does not read what it takes: `engine::feedback` does, later. Read `session` for the talk
//! and `token::Addresses` for who is let in.

mod budget;
mod command;
mod guests;
pub mod listen;
pub mod maildir;
mod session;
pub mod settings;

pub use listen::{Listener, converse, serve};
pub use maildir::Maildir;
pub use settings::{Protocol, Settings};

#[cfg(test)]
mod laws;
