//! What becomes of letters: the one judge, retries, the last look before an attempt, the reach of a suppression.
//!
//! Owns every decision about a letter's fate. Promises: pure functions of their arguments, time and dice included, so a
//! verdict can be explained and repeated; no other room decides whether a letter is retried, finished or its reader
//! suppressed. Leaves the meaning of replies to `bounce` and the writing down to `store`.
//! Read [`mod@judge`] first, then [`stream`] and [`retry`].

pub mod brake;
pub mod gcra;
pub mod governor;
pub mod handoff;
pub mod hold;
pub mod judge;
pub mod proportion;
pub mod quiet;
pub mod retry;
pub mod shaping;
pub mod share;
pub mod stream;
pub mod suppress;
pub mod waits;
pub mod warmup;

pub use brake::Brakes;
pub use handoff::HandOff;
pub use hold::Holds;
pub use judge::{
    Case, judge,
    late::{LateCase, complaint_of, revise},
    told, unreadable,
};
pub use quiet::{QuietHours, Zone};
pub use retry::{Deferral, Retry, next_due};
pub use shaping::Shaping;
pub use stream::{StreamKind, StreamPolicy};
