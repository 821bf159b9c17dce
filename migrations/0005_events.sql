-- The history's partitions and its feed.

-- Makes the partitions of the day of `now` and of the days after it; returns how many are new. Rows that went to the default
-- partition meanwhile move into their day. The lock time-out keeps enqueueing from waiting behind this: it is tried again later.
create function postrider.make_event_days(now timestamptz, days_ahead int) returns int
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
    day date;
    part text;
    made int := 0;
begin
    perform pg_advisory_xact_lock(hashtext('postrider.event days'));
    for n in 0..days_ahead loop
        day := (now at time zone 'UTC')::date + n;
        part := 'event_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass('postrider.' || part) is not null;
        execute format('create table postrider.%I (like postrider.event including defaults including constraints)', part);
        -- `like` makes no indexes; attaching builds those of the parent.
        lock table postrider.event_default in access exclusive mode;
        execute format('with moved as (delete from postrider.event_default where at >= %L and at < %L returning *)
            insert into postrider.%I select * from moved', day::timestamptz, (day + 1)::timestamptz, part);
        execute format('alter table postrider.event attach partition postrider.%I for values from (%L) to (%L)',
            part, day::timestamptz, (day + 1)::timestamptz);
        made := made + 1;
    end loop;
    return made;
end
$$;

-- Drops the days that ended before `before`; returns how many.
create function postrider.drop_event_days(before timestamptz) returns int
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    part text;
    dropped int := 0;
begin
    perform pg_advisory_xact_lock(hashtext('postrider.event days'));
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'postrider.event'::regclass and c.relname ~ '^event_[0-9]{8}$'
            and to_date(right(c.relname, 8), 'YYYYMMDD') < (before at time zone 'UTC')::date
        order by 1
    loop
        execute format('drop table postrider.%I', part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

-- The feed. An event is shown only when every transaction that began before its own has ended, so that one that commits late
-- is never behind the reader. The cursor is the last event's `tx-seq`; an empty one starts at the beginning.
create function postrider.feed(after text, count_max int)
returns table (cursor text, letter_id uuid, at timestamptz, kind text, attempt smallint, stage text, code smallint,
    enhanced text, text text, class text, rule text, due timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
    after_tx xid8 := coalesce(nullif(split_part(after, '-', 1), ''), '0')::xid8;
    after_seq bigint := coalesce(nullif(split_part(after, '-', 2), ''), '0')::bigint;
begin
    return query
        select e.tx::text || '-' || e.seq::text, e.letter_id, e.at, e.kind, e.attempt, e.stage, e.code, e.enhanced, e.text,
            e.class, e.rule, e.due
        from postrider.event e
        where (e.tx, e.seq) > (after_tx, after_seq) and e.tx < pg_snapshot_xmin(pg_current_snapshot())
        order by e.tx, e.seq
        limit least(count_max, 10000);
end
$$;
