//! Who stands beside a provider and sees what it does, letter by letter.
//!
//! Owns the trait. Promises nothing: a witness only looks. Counters are `tally`'s.

use super::{dialect::Saying, tally::Envelope, verify::Finding};

/// A letter taken into a mailbox.
pub(super) struct Taken<'a> {
    /// The name under which it was taken; the reply to its final dot says it too.
    pub(super) queue_id: &'a str,
    pub(super) envelope: &'a Envelope,
    pub(super) raw: &'a [u8],
    /// What the inspection found, if there was one.
    pub(super) findings: &'a [(Finding, String)],
}

/// Sees what a provider does.
pub(super) trait Witness: Send + Sync {
    /// A letter lies in its mailbox, whether its sender will be told or not.
    fn took(&self, taken: &Taken<'_>);

    /// A letter was refused.
    fn refused(&self, envelope: &Envelope, saying: &Saying);
}

/// Nobody looks.
impl Witness for () {
    fn took(&self, _: &Taken<'_>) {}

    fn refused(&self, _: &Envelope, _: &Saying) {}
}
