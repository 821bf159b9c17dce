//! Bringing letters back into the ready part of the queue.
//!
//! Owns the end of waiting and of leases. Promises: a lease that ran out leaves a `lease_expired` line in the history.
//! Does not know why a letter waited.

use sqlx::PgPool;
use time::OffsetDateTime;

use super::trouble;
use crate::{mail::Timestamp, port::StoreError};

/// The index `queue_waiting` gives the due rows in order; rows that another node promotes right now are skipped.
pub(super) async fn promote(pool: &PgPool, now: Timestamp, max: u32) -> Result<u64, StoreError> {
    let moved = sqlx::query_scalar!(
        r#"
with due as materialized (
    select q.ctid as place, q.lease_id from postrider.queue q
    where not q.ready and q.due_at <= $1
    order by q.due_at limit $2
    for update skip locked
),
moved as (
    update postrider.queue q set ready = true, lease_id = null
    from due where q.ctid = due.place
    returning q.letter_id, q.shard, due.lease_id
),
history as (
    insert into postrider.event (letter_id, shard, at, kind)
    select letter_id, shard, $1, 'lease_expired' from moved where lease_id is not null
)
select count(*) as "moved!" from moved
"#,
        OffsetDateTime::from(now),
        i64::from(max),
    )
    .fetch_one(pool)
    .await
    .map_err(trouble("promoting letters whose time has come"))?;
    Ok(u64::try_from(moved).unwrap_or(0))
}
