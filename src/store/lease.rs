//! Claiming letters: one statement that steps from lane to lane.
//!
//! Owns the lease. Promises: highest priority first; a lane without room costs one index probe however long it is; no lane
//! beyond its room; every letter to one claim only. Leaves the end of claims to [`super::promote`] and their outcome to
//! [`super::settle`].

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    row::{self, LetterColumns},
    trouble,
};
use crate::{
    mail::{LetterId, Reason, Shard},
    port::{Lane, LeaseAsk, LeaseId, Leased, LeasedLetter, StoreError},
};

/// One row of the lease: the letter, if any was claimed, beside where the look ended.
#[derive(Debug)]
struct LeasedRow {
    resume: Option<i32>,
    letter_id: Option<Uuid>,
    shard: Option<i16>,
    lane: Option<i32>,
    attempts: Option<i16>,
    priority: Option<i16>,
    suppressed: Option<String>,
    stream: Option<String>,
    campaign: Option<String>,
    to_address: Option<String>,
    to_name: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    from_address: Option<String>,
    from_name: Option<String>,
    reply_to_address: Option<String>,
    reply_to_name: Option<String>,
    template: Option<String>,
    variables: Option<String>,
    body: Option<String>,
    tags: Option<Vec<String>>,
    enqueued_at: Option<OffsetDateTime>,
    valid_until: Option<OffsetDateTime>,
}

pub(super) async fn lease(pool: &PgPool, ask: LeaseAsk) -> Result<Leased, StoreError> {
    let lease = ask.lease;
    let mut rows = claim(pool, ask).await?;
    let resume = rows.first().and_then(|row| row.resume).map(Lane);
    rows.sort_by_key(|row| row.priority);
    let letters = rows
        .into_iter()
        .filter_map(|row| row.into_letter(lease))
        .collect();
    Ok(Leased { letters, resume })
}

/// `lanes` is a skip scan over the index `queue_ready`: each step is one probe for the next lane that has ready letters, in
/// twenty stretches (ten priorities, each first after the cursor and then up to it), and nothing is stepped before it is
/// asked for. `taken` locks letters of one lane at a time; rows that another worker holds are skipped, never waited for.
/// A lane with letters of several priorities is met several times; `kept` holds it to its room.
async fn claim(pool: &PgPool, ask: LeaseAsk) -> Result<Vec<LeasedRow>, StoreError> {
    let room = rooms(&ask.room);
    sqlx::query_as!(
        LeasedRow,
        r#"
with lanes as materialized (
    select s.n, s.priority, step.lane
    from (
        select n, (n / 2)::smallint as priority,
            case when n % 2 = 0 then $6::int else 0 end as low,
            case when n % 2 = 0 then 2147483647 else $6::int end as high
        from generate_series(0, 19) as n
    ) as s,
    lateral (
        with recursive step (lane) as (
            (select q.lane from postrider.queue q
                where q.ready and q.priority = s.priority and q.lane > s.low and q.lane <= s.high
                order by q.lane limit 1)
            union all
            select (select q.lane from postrider.queue q
                where q.ready and q.priority = s.priority and q.lane > step.lane and q.lane <= s.high
                order by q.lane limit 1)
            from step where step.lane is not null
        )
        select lane from step where lane is not null
    ) as step
    limit 2000
),
taken as materialized (
    select t.place, l.n, l.lane, coalesce(($5::text::jsonb ->> l.lane::text)::int, $4::int) as room
    from lanes l,
    lateral (
        select q.ctid as place from postrider.queue q
        where q.ready and q.priority = l.priority and q.lane = l.lane
        order by q.due_at
        limit coalesce(($5::text::jsonb ->> l.lane::text)::int, $4::int)
        for update skip locked
    ) as t
    limit $3::int
),
kept as (
    select place from (
        select place, room, row_number() over (partition by lane order by n) as nth from taken
    ) as counted where nth <= room
),
claimed as (
    update postrider.queue q set ready = false, lease_id = $1, due_at = $2
    where q.ctid = any (array(select place from kept))
    returning q.letter_id, q.shard, q.lane, q.attempts, q.priority
),
look as (
    select case
        when count(*) >= $3::int then (array_agg(lane order by n desc, lane desc))[1]
        else (select lane from lanes offset 1999 limit 1)
    end as resume
    from taken
)
select look.resume as "resume?", c.letter_id as "letter_id?", c.shard as "shard?", c.lane as "lane?",
    c.attempts as "attempts?", c.priority as "priority?",
    (select s.reason from postrider.suppression s
        where s.shard = c.shard and s.address = postrider.address_key(l.to_address)
            and (s.until is null or s.until > $7)
            and postrider.applies(s.scope, l.stream, (select r.detail->'transactional' = 'true'
                from postrider.registry r where r.kind = 'stream' and r.name = l.stream))
        order by s.scope limit 1) as "suppressed?",
    l.stream as "stream?", l.campaign as "campaign?", l.to_address as "to_address?", l.to_name as "to_name?",
    l.locale as "locale?", l.time_zone as "time_zone?", l.from_address as "from_address?", l.from_name as "from_name?",
    l.reply_to_address as "reply_to_address?", l.reply_to_name as "reply_to_name?", l.template as "template?",
    l.variables::text as "variables?", b.content::text as "body?", l.tags as "tags?",
    l.enqueued_at as "enqueued_at?", l.valid_until as "valid_until?"
from look
left join claimed c on true
left join lateral (select * from postrider.letter l where l.id = c.letter_id and l.shard = c.shard limit 1) as l on true
left join lateral (select b.content from postrider.body b where b.hash = l.body limit 1) as b on true
"#,
        ask.lease.0,
        OffsetDateTime::from(ask.until),
        i32::try_from(ask.max).unwrap_or(i32::MAX),
        i32::try_from(ask.per_lane).unwrap_or(i32::MAX),
        room,
        ask.after.map_or(0, |lane| lane.0),
        OffsetDateTime::from(ask.now),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble(format!("leasing up to {} letters", ask.max)))
}

/// The lanes' room as one JSON object, because looking a lane up in it never becomes a join that the planner may turn round.
fn rooms(room: &[(Lane, u32)]) -> String {
    let entries: Vec<String> = room
        .iter()
        .map(|(lane, free)| format!("\"{}\":{free}", lane.0))
        .collect();
    format!("{{{}}}", entries.join(","))
}

impl LeasedRow {
    fn into_letter(self, lease: LeaseId) -> Option<LeasedLetter> {
        let id = LetterId(self.letter_id?);
        let shard = Shard(self.shard?);
        let columns = LetterColumns {
            id,
            shard,
            stream: self.stream?,
            campaign: self.campaign,
            to_address: self.to_address?,
            to_name: self.to_name,
            locale: self.locale,
            time_zone: self.time_zone,
            from_address: self.from_address?,
            from_name: self.from_name,
            reply_to_address: self.reply_to_address,
            reply_to_name: self.reply_to_name,
            template: self.template,
            variables: self.variables,
            body: self.body,
            tags: self.tags,
            enqueued_at: self.enqueued_at?,
            valid_until: self.valid_until,
        };
        Some(LeasedLetter {
            lease,
            lane: Lane(self.lane?),
            attempts: u16::try_from(self.attempts?).unwrap_or(0),
            suppressed: self
                .suppressed
                .map(|reason| Reason::parse(&reason).unwrap_or(Reason::Manual)),
            letter: row::letter(columns).map(Box::new),
        })
    }
}
