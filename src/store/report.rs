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

/// How many letters are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateTally {
    /// The state's word.
    pub state: String,
    /// Letters in it.
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

    /// Letters by state; reads all letters.
    pub async fn tally_states(&self) -> Result<Vec<StateTally>, StoreError> {
        sqlx::query_as!(
            StateTally,
            r#"select case when l.state <> 'open' then l.state when q.lease_id is null then 'queued' else 'leased' end
                as "state!", count(*) as "letters!"
            from postrider.letter l
            left join postrider.queue q on q.letter_id = l.id and q.shard = l.shard
            group by 1 order by 1"#
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("counting letters by state"))
    }
}
