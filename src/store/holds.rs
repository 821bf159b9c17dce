//! Holds and the letters that wait under them.
//!
//! Owns the table of holds and the way of letters in and out of them. Promises: a letter is parked only under a hold that is
//! in force at that moment, so none stays behind when it is lifted; parking and letting go leave a line of history each; a
//! parked letter whose validity ends comes back by [`super::promote`] and is judged. Leaves the question which letters
//! are meant to `policy::hold`, walks over the whole queue to [`super::sweep`].

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PgStore, trouble};
use crate::{
    mail::{Aside, Hold, HoldId, HoldOn, Timestamp},
    port::{Parked, StoreError},
};

/// A parked letter without an end of validity is due then: after everybody's time.
pub(super) const FAR: OffsetDateTime = time::macros::datetime!(9999-01-01 0:00 UTC);

/// A hold as people look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldView {
    /// The hold.
    pub hold: Hold,
    /// When it was lifted, and by whom.
    pub released: Option<(Timestamp, String)>,
    /// Letters that wait under it.
    pub letters: i64,
}

/// What became of a wish to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Laid {
    /// It is in force.
    New(HoldId),
    /// The same was held already, by this hold.
    Before(HoldId),
}

pub(super) async fn in_force(pool: &PgPool) -> Result<Vec<Hold>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, kind, value, author, reason, since from postrider.hold where released_at is null order by id"#
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("reading which letters are held"))?;
    // A kind that only a newer program knows is that program's to keep.
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Hold {
                id: HoldId(row.id),
                on: HoldOn::parse(&row.kind, &row.value)?,
                author: row.author,
                reason: row.reason,
                since: row.since.into(),
            })
        })
        .collect())
}

/// `live` locks the holds against being lifted while letters go under them: the lifting waits, and lets these go too. A letter
/// whose hold was lifted meanwhile goes back as it came.
pub(super) async fn park(
    pool: &PgPool,
    parked: &[Parked],
    now: Timestamp,
) -> Result<(), StoreError> {
    let held: Vec<(&Parked, HoldId)> = parked.iter().filter_map(held).collect();
    if held.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = held.iter().map(|(one, _)| one.id.0).collect();
    let shards: Vec<i16> = held.iter().map(|(one, _)| one.shard.0).collect();
    let leases: Vec<Uuid> = held.iter().map(|(one, _)| one.lease.0).collect();
    let holds: Vec<i32> = held.iter().map(|(_, hold)| hold.0).collect();
    sqlx::query!(
        r#"
with input as materialized (
    select * from unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::int[]) as i (id, shard, lease, hold)
),
live as materialized (
    select h.id, concat_ws(' ', split_part(h.kind, '-', 1), nullif(h.value, '')) || ' is held by ' || h.author || ': ' || h.reason as words
    from postrider.hold h where h.id = any ($4) and h.released_at is null for share
),
meant as materialized (
    select i.*, l.words from input i left join live l on l.id = i.hold
),
moved as (
    update postrider.queue q set ready = m.words is null, lease_id = null,
        hold = case when m.words is not null then m.hold end,
        due_at = case when m.words is null then $5 else coalesce(
            (select l.valid_until from postrider.letter l where l.id = m.id and l.shard = m.shard), $6) end
    from meant m where q.letter_id = m.id and q.shard = m.shard and q.lease_id = m.lease
    returning q.letter_id, q.shard, m.words
)
insert into postrider.event (letter_id, shard, at, kind, text)
select letter_id, shard, $5, 'held', words from moved where words is not null
"#,
        &ids,
        &shards,
        &leases,
        &holds,
        OffsetDateTime::from(now),
        FAR,
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble(format!("holding {} letters", ids.len())))
}

const fn held(parked: &Parked) -> Option<(&Parked, HoldId)> {
    match parked.aside {
        Aside::Hold(hold) => Some((parked, hold)),
        Aside::Quiet(_) => None,
    }
}

