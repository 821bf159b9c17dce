//! What is happening right now.
//!
//! Owns two small statements for whoever looks again and again. Promises: a look reads the events of the time looked at by
//! their index, and nothing older. Leaves the queue to [`super::waiting`] and routes to [`super::routes`].

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, port::StoreError};

/// A point in the stream of transactions, to count from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

/// So many events of one kind at one provider since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The provider; `None` where nobody was spoken to.
    pub provider: Option<String>,
    /// The event's word.
    pub kind: String,
    /// Events.
    pub events: i64,
}

impl PgStore {
    /// Marks this moment: what later transactions write comes after it.
    pub async fn mark_now(&self) -> Result<Mark, StoreError> {
        sqlx::query_scalar!(r#"select pg_snapshot_xmax(pg_current_snapshot())::text as "mark!""#)
            .fetch_one(&self.calm)
            .await
            .map(Mark)
            .map_err(trouble("marking this moment"))
    }

    /// What transactions begun since a mark have written, by `event_feed`; `from` is a moment surely before the mark and chooses
    /// the days to read. Verdicts are written by transactions of milliseconds, so none is missed that matters.
    pub async fn outcomes_since(
        &self,
        mark: &Mark,
        from: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError> {
        sqlx::query_as!(
            Outcome,
            r#"select provider, kind, count(*) as "events!" from postrider.event
            where tx >= $1::text::xid8 and at >= $2 group by provider, kind order by provider nulls last, kind"#,
            mark.0,
            OffsetDateTime::from(from),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("counting what happens"))
    }
}
