//! The history: one letter's, and everybody's as a feed.
//!
//! Owns [`Cursor`]. Promises: a reader who goes on from its last cursor sees every event exactly once, also those of
//! transactions that commit late. Leaves the writing of events to enqueue, settle and promote.

use std::fmt;

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{
    mail::{Class, EnhancedCode, Event, EventKind, LetterId, Stage, Timestamp},
    port::StoreError,
};

/// A place in the feed; opaque to readers, who get it as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    transaction: u64,
    sequence: i64,
}

impl Cursor {
    /// Reads what `to_string` wrote; an empty text is the beginning.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let (transaction, sequence) = text.split_once('-')?;
        Some(Self {
            transaction: transaction.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction, self.sequence)
    }
}

/// One event of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Where to go on after this one.
    pub cursor: Cursor,
    /// Whose event it is.
    pub letter: LetterId,
    /// What happened.
    pub event: Event,
}

/// One line of a letter's history: the event, and how the attempt went where one was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// What happened.
    pub event: Event,
    /// The site.
    pub site: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The MX host spoken to.
    pub host: Option<String>,
    /// Its address.
    pub remote: Option<String>,
    /// The local source's name.
    pub source: Option<String>,
    /// TLS version and cipher, `None` in clear.
    pub tls: Option<String>,
    /// Composing and signing, in microseconds.
    pub prepare_us: Option<i32>,
    /// Talking, in microseconds.
    pub talk_us: Option<i32>,
    /// Size on the wire.
    pub size_bytes: Option<i32>,
}

/// The event's own columns.
#[derive(Debug)]
struct EventColumns {
    at: OffsetDateTime,
    kind: String,
    attempt: Option<i16>,
    stage: Option<String>,
    code: Option<i16>,
    enhanced: Option<String>,
    text: Option<String>,
    class: Option<String>,
    rule: Option<String>,
    due: Option<OffsetDateTime>,
}

/// The event in a row of any statement that reads these columns; each statement has a row type of its own.
macro_rules! event_of {
    ($row:ident) => {
        EventColumns {
            at: $row.at,
            kind: $row.kind,
            attempt: $row.attempt,
            stage: $row.stage,
            code: $row.code,
            enhanced: $row.enhanced,
            text: $row.text,
            class: $row.class,
            rule: $row.rule,
            due: $row.due,
        }
        .into_event()
    };
}

impl PgStore {
    /// Events after a cursor, oldest first, at most `max`.
    ///
    /// The index on `(tx, seq)` of each day gives them in order. An event shows once no transaction older than its own is
    /// open anywhere in the cluster, so one that is left open holds the feed back.
    pub async fn events_after(
        &self,
        after: Cursor,
        max: u32,
    ) -> Result<Vec<FeedEvent>, StoreError> {
        let rows = sqlx::query!(
            r#"select cursor as "cursor!", letter_id as "letter_id!", at as "at!", kind as "kind!", attempt, stage, code,
                enhanced, text, class, rule, due from postrider.feed($1, $2)"#,
            after.to_string(),
            i32::try_from(max).unwrap_or(i32::MAX),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading the feed of events"))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let event = event_of!(row)?;
                Some(FeedEvent {
                    cursor: Cursor::parse(&row.cursor)?,
                    letter: LetterId(row.letter_id),
                    event,
                })
            })
            .collect())
    }

    /// Everything that happened to a letter, oldest first, by the index `event_of_letter` of each day.
    pub async fn history(&self, id: LetterId) -> Result<Vec<HistoryLine>, StoreError> {
        let rows = sqlx::query!(
            r#"select at, kind, attempt, stage, code, enhanced, text, class, rule, due, site, provider, host, remote, source,
                tls, prepare_us, talk_us, size_bytes
            from postrider.event where letter_id = $1 order by at, tx, seq"#,
            id.0,
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble(format!("reading the history of letter {id}")))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let event = event_of!(row)?;
                Some(HistoryLine {
                    event,
                    site: row.site,
                    provider: row.provider,
                    host: row.host,
                    remote: row.remote,
                    source: row.source,
                    tls: row.tls,
                    prepare_us: row.prepare_us,
                    talk_us: row.talk_us,
                    size_bytes: row.size_bytes,
                })
            })
            .collect())
    }
}

impl EventColumns {
    /// `None` only for a kind that a newer program wrote.
    fn into_event(self) -> Option<Event> {
        Some(Event {
            at: Timestamp::from(self.at),
            kind: EventKind::parse(&self.kind)?,
            attempt: self.attempt.and_then(|n| u16::try_from(n).ok()),
            stage: self.stage.as_deref().and_then(Stage::parse),
            code: self.code.and_then(|n| u16::try_from(n).ok()),
            enhanced: self
                .enhanced
                .as_deref()
                .and_then(EnhancedCode::parse_prefix),
            text: self.text,
            class: self.class.as_deref().and_then(Class::parse),
            rule: self.rule,
            due: self.due.map(Timestamp::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_text() {
        for text in ["0-0", "7812-44"] {
            assert_eq!(Cursor::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Cursor::parse(""), Some(Cursor::default()));
        for text in ["-", "7812", "a-b", "-1-2", "1-2-3"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
