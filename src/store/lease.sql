-- The lease. $1 lease, $2 its end, $3 letters at most, $4 per lane, $5 room by lane as JSON (for letters in general and for
-- urgent ones), $6 lane to start after, $7 now, $8 the least urgent priority asked for, $9 the least urgent of the urgent ones,
-- $10 the priority within which a look of as many lanes as are allowed has ended, to go on there.
with given as materialized (select $5::text::jsonb as room),
lanes as materialized (
    select s.n, s.priority, step.lane
    from (
        select n, (n / 2)::smallint as priority,
            case when n % 2 = 0 and n / 2 = coalesce($10::int, n / 2) then $6::int else 0 end as low,
            case when n % 2 = 0 then 2147483647 else $6::int end as high
        from generate_series(2 * coalesce($10::int, 0), 2 * $8::int + 1) as n
        where n % 2 = 0 or $10::int is null
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
    select t.place, l.n, l.lane, r.room
    from lanes l,
    lateral (
        select coalesce((g.room -> l.lane::text ->> (l.priority <= $9::int)::int)::int, $4::int) as room from given g
    ) as r,
    lateral (
        select q.ctid as place from postrider.queue q
        where q.ready and q.priority = l.priority and q.lane = l.lane
        order by q.idle, q.due_at
        limit r.room
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
    update postrider.queue q set ready = false, lease_id = $1, due_at = $2, in_doubt_lease = null, hold = null
    where q.ctid = any (array(select place from kept))
    returning q.letter_id, q.shard, q.lane, q.attempts, q.priority, q.source
),
look as (
    select coalesce(t.lane, s.lane) as resume, s.priority as resume_within
    from (
        select case when count(*) >= $3::int then (array_agg(lane order by n desc, lane desc))[1] end as lane from taken
    ) as t
    -- Asked of the lanes only where there was no last letter: else every one of the 2,000 would be stepped to.
    left join lateral (select lane, priority from lanes where t.lane is null offset 1999 limit 1) as s on true
)
select look.resume as "resume?", look.resume_within as "resume_within?", c.letter_id as "letter_id?", c.shard as "shard?",
    c.lane as "lane?", c.attempts as "attempts?", c.priority as "priority?",
    (select s.reason from postrider.suppression s
        where s.shard = c.shard and s.address = postrider.address_key(l.to_address)
            and (s.until is null or s.until > $7)
            and postrider.applies(s.scope, l.stream, (select r.detail->'transactional' = 'true'
                from postrider.registry r where r.kind = 'stream' and r.name = l.stream))
        order by s.scope limit 1) as "suppressed?", c.source as "source?",
    l.stream as "stream?", l.campaign as "campaign?", l.to_address as "to_address?", l.to_name as "to_name?",
    l.locale as "locale?", l.time_zone as "time_zone?", l.from_address as "from_address?", l.from_name as "from_name?",
    l.reply_to_address as "reply_to_address?", l.reply_to_name as "reply_to_name?", l.template as "template?",
    l.variables::text as "variables?", b.content::text as "body?", l.tags as "tags?",
    l.enqueued_at as "enqueued_at?", l.send_at as "send_at?", l.valid_until as "valid_until?"
from look
left join claimed c on true
left join lateral (select * from postrider.letter l where l.id = c.letter_id and l.shard = c.shard limit 1) as l on true
left join lateral (select b.content from postrider.body b where b.hash = l.body limit 1) as b on true
