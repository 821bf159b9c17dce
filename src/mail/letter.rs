//! The letter: one message to one recipient, the unit of the queue, with one final state.

use std::fmt;

use uuid::Uuid;

use super::{Address, Shard, Timestamp};

/// Names a letter for ever: a UUIDv7, so that ids sort by the time of enqueue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub Uuid);

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Where a letter stands. The final states are exclusive, and each has exactly one terminal event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waiting: for its turn, for `send_at`, or for a retry.
    Queued,
    /// Claimed by a worker for a limited time.
    Leased,
    /// The receiver took responsibility (250 after the final dot).
    Delivered,
    /// Refused for good, live or by a later report.
    Bounced,
    /// Given up: too old, or no longer worth sending.
    Expired,
    /// Not sent, because the recipient is suppressed.
    Suppressed,
    /// Withdrawn by its sender before it left.
    Cancelled,
    /// Cannot be composed.
    Failed,
    /// The wire or the process died between the final dot and the reply: nobody knows.
    InDoubt,
}

impl State {
    /// Every state, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Leased,
        Self::Delivered,
        Self::Bounced,
        Self::Expired,
        Self::Suppressed,
        Self::Cancelled,
        Self::Failed,
        Self::InDoubt,
    ];

    /// The word used in SQL, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the letter has left the queue.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Leased)
    }
}

/// What to do with a letter that may or may not have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InDoubt {
    /// Send again: a second copy is better than none.
    Retry,
    /// Leave it `in_doubt`: no copy is better than two.
    Hold,
}

/// A display name and an address, as `From` and `Reply-To` show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The address.
    pub address: Address,
    /// The display name, in any script.
    pub name: Option<String>,
}

/// The reader of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Where to.
    pub mailbox: Mailbox,
    /// BCP 47 language tag such as `ru` or `en-GB`; chooses the template's folder.
    pub locale: Option<String>,
    /// IANA time zone such as `Asia/Yekaterinburg`.
    pub time_zone: Option<String>,
}

/// A file that travels with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// File name shown to the reader.
    pub name: String,
    /// MIME type such as `application/pdf`.
    pub media_type: String,
    /// Content-ID without brackets, for an inline image; `None` is an attachment.
    pub content_id: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What the letter says, in one of three forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A template and the values for it, a JSON object in text form.
    Template {
        /// Folder name under `templates/`.
        name: String,
        /// The variables, as JSON text.
        variables: String,
        /// Files that travel along.
        parts: Vec<Part>,
    },
    /// Ready texts.
    Texts {
        /// The subject, in any script.
        subject: String,
        /// The plain text part; derived from `html` when absent.
        text: Option<String>,
        /// The HTML part.
        html: Option<String>,
        /// Files that travel along.
        parts: Vec<Part>,
    },
    /// A whole RFC 5322 message; single-instance headers in it are replaced by ours.
    Raw(Vec<u8>),
}

/// One message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its name.
    pub id: LetterId,
    /// Where its rows live.
    pub shard: Shard,
    /// Kind of mail, with its own policy.
    pub stream: String,
    /// Label that groups letters for reports and brakes.
    pub campaign: Option<String>,
    /// To whom.
    pub to: Recipient,
    /// The visible author; its domain signs.
    pub from: Mailbox,
    /// Where answers go.
    pub reply_to: Option<Mailbox>,
    /// What it says.
    pub content: Content,
    /// The caller's own labels.
    pub tags: Vec<String>,
    /// When it was enqueued.
    pub enqueued_at: Timestamp,
    /// Not to leave before this; its age counts from here.
    pub send_at: Option<Timestamp>,
    /// Not worth sending after this.
    pub valid_until: Option<Timestamp>,
}

impl Letter {
    /// How much of it lies in memory, near enough for a bound.
    pub fn octets(&self) -> usize {
        let parts = |parts: &[Part]| parts.iter().map(|part| part.bytes.len()).sum::<usize>();
        match &self.content {
            Content::Template {
                variables,
                parts: files,
                ..
            } => variables.len() + parts(files),
            Content::Texts {
                text,
                html,
                parts: files,
                ..
            } => {
                let texts = [text, html].into_iter().flatten().map(String::len);
                texts.sum::<usize>() + parts(files)
            }
            Content::Raw(raw) => raw.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
        }
    }

    #[test]
    fn only_waiting_states_are_not_final() {
        let waiting: Vec<_> = State::ALL
            .into_iter()
            .filter(|state| !state.is_final())
            .collect();
        assert_eq!(waiting, [State::Queued, State::Leased]);
    }
}
