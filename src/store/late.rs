//! Writing what late words change.
//!
//! Owns the settling of reports, complaints and unsubscribes. Promises: the note that a word was heard, the letter's new
//! state, its event and the suppression are one transaction; the same word is heard once; a letter that has moved since it
//! was judged stays as it is. Leaves the verdict to `policy`, proofs to `engine::feedback`.

use sqlx::{PgPool, Postgres, Transaction};
use time::OffsetDateTime;

use super::{columns::storable, trouble};
use crate::{
    mail::{Address, LetterId, Shard, State, Suppression},
    port::{
        StoreError,
        inbound::{LateSettlement, Settled, Standing},
    },
};

/// A letter and where it stands, by the primary keys.
pub(super) async fn standing(
    pool: &PgPool,
    id: LetterId,
    shard: Shard,
) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query!(
        r#"select l.to_address, l.stream, l.state, q.lease_id as "lease_id?"
        from postrider.letter l left join postrider.queue q on q.letter_id = l.id and q.shard = l.shard
        where l.id = $1 and l.shard = $2"#,
        id.0,
        shard.0,
    )
    .fetch_optional(pool)
    .await
    .map_err(trouble(format!("looking where letter {id} stands")))?;
    Ok(row.and_then(|row| {
        let waits = match row.lease_id {
            None => State::Queued,
            Some(_) => State::Leased,
        };
        Some(Standing {
            recipient: Address::parse(&row.to_address).ok()?,
            stream: row.stream,
            state: State::parse(&row.state).unwrap_or(waits),
        })
    }))
}

/// Writes one late word in one transaction.
pub(super) async fn settle(
    pool: &PgPool,
    settlement: &LateSettlement,
) -> Result<Settled, StoreError> {
    let doing = || {
        trouble(format!(
            "settling a late word about letter {}",
            settlement.id
        ))
    };
    let mut tx = pool.begin().await.map_err(doing())?;
    let heard = write(&mut tx, settlement).await.map_err(doing())?;
    let settled = match (heard, settlement.revision.state) {
        (Heard { fresh: false, .. }, _) => Settled::Heard,
        (Heard { moved: false, .. }, Some(_)) => Settled::Moved,
        _ => Settled::Done,
    };
    if settled != Settled::Done {
        tx.rollback().await.map_err(doing())?;
        return Ok(settled);
    }
    if let Some(entry) = &settlement.revision.suppress {
        ban(&mut tx, entry).await.map_err(doing())?;
    }
    tx.commit().await.map_err(doing())?;
    Ok(settled)
}

struct Heard {
    fresh: bool,
    moved: bool,
}

