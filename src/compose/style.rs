//! What a stream of mail asks of its headers.
//!
//! Owns [`Style`] and the three usual ones. Leaves the writing to `headers`; `docs/headers.md` shows the table.

use std::fmt;

use crate::mail::Domain;

/// What a stream asks of its headers.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one header that an operator switches on its own"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The stream's name, as in [`crate::mail::Letter::stream`].
    pub stream: String,
    /// `List-Unsubscribe` with one-click (RFC 2369, RFC 8058).
    pub unsubscribe: bool,
    /// `List-Id` (RFC 2919): Yandex groups its statistics by it.
    pub list: Option<List>,
    /// `Precedence: bulk`, which quiets auto-responders.
    pub precedence_bulk: bool,
    /// `Auto-Submitted: auto-generated` (RFC 3834) and Exchange's `X-Auto-Response-Suppress`.
    pub auto_submitted: bool,
    /// `CFBL-Address` and `CFBL-Feedback-ID` (RFC 9477), where the feedback domain aligns with From.
    pub cfbl: bool,
    /// The word for `X-Postmaster-Msgtype` and the third field of Feedback-ID; the template's name, or else the
    /// stream's, when `None`.
    pub mail_type: Option<String>,
}

/// A mailing list in the sense of RFC 2919.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What people read.
    pub title: Option<String>,
    /// `stream.list.example.com`.
    pub id: Domain,
}

/// Why a stream name cannot name a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadListName(String);

impl fmt::Display for BadListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a list id that RFC 2919 allows", self.0)
    }
}

impl std::error::Error for BadListName {}

impl List {
    /// The list of a stream under a domain of ours: stream `weekly_digest` under `list.example.com` is
    /// `weekly-digest.list.example.com`.
    pub fn new(title: Option<&str>, stream: &str, under: &Domain) -> Result<Self, BadListName> {
        let id = format!("{}.{under}", stream.replace('_', "-"));
        Ok(Self {
            title: title.map(str::to_owned),
            id: Domain::parse(&id).map_err(|_| BadListName(id))?,
        })
    }
}

impl Style {
    /// Letters that a person waits for: password resets, receipts.
    pub fn transactional(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            unsubscribe: false,
            list: None,
            precedence_bulk: false,
            auto_submitted: true,
            cfbl: false,
            mail_type: None,
        }
    }

    /// Letters that an event causes: a new order in a watched category.
    pub fn trigger(stream: impl Into<String>, list: List) -> Self {
        Self {
            auto_submitted: true,
            ..Self::marketing(stream, list)
        }
    }

    /// Letters that we decide to send: digests, news.
    pub fn marketing(stream: impl Into<String>, list: List) -> Self {
        Self {
            stream: stream.into(),
            unsubscribe: true,
            list: Some(list),
            precedence_bulk: true,
            auto_submitted: false,
            cfbl: true,
            mail_type: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_names_its_list() {
        let under = Domain::parse("list.example.com").unwrap();
        let list = List::new(Some("Дайджест"), "weekly_digest", &under).unwrap();
        assert_eq!(list.id.as_str(), "weekly-digest.list.example.com");
        assert_eq!(
            List::new(None, "a b", &under).unwrap_err().to_string(),
            "a b.list.example.com is not a list id that RFC 2919 allows"
        );
    }
}
