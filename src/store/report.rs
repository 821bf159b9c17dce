//! Counts for the analyst and for the demo's report.
//!
//! Owns the tallies. Promises: figures come from the history, so they agree with what `explain` shows. Leaves their
//! presentation to the faces.

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, port::StoreError};

/// How many events of one kind, class and provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The provider's name; `None` where no connection was tried.
    pub provider: Option<String>,
    /// The event's word: `delivered`, `bounced`, `deferred`, ...
    pub kind: String,
    /// The refusal's class.
    pub class: Option<String>,
    /// Events.
    pub events: i64,
    /// Letters they belong to.
    pub letters: i64,
}

impl PgStore {
    /// Events by provider, kind and class in a span of time; `from` and `until` choose the partitions to read.
    pub async fn tally_events(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Tally>, StoreError> {
        sqlx::query_as!(
            Tally,
            r#"select provider, kind, class, count(*) as "events!", count(distinct letter_id) as "letters!"
            from postrider.event where at >= $1 and at < $2
            group by provider, kind, class order by provider nulls last, kind, class nulls first"#,
            OffsetDateTime::from(from),
            OffsetDateTime::from(until),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("counting events"))
    }
}
