//! Writing verdicts.
//!
//! Owns the settling statement. Promises: a batch is one transaction; a letter leaves the queue, gets its state and its
//! terminal event together or not at all; a claim that was lost leaves a line of history and nothing else, unless the
//! letter was put in doubt under that very claim and waits for just this news. Leaves the verdict to `policy`.

use sqlx::PgPool;

use super::{columns::Columns, trouble};
use crate::{
    mail::LetterId,
    port::{Settlement, StoreError},
};

/// Everything hangs on the queue row whose `lease_id` is ours, found by the primary key: `finished` deletes it, `retried`
/// puts it back, and only what those two return goes on to `letter`, `event` and `suppression`. Two settlers never hold the
/// same row. An adopter changes `lease_id` and keeps the old one as `in_doubt_lease`, under which the old holder's word still
/// counts until the letter is leased again; a word that says no more than "in doubt" does not.
///
/// `learned` writes where a lane's letters go now, if that is new; a line that another settler writes at this moment is left to
/// it, so two of them never wait for each other.
///
/// `accounted` adds what brakes look at: one row per campaign, provider and day of the batch, from rows that are at hand anyway
/// (a refusal for the content that is tried again is the one that has to be looked up).
///
/// `resolved` does the same for a letter that was left in doubt for good: its state becomes what the late word says.
#[expect(clippy::too_many_lines, reason = "one statement and its arguments")]
pub(super) async fn settle(
    pool: &PgPool,
    settlements: &[Settlement],
) -> Result<Vec<LetterId>, StoreError> {
    let c = Columns::of(settlements);
    let lost = sqlx::query_scalar!(
        r#"
with input as materialized (
    select * from unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::smallint[], $5::text[], $6::timestamptz[],
        $7::timestamptz[], $8::text[], $9::smallint[], $10::text[], $11::smallint[], $12::text[], $13::text[],
        $14::text[], $15::text[], $16::timestamptz[],
        $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::int[], $24::int[], $25::int[],
        $26::text[], $27::text[], $28::text[], $29::text[], $30::uuid[], $31::timestamptz[], $32::timestamptz[],
        $33::text[], $34::text[])
    as i (id, shard, lease, attempts, state, retry_at, at, kind, attempt, stage, code, enhanced, text, class, rule, due,
        site, provider, host, remote, source, tls, prepare_us, talk_us, size_bytes,
        ban_address, ban_scope, ban_reason, ban_evidence, ban_letter, ban_since, ban_until,
        keep_source, waits_for)
),
finished as (
    delete from postrider.queue q using input i
    where i.state is not null and q.letter_id = i.id and q.shard = i.shard
        and (q.lease_id = i.lease or (q.in_doubt_lease = i.lease and i.kind <> 'in_doubt'))
    returning i.*, case when i.kind = 'in_doubt' then q.in_doubt_lease end as in_doubt_lease, q.lane
),
retried as (
    update postrider.queue q set ready = false, lease_id = null, due_at = i.retry_at, attempts = i.attempts,
        source = i.keep_source,
        waits_for = i.waits_for, last_class = i.class,
        in_doubt_lease = case when i.kind = 'in_doubt' then q.in_doubt_lease end
    from input i
    where i.state is null and q.letter_id = i.id and q.shard = i.shard
        and (q.lease_id = i.lease or (q.in_doubt_lease = i.lease and i.kind <> 'in_doubt'))
    returning i.*, null::uuid as in_doubt_lease, q.lane
),
closed as (
    update postrider.letter l set state = f.state, finished_at = f.at, in_doubt_lease = f.in_doubt_lease from finished f
    where l.id = f.id and l.shard = f.shard and l.state = 'open'
    returning f.at, f.kind, f.class, f.provider, l.stream, l.campaign
),
ours as materialized (select * from finished union all select * from retried),
unowned as materialized (select * from input i where (i.id, i.lease) not in (select o.id, o.lease from ours o)),
resolved as (
    update postrider.letter l set state = i.state, finished_at = i.at, in_doubt_lease = null from unowned i
    where i.state is not null and i.kind <> 'in_doubt' and l.id = i.id and l.shard = i.shard
        and l.state = 'in_doubt' and l.in_doubt_lease = i.lease
    returning i.*, null::uuid as in_doubt_lease, null::int as lane
),
late as materialized (select * from unowned i where (i.id, i.lease) not in (select r.id, r.lease from resolved r)),
counted as materialized (select * from ours union all select * from resolved),
ways as materialized (
    select distinct on (lane) lane, site, provider from ours where site is not null order by lane, at desc
),
strange as materialized (
    select n.id, w.site, w.provider from ways w join postrider.lane n on n.id = w.lane
    where (n.site, n.provider) is distinct from (w.site, w.provider) for no key update of n skip locked
),
learned as (
    update postrider.lane n set site = s.site, provider = s.provider from strange s where n.id = s.id
),
history as (
    insert into postrider.event (letter_id, shard, at, kind, attempt, stage, code, enhanced, text, class, rule, due,
        site, provider, host, remote, source, tls, prepare_us, talk_us, size_bytes)
    select id, shard, at, kind, attempt, stage, code, enhanced, text, class, rule, due,
        site, provider, host, remote, source, tls, prepare_us, talk_us, size_bytes from counted
    union all
    select id, shard, at, 'late_outcome', attempt, stage, code, enhanced, kind || coalesce(': ' || text, ''), class, rule,
        null, site, provider, host, remote, source, tls, prepare_us, talk_us, size_bytes from late
),
banned as (
    insert into postrider.suppression as s (shard, address, scope, reason, evidence, letter_id, since, until)
    select distinct on (ban_address, ban_scope) postrider.shard(ban_address), ban_address, ban_scope, ban_reason,
        ban_evidence, ban_letter, ban_since, ban_until
    from counted where ban_address is not null order by ban_address, ban_scope, ban_until desc nulls first
    on conflict (shard, address, scope) do update
    set reason = excluded.reason, evidence = excluded.evidence, letter_id = excluded.letter_id, since = excluded.since,
        until = excluded.until
    where s.until is not null and (excluded.until is null or excluded.until > s.until)
),
answered as (
    select at, kind, class, provider, stream, campaign from closed
    where provider is not null and kind in ('delivered', 'bounced')
    union all
    select r.at, r.kind, r.class, r.provider, l.stream, l.campaign
    from retried r join postrider.letter l on l.id = r.id and l.shard = r.shard
    where r.provider is not null and r.class = 'content'
),
accounted as (
    insert into postrider.brake_count as b (day, kind, value, slot, answered, delivered, hard_bounces, spam)
    select (at at time zone 'UTC')::date, case when campaign is null then 'stream' else 'campaign' end || '-at-provider',
        coalesce(campaign, stream) || ' at ' || provider, pg_backend_pid() % 8, count(*),
        count(*) filter (where kind = 'delivered'),
        count(*) filter (where class in ('bad-mailbox', 'bad-domain', 'inactive-mailbox')),
        count(*) filter (where class = 'content')
    from answered group by 1, 2, 3 order by 1, 2, 3
    on conflict (day, kind, value, slot) do update set answered = b.answered + excluded.answered,
        delivered = b.delivered + excluded.delivered, hard_bounces = b.hard_bounces + excluded.hard_bounces,
        spam = b.spam + excluded.spam
)
select id as "id!" from late
"#,
        &c.id,
        &c.shard,
        &c.lease,
        &c.attempts,
        &c.state as _,
        &c.retry_at as _,
        &c.event.at,
        &c.event.kind as _,
        &c.event.attempt as _,
        &c.event.stage as _,
        &c.event.code as _,
        &c.event.enhanced as _,
        &c.event.text as _,
        &c.event.class as _,
        &c.event.rule as _,
        &c.event.due as _,
        &c.attempt.site as _,
        &c.attempt.provider as _,
        &c.attempt.host as _,
        &c.attempt.remote as _,
        &c.attempt.source as _,
        &c.attempt.tls as _,
        &c.attempt.prepare_us as _,
        &c.attempt.talk_us as _,
        &c.attempt.size_bytes as _,
        &c.ban.address as _,
        &c.ban.scope as _,
        &c.ban.reason as _,
        &c.ban.evidence as _,
        &c.ban.letter as _,
        &c.ban.since as _,
        &c.ban.until as _,
        &c.keep_source as _,
        &c.waits_for as _,
    )
    .fetch_all(pool)
    .await
    .map_err(trouble(format!("settling {} verdicts", settlements.len())))?;
    Ok(lost.into_iter().map(LetterId).collect())
}
