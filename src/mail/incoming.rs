//! A mail that came to us: its envelope, its bytes, and what became of it.
//!
//! Owns plain values between the doors, the store and the feedback. Promises: bytes are kept as they came. What they say
//! is in [`super::report`].

use std::net::IpAddr;

use uuid::Uuid;

use super::Timestamp;

/// Names a mail that came in, for ever: a UUIDv7, so that ids sort by the time of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncomingId(pub Uuid);

impl std::fmt::Display for IncomingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

/// A mail at the moment of its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// When it was there as a whole.
    pub at: Timestamp,
    /// How it came.
    pub door: Door,
    /// Who brought it; nobody known where it was a file.
    pub remote: Option<IpAddr>,
    /// MAIL FROM, empty for the null sender of reports (RFC 5321 §4.5.5), and where nobody told.
    pub mail_from: String,
    /// The recipients taken, as spelt; none where nobody told.
    pub rcpt_to: Vec<String>,
    /// The message, dot-stuffing undone.
    pub raw: Vec<u8>,
}

/// How a mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Our listener, from anybody's mail server.
    Smtp,
    /// Our listener, from a mail server of ours (RFC 2033).
    Lmtp,
    /// A Maildir that another mail server fills.
    Maildir,
    /// `postrider inbound FILE`.
    Command,
}

/// What a mail changed, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// A letter became `bounced`, and its recipient may be suppressed.
    Bounced,
    /// A letter that was in doubt, or about to be sent again, turned out to be delivered.
    Delivered,
    /// An address is not written to any more in some scope; no letter changed its state.
    Suppressed,
    /// A line in a letter's history.
    Noted,
    /// An authenticated reporter hides whom it speaks of: counted, nothing else.
    Counted,
    /// The same mail had come before.
    Duplicate,
    /// It speaks of a letter that is not kept any more.
    NoLetter,
    /// It bears no token of ours and no reporter we know has signed it.
    Unproven,
    /// Written by a machine for a person: absence notes, receipts.
    Ignored,
    /// Nobody understands it.
    Unrecognised,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 4] = [Self::Smtp, Self::Lmtp, Self::Maildir, Self::Command];

    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Maildir => "maildir",
            Self::Command => "command",
        }
    }

    /// The door of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.name() == name)
    }
}

impl Effect {
    /// Every effect, the strongest first.
    pub const ALL: [Self; 10] = [
        Self::Bounced,
        Self::Delivered,
        Self::Suppressed,
        Self::Noted,
        Self::Counted,
        Self::Duplicate,
        Self::NoLetter,
        Self::Unproven,
        Self::Ignored,
        Self::Unrecognised,
    ];

    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Delivered => "delivered",
            Self::Suppressed => "suppressed",
            Self::Noted => "noted",
            Self::Counted => "counted",
            Self::Duplicate => "duplicate",
            Self::NoLetter => "no-letter",
            Self::Unproven => "unproven",
            Self::Ignored => "ignored",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// The effect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_and_effects_read_back_from_their_names() {
        for door in Door::ALL {
            assert_eq!(Door::parse(door.name()), Some(door));
        }
        for effect in Effect::ALL {
            assert_eq!(Effect::parse(effect.name()), Some(effect));
        }
    }
}
