-- The most active readers first, where not everybody can be written to today.

-- Whole days between the reader's last activity, as the caller knows it, and the enqueue; 32767 when nothing is known. A constant
-- default, so no row is written.
alter table postrider.queue add column idle smallint not null default 32767;

-- Within a lane and a priority the lease follows this index, one probe as before. An older program that still runs leases by
-- `due_at` alone: it finds the same letters by the same first two columns, and sorts those of a lane.
create index queue_ready_by_activity on postrider.queue (priority, lane, idle, due_at) where ready;
drop index postrider.queue_ready;
alter index postrider.queue_ready_by_activity rename to queue_ready;

create function postrider.idle_days(l jsonb, today date) returns smallint
language sql stable parallel safe as $$
    select case when l->>'last_active_at' is null then 32767
        else least(greatest(today - (postrider.moment(l->>'last_active_at') at time zone 'UTC')::date, 0), 32766) end::smallint
$$;

revoke all on function postrider.idle_days(jsonb, date) from public;

create or replace function postrider.rare_fault(l jsonb) returns text
language sql stable parallel safe as $$
    select case when l ?| '{reply_to,subject,attachments,send_at,valid_until,last_active_at,priority,tags,idempotency_key}' then coalesce(
        postrider.mailbox_fault(l->'reply_to', 'reply_to', '{address,name}'),
        case when l->>'reply_to' is not null and postrider.address(postrider.mailbox_address(l->'reply_to')) is null
            then 'reply_to|' || postrider.why_no_address(postrider.mailbox_address(l->'reply_to')) end,
        postrider.text_fault(l, 'subject', 998, postrider.line_form(), 'has a control character or a line end'),
        case when l->>'attachments' is not null then postrider.attachments_fault(l->'attachments') end,
        postrider.time_fault(l, 'send_at'),
        postrider.time_fault(l, 'valid_until'),
        postrider.time_fault(l, 'last_active_at'),
        postrider.priority_fault(l->'priority'),
        postrider.tags_fault(l->'tags'),
        postrider.text_fault(l, 'idempotency_key', 255, '.', 'is empty')) end
$$;

create or replace function postrider.letter_fault(l jsonb, size_max int) returns text
language sql stable parallel safe as $$
    select case
        when l is null or jsonb_typeof(l) <> 'object' then '|must be a JSON object'
        -- Writing the text out costs more than all other looks: a datum this small, compressed or not, cannot be too large.
        when pg_column_size(l) > least(2048, size_max / 8) and octet_length(l::text) > size_max then '|is larger than ' || size_max::text || ' octets'
        when l - '{stream,to,from,reply_to,campaign,template,variables,subject,text,html,raw,attachments,send_at,valid_until,last_active_at,priority,tags,idempotency_key}'::text[] <> '{}'
            then postrider.unknown_field(l, '{stream,to,from,reply_to,campaign,template,variables,subject,text,html,raw,attachments,send_at,valid_until,last_active_at,priority,tags,idempotency_key}')
                || '|is no field of a letter'
        when l->>'stream' is null then 'stream|is missing'
        when l->>'to' is null then 'to|is missing'
        when l->>'from' is null then 'from|is missing'
        else coalesce(
            postrider.mailbox_fault(l->'to', 'to', '{address,name,locale,time_zone}'),
            postrider.mailbox_fault(l->'from', 'from', '{address,name}'),
            postrider.text_fault(l, 'campaign', 64, '^[A-Za-z0-9._-]+$', 'may have only letters, digits, dot, hyphen and underscore'),
            postrider.content_fault(l),
            postrider.rare_fault(l))
    end
$$;

create or replace function postrider.write_letters(drafts postrider.draft[], now timestamptz) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    today date := (now at time zone 'UTC')::date;
begin
    -- First the refresh, which waits for a purge of the same text under way, then the insert, which sees what it left. A text
    -- used since yesterday is never purged, so many callers share it without a lock.
    update postrider.body b set last_used_on = today
    from (select distinct d.body_hash from unnest(drafts) as d where d.body_hash is not null) as used
    where b.hash = used.body_hash and b.last_used_on < today - 1;
    insert into postrider.body (hash, content, last_used_on)
    select distinct on (d.body_hash) d.body_hash, d.body, today
    from unnest(drafts) as d
    where d.body_hash is not null and not exists (select from postrider.body b where b.hash = d.body_hash)
    order by d.body_hash
    on conflict do nothing;

    insert into postrider.lane (domain)
    select distinct d.domain from unnest(drafts) as d
    where not exists (select from postrider.lane l where l.domain = d.domain);

    insert into postrider.letter (id, shard, priority, enqueued_at, send_at, valid_until, stream, to_address, from_address, to_name,
        locale, time_zone, from_name, reply_to_address, reply_to_name, campaign, template, variables, body, tags)
    select d.id, d.shard, d.priority, now, d.send_at, d.valid_until, d.letter->>'stream', d.address, d.from_address,
        d.letter->'to'->>'name', d.letter->'to'->>'locale', d.letter->'to'->>'time_zone', d.letter->'from'->>'name',
        postrider.address(postrider.mailbox_address(d.letter->'reply_to')), d.letter->'reply_to'->>'name',
        d.letter->>'campaign', d.letter->>'template', nullif(d.letter->'variables', 'null'), d.body_hash,
        case when d.letter->>'tags' is not null then array(select jsonb_array_elements_text(d.letter->'tags')) end
    from unnest(drafts) as d;

    insert into postrider.queue (letter_id, due_at, lane, shard, priority, ready, idle)
    select d.id, coalesce(d.send_at, now), (select l.id from postrider.lane l where l.domain = d.domain order by l.id limit 1),
        d.shard, d.priority, coalesce(d.send_at, now) <= now, postrider.idle_days(d.letter, today)
    from unnest(drafts) as d;

    insert into postrider.event (letter_id, at, due, shard, kind)
    select d.id, now, d.send_at, d.shard, 'queued' from unnest(drafts) as d;
end
$$;
