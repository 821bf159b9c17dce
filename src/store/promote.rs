//! The end of waiting, and the end of leases.
//!
//! Owns the way of due letters into the ready part of the queue, and the taking over of letters whose lease ran out.
//! Promises: a leased letter is never made ready here, because its holder may have had it on the wire; a lease that ran
//! out leaves a `lease_expired` line in the history and is remembered until the letter is leased again. Does not know why
//! a letter waited, nor what becomes of one taken over: see `policy`.

use sqlx::PgPool;
use time::OffsetDateTime;

use super::trouble;
use crate::{
    mail::{LetterId, Shard, Timestamp},
    port::{AdoptAsk, Claim, StoreError},
};

/// The index `queue_waiting` gives the due rows in order; rows that another node promotes right now are skipped.
pub(super) async fn promote(pool: &PgPool, now: Timestamp, max: u32) -> Result<u64, StoreError> {
    let moved = sqlx::query_scalar!(
        r#"
with due as materialized (
    select q.ctid as place from postrider.queue q
    where not q.ready and q.lease_id is null and q.due_at <= $1
    order by q.due_at limit $2
    for update skip locked
),
moved as (
    update postrider.queue q set ready = true, hold = null from due where q.ctid = due.place returning 1
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

/// By the same index. The first holder's claim stays noted when a second one falls silent too: only the first spoke.
pub(super) async fn adopt(pool: &PgPool, ask: AdoptAsk) -> Result<Vec<Claim>, StoreError> {
    let rows = sqlx::query!(
        r#"
with ended as materialized (
    select q.ctid as place from postrider.queue q
    where not q.ready and q.lease_id is not null and q.due_at < $3
    order by q.due_at limit $5
    for update skip locked
),
adopted as (
    update postrider.queue q
    set lease_id = $1, due_at = $4, in_doubt_lease = coalesce(q.in_doubt_lease, q.lease_id)
    from ended where q.ctid = ended.place
    returning q.letter_id, q.shard, q.attempts
),
history as (
    insert into postrider.event (letter_id, shard, at, kind)
    select letter_id, shard, $2, 'lease_expired' from adopted
)
select letter_id, shard, attempts from adopted
"#,
        ask.lease.0,
        OffsetDateTime::from(ask.now),
        OffsetDateTime::from(ask.ended_before),
        OffsetDateTime::from(ask.until),
        i64::from(ask.max),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("taking over letters of expired leases"))?;
    let claim = |id, shard, attempts| Claim {
        lease: ask.lease,
        shard: Shard(shard),
        id: LetterId(id),
        attempts: u16::try_from(attempts).unwrap_or(0),
    };
    let claims = rows
        .into_iter()
        .map(|row| claim(row.letter_id, row.shard, row.attempts));
    Ok(claims.collect())
}
