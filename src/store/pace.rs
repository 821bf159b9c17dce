//! What nodes tell each other about pace.
//!
//! Owns the beat's transaction. Promises: beats are carried out one after another, under a lock of their own, so what a node
//! reads is what all have written; parts that are written down never overlap (`policy::share`); a beat that comes after a
//! later one of its node changes nothing. Read [`super::routes`] for what the operator sees.

use sqlx::{PgConnection, PgPool};
use time::{Date, Duration, OffsetDateTime, macros::date};
use uuid::Uuid;

use super::trouble;
use crate::{
    mail::{Phase, RouteKey, RouteState, Share, Timestamp},
    policy::share::{Written, divide},
    port::{
        StoreError,
        pace::{Beat, Heard, NodeId, RouteNews, Ticket},
    },
};

/// Whoever beats, or changes a route's state, holds this advisory lock until it commits: "pace" in ASCII.
pub(super) const LOCK: i64 = 0x7061_6365;

const EPOCH: Date = date!(1970 - 01 - 01);

pub(super) async fn beat(pool: &PgPool, beat: &Beat) -> Result<Heard, StoreError> {
    let failed = || trouble("telling the other nodes that this one lives");
    let mut tx = pool.begin().await.map_err(failed())?;
    let heard = in_turn(&mut tx, beat).await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    Ok(heard)
}

async fn in_turn(tx: &mut PgConnection, beat: &Beat) -> Result<Heard, sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
        .fetch_one(&mut *tx)
        .await?;
    give_up(tx, beat).await?;
    let nodes = nodes(tx).await?;
    let (mine, others): (Vec<Written>, Vec<Written>) =
        nodes.into_iter().partition(|row| row.node == beat.node);
    if mine.first().is_some_and(|row| row.number >= beat.number) {
        return Ok(Heard::default());
    }
    let steps = divide(beat, mine.first(), &others);
    let written: Vec<(&str, Share)> = steps
        .iter()
        .map(|(source, step)| (source.as_str(), step.written))
        .collect();
    write_node(tx, beat, &written).await?;
    write_counts(tx, beat).await?;
    for change in &beat.changes {
        write_state(tx, &change.route, Some(change.from), Some(&change.state)).await?;
    }
    let tickets = grant(tx, beat).await?;
    let (routes, known) = news(tx, beat.known).await?;
    Ok(Heard {
        shares: steps
            .into_iter()
            .map(|(source, step)| (source, step.used))
            .collect(),
        others: others.iter().map(|row| (row.node, row.number)).collect(),
        routes,
        known,
        tickets,
    })
}

/// A node in whose number nothing has moved since it was called silent; one that has beaten since stays.
async fn give_up(tx: &mut PgConnection, beat: &Beat) -> Result<(), sqlx::Error> {
    if beat.silent.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = beat.silent.iter().map(|(node, _)| node.0).collect();
    let numbers: Vec<i64> = beat
        .silent
        .iter()
        .map(|(_, number)| signed(*number))
        .collect();
    sqlx::query!(
        r#"delete from postrider.node n using unnest($1::uuid[], $2::bigint[]) as s (id, number)
        where n.id = s.id and n.number = s.number"#,
        &ids,
        &numbers,
    )
    .execute(tx)
    .await
    .map(|_| ())
}

async fn nodes(tx: &mut PgConnection) -> Result<Vec<Written>, sqlx::Error> {
    let rows = sqlx::query!(
        "select id, number, shares::text as \"shares!\" from postrider.node order by id"
    )
    .fetch_all(tx)
    .await?;
    let nodes = rows.into_iter().map(|row| Written {
        node: NodeId(row.id),
        number: unsigned(row.number),
        shares: shares(&row.shares),
    });
    Ok(nodes.collect())
}