/// `warmed` adds a complaint to the day of the route that the letter took, and `accounted` adds what brakes look at; words about letters from before a release are not held against what came after it.
///
/// Everything hangs on `known`: a word heard before changes nothing. A queued letter leaves the queue first, which is the
/// order in which verdicts lock rows too; one that a worker holds stays, and is judged again when it is back. What was
/// written for a letter that has moved is rolled back by the caller.
async fn write(
    tx: &mut Transaction<'_, Postgres>,
    settlement: &LateSettlement,
) -> Result<Heard, sqlx::Error> {
    let (event, revision) = (&settlement.revision.event, &settlement.revision);
    let stood = match settlement.stood {
        State::Queued | State::Leased => "open",
        state => state.name(),
    };
    let row = sqlx::query!(
        r#"
with known as (
    insert into postrider.late_word (letter_id, shard, kind, hash, at) values ($1, $2, $3, $4, $5)
    on conflict do nothing returning letter_id, shard
),
gone as (
    delete from postrider.queue q using known k
    where $6::text is not null and $7 = 'open' and q.letter_id = k.letter_id and q.shard = k.shard and q.lease_id is null
    returning q.letter_id
),
moved as (
    update postrider.letter l set state = $6, finished_at = $5, in_doubt_lease = null from known k
    where $6 is not null and l.id = k.letter_id and l.shard = k.shard and l.state = $7
        and ($7 <> 'open' or exists (select from gone))
    returning l.id
),
history as (
    insert into postrider.event (letter_id, shard, at, kind, code, enhanced, text, class, rule)
    select letter_id, shard, $5, $8, $9, $10, $11, $12, $13 from known
),
meant as materialized (
    select case when l.campaign is null then 'stream' else 'campaign' end || '-at-provider' as kind,
        coalesce(l.campaign, l.stream) || ' at ' || e.provider as value, l.finished_at, e.provider, e.source, e.site
    from known k join postrider.letter l on l.id = k.letter_id and l.shard = k.shard,
    lateral (select e.provider, e.source, e.site from postrider.event e
        where e.letter_id = l.id and e.at >= l.enqueued_at and e.provider is not null order by e.at desc limit 1) as e
    where $8 in ('complained', 'bounced') or ($8 = 'delivered' and $7 <> 'delivered')
),
warmed as (
    insert into postrider.route_day as d (source, target, day, complaints)
    select source, case provider when 'other' then site else provider end, ($5::timestamptz at time zone 'UTC')::date, 1
    from meant where $8 = 'complained' and source is not null
    on conflict (source, target, day) do update set complaints = d.complaints + 1
),
accounted as (
    insert into postrider.brake_count as b (day, kind, value, slot, answered, delivered, complaints, hard_bounces, spam)
    select ($5::timestamptz at time zone 'UTC')::date, kind, value, pg_backend_pid() % 8,
        ($8 in ('bounced', 'delivered') and $7 <> 'delivered')::int, ($8 = 'delivered')::int, ($8 = 'complained')::int,
        ($8 = 'bounced' and coalesce($12 in ('bad-mailbox', 'bad-domain', 'inactive-mailbox'), false))::int,
        ($8 = 'bounced' and coalesce($12 = 'content', false))::int
    from meant m
    where not exists (select from postrider.hold h
        where h.kind = m.kind and h.value = m.value and h.released_at >= m.finished_at)
    on conflict (day, kind, value, slot) do update set answered = b.answered + excluded.answered,
        delivered = b.delivered + excluded.delivered, complaints = b.complaints + excluded.complaints,
        hard_bounces = b.hard_bounces + excluded.hard_bounces, spam = b.spam + excluded.spam
)
select exists(select from known) as "fresh!", exists(select from moved) as "moved!"
"#,
        settlement.id.0,
        settlement.shard.0,
        settlement.word,
        settlement.hash.as_slice(),
        OffsetDateTime::from(event.at),
        revision.state.map(State::name),
        stood,
        event.kind.name(),
        event.code.and_then(|code| i16::try_from(code).ok()),
        event.enhanced.map(|code| code.to_string()),
        event.text.as_deref().map(storable),
        event.class.map(crate::mail::Class::name),
        event.rule,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Heard {
        fresh: row.fresh,
        moved: row.moved,
    })
}

/// Suppresses on a reporter's word.
pub(super) async fn suppress(pool: &PgPool, entry: &Suppression) -> Result<(), StoreError> {
    let doing = || trouble("suppressing on a reporter's word");
    let mut tx = pool.begin().await.map_err(doing())?;
    ban(&mut tx, entry).await.map_err(doing())?;
    tx.commit().await.map_err(doing())
}

/// Adds an entry. One of the same address and scope that reaches as far or further stays: what a person wrote about it is
/// not written over.
async fn ban(tx: &mut Transaction<'_, Postgres>, entry: &Suppression) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"insert into postrider.suppression as s (shard, address, scope, reason, evidence, letter_id, since, until)
        values (postrider.shard($1), $1, $2, $3, $4, $5, $6, $7)
        on conflict (shard, address, scope) do update
        set reason = excluded.reason, evidence = excluded.evidence, letter_id = excluded.letter_id, since = excluded.since,
            until = excluded.until
        where s.until is not null and (excluded.until is null or excluded.until > s.until)"#,
        entry.address.key(),
        entry.scope.name(),
        entry.reason.name(),
        storable(&entry.evidence),
        entry.letter.map(|id| id.0),
        OffsetDateTime::from(entry.since),
        entry.until.map(OffsetDateTime::from),
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}
