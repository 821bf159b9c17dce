//! The end of waiting, and the end of leases.
//!
//! Owns the way of due letters into the ready part of the queue, and the taking over of letters whose lease ran out.
//! Promises: a leased letter is never made ready here, because its holder may have had it on the wire; a lease that
//! nobody renews leaves a `lease_expired` line in the history and is remembered until the letter is leased again. Does not
//! know why a letter waited, when a claim is forsaken (`engine::heir`), nor what becomes of one taken over (`policy`).

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::trouble;
use crate::{
    mail::{LetterId, Shard, Timestamp},
    port::{AdoptAsk, Claim, LeaseId, StoreError, Tenure},
};

/// The index `queue_due` gives the due rows in order; rows that another node promotes right now are skipped.
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

/// The index `queue_leased` gives the pairs in order, and holds leased letters only.
pub(super) async fn tenures(pool: &PgPool, max: u32) -> Result<Vec<Tenure>, StoreError> {
    let rows = sqlx::query!(
        r#"select q.lease_id as "lease!", q.due_at from postrider.queue q
        where q.lease_id is not null group by q.due_at, q.lease_id order by q.due_at, q.lease_id limit $1"#,
        i64::from(max),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("looking how claims stand"))?;
    let tenures = rows.into_iter().map(|row| Tenure {
        lease: LeaseId(row.lease),
        until: row.due_at.into(),
    });
    Ok(tenures.collect())
}

/// By the same index, a probe for each pair; a row that is renewed at this moment is skipped. The first holder's claim stays noted when a second one falls silent too: only the first spoke.
pub(super) async fn adopt(pool: &PgPool, ask: AdoptAsk) -> Result<Vec<Claim>, StoreError> {
    let forsaken = ask.forsaken.iter();
    let (ends, leases): (Vec<OffsetDateTime>, Vec<Uuid>) = forsaken
        .map(|tenure| (OffsetDateTime::from(tenure.until), tenure.lease.0))
        .unzip();
    let rows = sqlx::query!(
        r#"
with ended as materialized (
    select q.ctid as place from unnest($3::timestamptz[], $6::uuid[]) as f (due_at, lease_id)
    join postrider.queue q on q.lease_id is not null and q.due_at = f.due_at and q.lease_id = f.lease_id
    limit $5
    for update of q skip locked
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
        &ends,
        OffsetDateTime::from(ask.until),
        i64::from(ask.max),
        &leases,
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("taking over letters of forsaken leases"))?;
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