/// What this program wrote itself; a row that cannot be read has no part, and its node none to give.
pub(super) fn shares(json: &str) -> Vec<(String, Share)> {
    let parts: std::collections::BTreeMap<String, (u32, u32)> =
        serde_json::from_str(json).unwrap_or_default();
    parts
        .into_iter()
        .map(|(source, (from, to))| (source, Share { from, to }))
        .collect()
}

async fn write_node(
    tx: &mut PgConnection,
    beat: &Beat,
    written: &[(&str, Share)],
) -> Result<(), sqlx::Error> {
    let parts: std::collections::BTreeMap<&str, (u32, u32)> = written
        .iter()
        .map(|(source, share)| (*source, (share.from, share.to)))
        .collect();
    let json = serde_json::to_string(&parts).unwrap_or_else(|_| "{}".to_owned());
    sqlx::query!(
        r#"insert into postrider.node (id, name, number, seen_at, shares) values ($1, $2, $3, $4, $5::text::jsonb)
        on conflict (id) do update set number = excluded.number, seen_at = excluded.seen_at, shares = excluded.shares"#,
        beat.node.0,
        beat.name,
        signed(beat.number),
        OffsetDateTime::from(beat.at),
        json,
    )
    .execute(tx)
    .await
    .map(|_| ())
}

