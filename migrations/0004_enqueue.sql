-- Enqueue: three doors, one path. Both forms of `enqueue` and the program's own door end in `enqueue_at`.
--
-- Order of looks: form, what is registered, suppression, idempotency; then every row in the caller's own transaction.
-- An invalid letter is an answer, never an error: the caller's business transaction survives it.

create type postrider.answer as (status text, id uuid, reason text, scope text, field text, why text);

-- A letter read and judged, on its way into the tables.
create type postrider.draft as (
    n int, letter jsonb, fault text, id uuid, shard smallint, address text, address_key text, domain text,
    from_address text, send_at timestamptz, valid_until timestamptz, priority smallint,
    key text, content_hash bytea, body jsonb, body_hash bytea, reason text, scope text, earlier uuid, same boolean
);

-- What the registry knows, as one object `kind:name -> detail`.
create function postrider.known() returns jsonb
language sql stable as $$
    select coalesce(jsonb_object_agg(kind || ':' || name, detail), '{}') from postrider.registry
$$;

-- Reads and judges a set of letters. Only reads, so a subtransaction around it costs no transaction id.
create function postrider.read_letters(letters jsonb[], now timestamptz, size_max int) returns postrider.draft[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    known jsonb := postrider.known();
    -- RFC 9562 §5.7: 48 bits of milliseconds, the version; then our counter keeps one call's letters in order.
    millis text := lpad(to_hex(floor(extract(epoch from now) * 1000)::bigint), 12, '0');
    stamp text := left(millis, 8) || '-' || right(millis, 4) || '-7';
begin
    return array(
        select row(
            n, letter, fault,
            (stamp || lpad(to_hex(n & 4095), 3, '0') || substr(dice, 19, 16) || lpad(to_hex(shard::int), 2, '0'))::uuid,
            shard, address, address_key, split_part(address_key, '@', 2), from_address, send_at, valid_until,
            case when fault is null then coalesce((letter->>'priority')::smallint,
                (known->('stream:' || (letter->>'stream'))->>'priority')::smallint, 5) end,
            letter->>'idempotency_key',
            case when letter->>'idempotency_key' is not null then sha256(convert_to(letter::text, 'UTF8')) end,
            body, case when body is not null then sha256(convert_to(body::text, 'UTF8')) end,
            (ban).reason, (ban).scope, null, null)::postrider.draft
        from (
            select drafted.*, gen_random_uuid()::text as dice,
                case when fault is null then (
                    select s from postrider.suppression s
                    where s.shard = drafted.shard and s.address = drafted.address_key
                        and (s.until is null or s.until > now)
                        and postrider.applies(s.scope, letter->>'stream',
                            known->('stream:' || (letter->>'stream'))->'transactional' = 'true')
                    order by s.scope limit 1) end as ban
            from (
                select read.*,
                    postrider.shard(address_key) as shard,
                    case when form_fault is not null then form_fault else coalesce(
                        case when address is null then 'to|' || postrider.why_no_address(postrider.mailbox_address(letter->'to')) end,
                        case when from_address is null then 'from|' || postrider.why_no_address(postrider.mailbox_address(letter->'from')) end,
                        postrider.registry_fault(known, letter, split_part(from_address, '@', 2)),
                        case when valid_until <= greatest(now, send_at) then 'valid_until|is not later than the moment of sending' end)
                    end as fault
                from (
                    select parsed.*, postrider.address_key(address) as address_key
                    from (
                        select u.n::int, u.letter, f.form_fault,
                            case when form_fault is null then postrider.address(to_given) end as address,
                            case when form_fault is null then postrider.address(from_given) end as from_address,
                            case when form_fault is null then postrider.moment(letter->>'send_at') end as send_at,
                            case when form_fault is null then postrider.moment(letter->>'valid_until') end as valid_until,
                            case when form_fault is null then postrider.shared_content(letter) end as body
                        from unnest(letters) with ordinality as u (letter, n),
                            lateral (select postrider.letter_fault(u.letter, size_max) as form_fault,
                                postrider.mailbox_address(u.letter->'to') as to_given,
                                postrider.mailbox_address(u.letter->'from') as from_given offset 0) as f
                        offset 0
                    ) as parsed
                    offset 0
                ) as read
                offset 0
            ) as drafted
            offset 0
        ) as judged
        order by n
    );
end
$$;

-- Whether a suppression of that scope covers a letter of that stream.
create function postrider.applies(scope text, stream text, transactional boolean) returns boolean
language sql immutable parallel safe as $$
    select scope = 'everything' or scope = 'stream:' || stream or (scope = 'marketing' and transactional is not true)
$$;

-- Whether a parent of that domain has a key: its signature aligns with From all the same (RFC 7489 §3.1.1, relaxed).
create function postrider.parent_signs(known jsonb, from_domain text) returns boolean
language sql immutable parallel safe as $$
    select coalesce(bool_or(known ? ('sender:' || array_to_string(labels[n:], '.'))), false)
    from string_to_array(from_domain, '.') as labels, generate_subscripts(labels, 1) as n
$$;

create function postrider.registry_fault(known jsonb, l jsonb, from_domain text) returns text
language sql immutable parallel safe as $$
    select case
        when not known ? ('stream:' || (l->>'stream')) then 'stream|is not a stream of the configuration'
        when not known ? ('template:' || (l->>'template')) then 'template|is not a folder of templates'
        when not known ? ('sender:' || from_domain) and not postrider.parent_signs(known, from_domain)
            then 'from|no DKIM key for ' || from_domain || ': make one with `postrider dkim new ' || from_domain || '`'
    end
$$;

-- The part of a letter that many letters may share.
create function postrider.shared_content(l jsonb) returns jsonb
language sql stable parallel safe as $$
    select case
        when l->>'template' is null or l->>'attachments' is not null
        then jsonb_strip_nulls(jsonb_build_object('subject', l->'subject', 'text', l->'text', 'html', l->'html',
            'raw', l->'raw', 'attachments', l->'attachments'))
    end
$$;

-- The same for one odd letter: what it raises becomes its own fault.
create function postrider.read_letter(letter jsonb, n int, now timestamptz, size_max int) returns postrider.draft
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    draft postrider.draft;
begin
    draft := (postrider.read_letters(array[letter], now, size_max))[1];
    draft.n := n;
    return draft;
exception
    when data_exception or program_limit_exceeded then
        draft := null;
        draft.n := n;
        draft.fault := '|' || sqlerrm;
        return draft;
end
$$;

-- Takes the keys that are free, in order, so that two callers with the same keys never wait for each other in a circle.
-- A key that another open transaction took makes this one wait for its end.
create function postrider.take_keys(drafts postrider.draft[], now timestamptz) returns postrider.draft[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into postrider.idempotency (key, content_hash, letter_id, shard, created_at)
    select distinct on (d.key) d.key, d.content_hash, d.id, d.shard, now
    from unnest(drafts) as d
    where d.key is not null and d.fault is null and d.reason is null
    order by d.key, d.n
    on conflict do nothing;
    return array(
        select (d.n, d.letter, d.fault, d.id, d.shard, d.address, d.address_key, d.domain, d.from_address, d.send_at,
            d.valid_until, d.priority, d.key, d.content_hash, d.body, d.body_hash, d.reason, d.scope,
            nullif(i.letter_id, d.id), i.content_hash = d.content_hash)::postrider.draft
        from unnest(drafts) as d
        left join lateral (select * from postrider.idempotency i where i.key = d.key limit 1) as i
            on d.fault is null and d.reason is null
        order by d.n
    );
end
$$;

-- Writes the accepted ones. Nothing here depends on what a letter says, so what it raises is the server's own trouble.
create function postrider.write_letters(drafts postrider.draft[], now timestamptz) returns void
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

    insert into postrider.queue (letter_id, due_at, lane, shard, priority, ready)
    select d.id, coalesce(d.send_at, now), (select l.id from postrider.lane l where l.domain = d.domain order by l.id limit 1),
        d.shard, d.priority, coalesce(d.send_at, now) <= now
    from unnest(drafts) as d;

    insert into postrider.event (letter_id, at, due, shard, kind)
    select d.id, now, d.send_at, d.shard, 'queued' from unnest(drafts) as d;
end
$$;

-- The core. Hash and merge joins and sequential scans are off, because a plan made while a table was small would stay.
create function postrider.enqueue_at(letters jsonb[], now timestamptz, size_max int default 10485760)
returns setof postrider.answer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    drafts postrider.draft[];
    accepted postrider.draft[];
begin
    begin
        drafts := postrider.read_letters(letters, now, size_max);
    exception
        when data_exception or program_limit_exceeded then
            drafts := array(select postrider.read_letter(letter, n::int, now, size_max)
                from unnest(letters) with ordinality as u (letter, n) order by n);
    end;
    if exists (select from unnest(drafts) as d where d.key is not null) then
        drafts := postrider.take_keys(drafts, now);
    end if;
    accepted := array(select d from unnest(drafts) as d where d.fault is null and d.reason is null and d.earlier is null);
    if cardinality(accepted) > 0 then
        perform postrider.write_letters(accepted, now);
    end if;
    return query select * from postrider.answers(drafts);
end
$$;

create function postrider.answers(drafts postrider.draft[]) returns setof postrider.answer
language sql immutable as $$
    select case
            when d.fault is not null then 'invalid'
            when d.reason is not null then 'suppressed'
            when d.earlier is null then 'accepted'
            when d.same then 'duplicate'
            else 'conflict'
        end,
        case when d.fault is null and d.reason is null then coalesce(d.earlier, d.id) end,
        case when d.fault is null then d.reason end,
        case when d.fault is null then d.scope end,
        split_part(d.fault, '|', 1),
        case when d.fault is not null then substr(d.fault, strpos(d.fault, '|') + 1)
            when d.earlier is not null and not d.same then 'this key was accepted before with other content' end
    from unnest(drafts) as d order by d.n
$$;

create function postrider.enqueue(letters jsonb[]) returns setof jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_strip_nulls(to_jsonb(a)) from postrider.enqueue_at(letters, clock_timestamp()) as a
$$;

create function postrider.enqueue(letter jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_strip_nulls(to_jsonb(a)) from postrider.enqueue_at(array[letter], clock_timestamp()) as a
$$;

-- The program's own door: texts that may hold JSON which PostgreSQL cannot keep, such as a zero character.
create function postrider.enqueue_texts(letters text[], now timestamptz, size_max int) returns setof postrider.answer
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    parsed jsonb[];
begin
    begin
        parsed := letters::jsonb[];
    exception
        when data_exception or program_limit_exceeded then
            parsed := array(select postrider.json_or_null(l) from unnest(letters) with ordinality as u (l, n) order by n);
    end;
    return query select * from postrider.enqueue_at(parsed, now, size_max);
end
$$;

create function postrider.json_or_null(given text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return given::jsonb;
exception
    when data_exception or program_limit_exceeded then return null;
end
$$;
