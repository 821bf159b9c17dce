//! Keeping claims alive and giving them back.
//!
//! Owns renewal and release. Promises: only a claim that is still ours is touched. Read [`super::lease`] first.

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::trouble;
use crate::{
    mail::{LetterId, Shard, Timestamp},
    port::{LeaseId, StoreError},
};

type Held = [(LeaseId, Shard, LetterId)];

/// By the primary key; a row that another transaction holds is waited for, because both want the same claim's end.
pub(super) async fn renew(
    pool: &PgPool,
    held: &Held,
    until: Timestamp,
) -> Result<Vec<LetterId>, StoreError> {
    let (ids, shards, leases) = columns(held);
    let ours = sqlx::query_scalar!(
        r#"update postrider.queue q set due_at = $4
        from unnest($1::uuid[], $2::smallint[], $3::uuid[]) as h (id, shard, lease)
        where q.letter_id = h.id and q.shard = h.shard and q.lease_id = h.lease
        returning q.letter_id"#,
        &ids,
        &shards,
        &leases,
        OffsetDateTime::from(until),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble(format!("renewing {} leases", held.len())))?;
    let ours: std::collections::HashSet<Uuid> = ours.into_iter().collect();
    Ok(held
        .iter()
        .map(|(_, _, id)| *id)
        .filter(|id| !ours.contains(&id.0))
        .collect())
}

/// By the primary key; attempts stay as they were, because none was made.
pub(super) async fn release(pool: &PgPool, held: &Held, now: Timestamp) -> Result<(), StoreError> {
    if held.is_empty() {
        return Ok(());
    }
    let (ids, shards, leases) = columns(held);
    sqlx::query!(
        r#"update postrider.queue q set ready = true, lease_id = null, due_at = $4
        from unnest($1::uuid[], $2::smallint[], $3::uuid[]) as h (id, shard, lease)
        where q.letter_id = h.id and q.shard = h.shard and q.lease_id = h.lease"#,
        &ids,
        &shards,
        &leases,
        OffsetDateTime::from(now),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble(format!("releasing {} leases", held.len())))
}

/// The index `queue_leased` holds leased letters only, and is read whole: those that are asked for belong to the dead, which
/// is rare.
pub(super) async fn release_leases(
    pool: &PgPool,
    leases: &[LeaseId],
    now: Timestamp,
) -> Result<u64, StoreError> {
    if leases.is_empty() {
        return Ok(0);
    }
    let leases: Vec<Uuid> = leases.iter().map(|lease| lease.0).collect();
    sqlx::query!(
        r#"update postrider.queue q set ready = true, lease_id = null, due_at = $2
        where q.lease_id = any($1)"#,
        &leases,
        OffsetDateTime::from(now),
    )
    .execute(pool)
    .await
    .map(|done| done.rows_affected())
    .map_err(trouble(format!("releasing {} whole leases", leases.len())))
}

fn columns(held: &Held) -> (Vec<Uuid>, Vec<i16>, Vec<Uuid>) {
    let ids = held.iter().map(|(_, _, id)| id.0).collect();
    let shards = held.iter().map(|(_, shard, _)| shard.0).collect();
    let leases = held.iter().map(|(lease, _, _)| lease.0).collect();
    (ids, shards, leases)
}