async fn write_counts(tx: &mut PgConnection, beat: &Beat) -> Result<(), sqlx::Error> {
    if beat.counts.is_empty() {
        return Ok(());
    }
    let of = |count: fn(&crate::port::pace::DayCount) -> u32| -> Vec<i32> {
        beat.counts.iter().map(|row| small(count(row))).collect()
    };
    let sources: Vec<String> = beat
        .counts
        .iter()
        .map(|row| row.route.source.clone())
        .collect();
    let targets: Vec<String> = beat
        .counts
        .iter()
        .map(|row| row.route.target.clone())
        .collect();
    let days: Vec<Date> = beat.counts.iter().map(|row| date_of(row.day)).collect();
    sqlx::query!(
        r#"insert into postrider.route_day as d (source, target, day, attempted, accepted, deferred, blocked, strangers, spam)
        select * from unnest($1::text[], $2::text[], $3::date[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[])
        on conflict (source, target, day) do update set attempted = d.attempted + excluded.attempted,
            accepted = d.accepted + excluded.accepted, deferred = d.deferred + excluded.deferred,
            blocked = d.blocked + excluded.blocked, strangers = d.strangers + excluded.strangers, spam = d.spam + excluded.spam"#,
        &sources,
        &targets,
        &days,
        &of(|row| row.attempted),
        &of(|row| row.accepted),
        &of(|row| row.deferred),
        &of(|row| row.blocked),
        &of(|row| row.strangers),
        &of(|row| row.spam),
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Writes a state and its line of history; `from` is the version that it was made from, and another one in its place wins.
pub(super) async fn write_state(
    tx: &mut PgConnection,
    route: &RouteKey,
    from: Option<u64>,
    state: Option<&RouteState>,
) -> Result<(), sqlx::Error> {
    let number = |value: Option<u32>| value.map(small);
    let moment = |value: Option<Timestamp>| value.map(OffsetDateTime::from);
    let cause = state.map_or("", |state| state.cause.as_str());
    sqlx::query!(
        r#"
with written as (
    insert into postrider.route_state as s (source, target, version, phase, rate, ceiling, connections, until, quiet_until,
        steps, pauses, cause, changed_at, changed_by)
    select $1, $2, nextval('postrider.route_version'), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
    where $3::bigint is null or $3 = coalesce((select k.version from postrider.route_state k
        where k.source = $1 and k.target = $2), 0)
    on conflict (source, target) do update set version = excluded.version, phase = excluded.phase, rate = excluded.rate,
        ceiling = excluded.ceiling, connections = excluded.connections, until = excluded.until,
        quiet_until = excluded.quiet_until, steps = excluded.steps, pauses = excluded.pauses, cause = excluded.cause,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
    returning s.*
)
insert into postrider.route_change (version, source, target, at, phase, rate, connections, until, cause, changed_by)
select version, source, target, changed_at, phase, rate, connections, until, cause, changed_by from written
"#,
        route.source,
        route.target,
        from.map(signed),
        state.map(|state| state.phase.name()),
        number(state.and_then(|state| state.rate)),
        number(state.and_then(|state| state.ceiling)),
        number(state.and_then(|state| state.connections)),
        moment(state.and_then(|state| state.until)),
        moment(state.and_then(|state| state.quiet_until)),
        state.map_or(0, |state| tiny(state.steps)),
        state.map_or(0, |state| tiny(state.pauses)),
        cause,
        moment(state.map(|state| state.changed_at)).unwrap_or(OffsetDateTime::UNIX_EPOCH),
        state.map_or("", |state| state.by.as_str()),
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Gives out letters of daily limits; the row's lock keeps two nodes from the same letter.
async fn grant(tx: &mut PgConnection, beat: &Beat) -> Result<Vec<Ticket>, sqlx::Error> {
    let mut tickets = Vec::new();
    for ask in &beat.tickets {
        let count = sqlx::query_scalar!(
            r#"
with known as (
    select granted from postrider.route_day where source = $1 and target = $2 and day = $3
),
gives as (
    select least($5::int, greatest($4::int - coalesce((select granted from known), 0), 0)) as count
),
written as (
    insert into postrider.route_day as d (source, target, day, granted)
    select $1, $2, $3, count from gives where count > 0
    on conflict (source, target, day) do update set granted = d.granted + excluded.granted
)
select count as "count!" from gives
"#,
            ask.route.source,
            ask.route.target,
            date_of(ask.day),
            small(ask.limit),
            small(ask.want),
        )
        .fetch_one(&mut *tx)
        .await?;
        tickets.push(Ticket {
            route: ask.route.clone(),
            day: ask.day,
            count: u32::try_from(count).unwrap_or(0),
        });
    }
    Ok(tickets)
}

async fn news(tx: &mut PgConnection, known: u64) -> Result<(Vec<RouteNews>, u64), sqlx::Error> {
    let rows = sqlx::query!(
        r#"select source, target, version, phase, rate, ceiling, connections, until, quiet_until, steps, pauses, cause,
            changed_at, changed_by
        from postrider.route_state where version > $1 order by version"#,
        signed(known),
    )
    .fetch_all(tx)
    .await?;
    let known = rows.last().map_or(known, |row| unsigned(row.version));
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let news = rows.into_iter().map(|row| RouteNews {
        route: RouteKey {
            source: row.source,
            target: row.target,
        },
        version: unsigned(row.version),
        state: row
            .phase
            .as_deref()
            .and_then(Phase::parse)
            .map(|phase| RouteState {
                phase,
                rate: number(row.rate),
                ceiling: number(row.ceiling),
                connections: number(row.connections),
                until: row.until.map(Timestamp::from),
                quiet_until: row.quiet_until.map(Timestamp::from),
                steps: u16::try_from(row.steps).unwrap_or(0),
                pauses: u16::try_from(row.pauses).unwrap_or(0),
                cause: row.cause,
                changed_at: row.changed_at.into(),
                by: row.changed_by,
            }),
    });
    Ok((news.collect(), known))
}

pub(super) async fn leave(pool: &PgPool, node: NodeId) -> Result<(), StoreError> {
    sqlx::query!("delete from postrider.node where id = $1", node.0)
        .execute(pool)
        .await
        .map(|_| ())
        .map_err(trouble("taking leave of the other nodes"))
}

/// A day counted from 1970-01-01.
pub(super) fn day_of(date: Date) -> i32 {
    i32::try_from((date - EPOCH).whole_days()).unwrap_or(0)
}

pub(super) fn date_of(day: i32) -> Date {
    EPOCH
        .checked_add(Duration::days(i64::from(day)))
        .unwrap_or(EPOCH)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn tiny(number: u16) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}
