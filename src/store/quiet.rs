//! Letters that wait for the end of their readers' quiet hours, and the zones that letters may name.
//!
//! Owns both. Promises: a letter is put off only by whoever holds it, and each time is one line of history; a zone that any
//! program knew once stays known. Leaves the hours to `policy::quiet`, and the way back to [`super::promote`].

use sqlx::PgPool;
use time::OffsetDateTime;

use super::trouble;
use crate::{
    mail::{Aside, Quiet, Timestamp},
    policy::{Zone, waits::Cause},
    port::{Parked, StoreError},
};

/// Rows by the primary key; one whose claim was lost stays as it is.
pub(super) async fn postpone(
    pool: &PgPool,
    parked: &[Parked],
    now: Timestamp,
) -> Result<(), StoreError> {
    let postponed: Vec<(&Parked, &Quiet)> = parked.iter().filter_map(quiet).collect();
    if postponed.is_empty() {
        return Ok(());
    }
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (letter, quiet) in &postponed {
        columns.0.push(letter.id.0);
        columns.1.push(letter.shard.0);
        columns.2.push(letter.lease.0);
        columns.3.push(OffsetDateTime::from(quiet.until));
        columns.4.push(quiet.why.clone());
    }
    sqlx::query!(
        r#"
with moved as (
    update postrider.queue q set ready = false, lease_id = null, due_at = i.until, waits_for = $6
    from unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::timestamptz[], $5::text[]) as i (id, shard, lease, until, why)
    where q.letter_id = i.id and q.shard = i.shard and q.lease_id = i.lease
    returning q.letter_id, q.shard, i.until, i.why
)
insert into postrider.event (letter_id, shard, at, due, kind, text)
select letter_id, shard, $7, until, 'postponed', why from moved
"#,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4,
        Cause::QuietHours.name(),
        OffsetDateTime::from(now),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble(format!("postponing {} letters", postponed.len())))
}

fn quiet(parked: &Parked) -> Option<(&Parked, &Quiet)> {
    match &parked.aside {
        Aside::Quiet(quiet) => Some((parked, quiet)),
        Aside::Hold(_) => None,
    }
}

/// Adds the zones that this program knows and the database does not.
pub(super) async fn tell_zones(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into postrider.time_zone (name)
        select name from unnest($1::text[]) as z (name)
        where not exists (select from postrider.time_zone t where t.name = z.name) order by name
        on conflict do nothing"#,
        &Zone::names(),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble("telling the database the time zones"))
}
