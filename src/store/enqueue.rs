//! The program's door into the queue; the path behind it is `postrider.enqueue_at`, the same as for SQL callers.
//!
//! Owns [`Answer`]. Promises: answers come in the order of the letters, and a letter that cannot be read is an answer, not
//! an error. Leaves every rule to `migrations/0004_enqueue.sql`.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{PgStore, trouble};
use crate::{
    mail::{LetterId, Timestamp},
    port::StoreError,
};

/// What became of one letter (docs/letter.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The letter exists.
    Accepted(LetterId),
    /// This key and this content were accepted before, as that letter.
    Duplicate(LetterId),
    /// This key was accepted before with other content, as that letter.
    Conflict {
        /// That letter.
        id: LetterId,
        /// The words for the caller.
        why: String,
    },
    /// The recipient is not written to; nothing was stored.
    Suppressed {
        /// The reason's word.
        reason: String,
        /// The scope's word.
        scope: String,
    },
    /// Nothing was stored.
    Invalid {
        /// Which field; empty for the letter as a whole.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Debug)]
struct AnswerRow {
    status: Option<String>,
    id: Option<Uuid>,
    reason: Option<String>,
    scope: Option<String>,
    field: Option<String>,
    why: Option<String>,
}

impl PgStore {
    /// Enqueues letters given as JSON texts, in one transaction; `size_max_bytes` limits each of them.
    ///
    /// Rows are only inserted, so callers do not wait for each other, except two with the same idempotency key and two
    /// that bring the same shared text for the first time.
    pub async fn enqueue(
        &self,
        letters: &[String],
        size_max_bytes: u32,
        now: Timestamp,
    ) -> Result<Vec<Answer>, StoreError> {
        let rows = sqlx::query_as!(
            AnswerRow,
            "select status, id, reason, scope, field, why from postrider.enqueue_texts($1, $2, $3)",
            letters,
            OffsetDateTime::from(now),
            i32::try_from(size_max_bytes).unwrap_or(i32::MAX),
        )
        .fetch_all(&self.hot)
        .await
        .map_err(trouble(format!("enqueueing {} letters", letters.len())))?;
        Ok(rows.into_iter().map(Answer::from).collect())
    }
}

impl From<AnswerRow> for Answer {
    fn from(row: AnswerRow) -> Self {
        let text = Option::unwrap_or_default;
        match (row.status.as_deref(), row.id.map(LetterId)) {
            (Some("accepted"), Some(id)) => Self::Accepted(id),
            (Some("duplicate"), Some(id)) => Self::Duplicate(id),
            (Some("conflict"), Some(id)) => Self::Conflict {
                id,
                why: text(row.why),
            },
            (Some("suppressed"), _) => Self::Suppressed {
                reason: text(row.reason),
                scope: text(row.scope),
            },
            _ => Self::Invalid {
                field: text(row.field),
                why: text(row.why),
            },
        }
    }
}
