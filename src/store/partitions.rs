//! What comes and goes by the calendar: the history's days, old letters, keys and texts.
//!
//! Owns retention. Promises: a letter that is not final is never purged, nor are the texts it needs. The engine's janitor
//! decides when to call.

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, port::StoreError};

impl PgStore {
    /// Makes the history's days from today to `days_ahead`; returns how many are new. Until a day is made, its events go
    /// to the default partition, and move when it is.
    pub async fn make_event_days(
        &self,
        now: Timestamp,
        days_ahead: u16,
    ) -> Result<i32, StoreError> {
        sqlx::query_scalar!(
            r#"select postrider.make_event_days($1, $2) as "made!""#,
            OffsetDateTime::from(now),
            i32::from(days_ahead),
        )
        .fetch_one(&self.calm)
        .await
        .map_err(trouble("making the partitions of the next days"))
    }

    /// Drops the history's days that ended before `before`; returns how many.
    pub async fn drop_event_days(&self, before: Timestamp) -> Result<i32, StoreError> {
        sqlx::query_scalar!(
            r#"select postrider.drop_event_days($1) as "dropped!""#,
            OffsetDateTime::from(before),
        )
        .fetch_one(&self.calm)
        .await
        .map_err(trouble("dropping the partitions of old days"))
    }

    /// Deletes up to `max` final letters enqueued before `before`. Ids begin with their time, so the primary key finds the
    /// oldest first; rows that somebody holds are left for the next time.
    pub async fn purge_letters(&self, before: Timestamp, max: u32) -> Result<u64, StoreError> {
        sqlx::query!(
            r#"delete from postrider.letter where ctid = any (array(
                select ctid from postrider.letter
                where id < (lpad(to_hex(floor(extract(epoch from $1::timestamptz) * 1000)::bigint), 12, '0')
                        || '00000000000000000000')::uuid
                    and state <> 'open'
                order by id limit $2 for update skip locked))"#,
            OffsetDateTime::from(before),
            i64::from(max),
        )
        .execute(&self.hot)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("purging old letters"))
    }

    /// Forgets idempotency keys taken before `before`, by the block-range index on their time.
    pub async fn purge_idempotency(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            "delete from postrider.idempotency where created_at < $1",
            OffsetDateTime::from(before),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("purging old idempotency keys"))
    }

    /// Deletes shared texts last used before `before` that no letter names any more. `before` must lie two days
    /// back at least: a younger text may be in use by a letter whose transaction is still open. Reads all letters: once a day.
    pub async fn purge_bodies(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            r#"delete from postrider.body b where b.last_used_on < ($1::timestamptz at time zone 'UTC')::date
                and not exists (select from postrider.letter l where l.body = b.hash)"#,
            OffsetDateTime::from(before),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("purging shared texts"))
    }
}