/// Letters by the index `queue_held`, hold after hold; those that another node lets go right now are skipped.
pub(super) async fn let_go(pool: &PgPool, now: Timestamp, max: u32) -> Result<u64, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"
with lifted as materialized (
    select h.id from postrider.hold h where h.released_at is not null
        and exists (select 1 from postrider.queue q where q.hold = h.id)
),
found as materialized (
    select q.ctid as place from lifted,
    lateral (select q.ctid from postrider.queue q where q.hold = lifted.id order by q.letter_id limit $2
        for update skip locked) as q
    limit $2
),
moved as (
    update postrider.queue q set ready = true, hold = null, due_at = $1 from found where q.ctid = found.place
    returning q.letter_id, q.shard
),
history as (
    insert into postrider.event (letter_id, shard, at, kind) select letter_id, shard, $1, 'released' from moved
)
select count(*) as "gone!" from moved
"#,
        OffsetDateTime::from(now),
        i64::from(max),
    )
    .fetch_one(pool)
    .await
    .map_err(trouble("letting held letters go"))?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

impl PgStore {
    /// Lays a hold. Letters already on the wire go on; every node learns of it within half a second.
    pub async fn lay(
        &self,
        on: &HoldOn,
        author: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Laid, StoreError> {
        let doing = || trouble(format!("holding {} {}", on.kind(), on.value()));
        let new = sqlx::query_scalar!(
            r#"insert into postrider.hold (kind, value, author, reason, since) select $1, $2, $3, $4, $5
            where not exists (select 1 from postrider.hold where kind = $1 and value = $2 and released_at is null)
            on conflict (kind, value) where released_at is null do nothing returning id"#,
            on.kind(),
            &*on.value(),
            author,
            reason,
            OffsetDateTime::from(now),
        )
        .fetch_optional(&self.calm)
        .await
        .map_err(doing())?;
        if let Some(id) = new {
            return Ok(Laid::New(HoldId(id)));
        }
        let before = sqlx::query_scalar!(
            "select id from postrider.hold where kind = $1 and value = $2 order by released_at nulls first, id desc limit 1",
            on.kind(),
            &*on.value(),
        )
        .fetch_one(&self.calm)
        .await
        .map_err(doing())?;
        Ok(Laid::Before(HoldId(before)))
    }

    /// Lifts holds; brakes count anew for what was held at one provider. Letters under them go by [`PgStore::let_go`], which every node calls too. Returns those that were in force.
    pub async fn lift(
        &self,
        ids: &[HoldId],
        author: &str,
        now: Timestamp,
    ) -> Result<Vec<HoldId>, StoreError> {
        let ids: Vec<i32> = ids.iter().map(|id| id.0).collect();
        let lifted = sqlx::query_scalar!(
            r#"
with lifted as (
    update postrider.hold set released_at = $2, released_by = $3
    where id = any ($1) and released_at is null returning id, kind, value
),
anew as (
    delete from postrider.brake_count c using lifted l where c.kind = l.kind and c.value = l.value
)
select id as "id!" from lifted
"#,
            &ids,
            OffsetDateTime::from(now),
            author,
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("lifting holds"))?;
        Ok(lifted.into_iter().map(HoldId).collect())
    }

    /// Lets some letters of lifted holds go; returns how many. None are left when it returns 0.
    pub async fn let_go(&self, now: Timestamp, max: u32) -> Result<u64, StoreError> {
        let_go(&self.calm, now, max).await
    }

    /// Holds with the letters under them, those in force first; `past` with those that were lifted.
    pub async fn holds(&self, past: bool, max: u32) -> Result<Vec<HoldView>, StoreError> {
        let rows = sqlx::query!(
            r#"select h.id, h.kind, h.value, h.author, h.reason, h.since, h.released_at, h.released_by,
                (select count(*) from postrider.queue q where q.hold = h.id) as "letters!"
            from postrider.hold h where $1 or h.released_at is null
            order by h.released_at desc nulls first, h.id desc limit $2"#,
            past,
            i64::from(max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing holds"))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let hold = Hold {
                    id: HoldId(row.id),
                    on: HoldOn::parse(&row.kind, &row.value)?,
                    author: row.author,
                    reason: row.reason,
                    since: row.since.into(),
                };
                Some(HoldView {
                    hold,
                    released: row.released_at.map(Timestamp::from).zip(row.released_by),
                    letters: row.letters,
                })
            })
            .collect())
    }
}
