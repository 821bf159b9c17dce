//! The talk with a receiver: greeting, TLS, login, then letters one after another on a warm connection.
//!
//! Owns [`Session`], the limits of what a receiver may say to us, and the line between "surely not arrived" and "nobody
//! knows" (see [`letter`]). Promises: any splitting of the byte stream gives the same talk; pipelined and stepwise
//! talks end alike; no content leaves before a recipient was accepted; memory per session is bounded whatever comes
//! in; every wait has its limit from [`Timeouts`]. [`guest`] is the other end of such a talk, for who listens. Leaves
//! sockets and DNS to `net`, the meaning of a reply to `bounce` and every decision to `policy`. Read [`session`] first,
//! then [`letter`].
//!
//! On `mail-send`: its [`mail_send::Credentials`] encode the answers of AUTH, and `smtp-proto`, its grammar, reads the
//! EHLO answer. Its reader, writer and STARTTLS stay out: the reader forgets whatever follows a reply in one packet
//! (so it can neither pipeline nor see injected bytes) and caps a reply by its text only; the writer makes many small
//! writes, does not stuff a dot that opens the message, and cannot tell whether the final dot left; STARTTLS knows
//! only TCP.

mod capabilities;
mod commands;
pub mod ending;
mod form;
pub mod guest;
mod inbox;
#[cfg(test)]
mod laws;
mod layer;
pub mod letter;
mod login;
pub mod session;
mod talk;
mod timeouts;

pub use capabilities::Capabilities;
pub use commands::Envelope;
pub use letter::Outcome;
pub use login::Login;
pub use session::{Hello, Session, Tls, Unopened};
pub use timeouts::Timeouts;
