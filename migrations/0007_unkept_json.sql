-- JSON that PostgreSQL cannot keep as jsonb: a zero character, half of a surrogate pair, a number beyond numeric. It is an
-- answer that names the field, never an error that takes the caller's transaction with it.

-- What cannot be kept, as a mark that can: `\ufdd0` is no character and stands in no honest text. An even number of
-- backslashes before an escape makes it plain text. Half of a pair is a half without its other half beside it.
create function postrider.mark_unkept(given text) returns text
language sql immutable strict parallel safe as $$
    select regexp_replace(regexp_replace(regexp_replace(given,
        '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufdd0zero', 'g'),
        '(?<!\\)((?:\\\\)*)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])', '\1\\ufdd0half', 'gi'),
        '(?<!\\ud[89ab][0-9a-f]{2})(?<!\\)((?:\\\\)*)\\ud[c-f][0-9a-f]{2}', '\1\\ufdd0half', 'gi')
$$;

-- What is wrong with a marked text, in words for a caller; null when it can be kept.
create function postrider.why_not_kept(marked text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    if strpos(marked, '\ufdd0zero') > 0 then return 'has a zero character (\u0000), which PostgreSQL cannot keep'; end if;
    if strpos(marked, '\ufdd0half') > 0 then return 'has half of a surrogate pair (\ud800 to \udfff), which is no character'; end if;
    perform marked::jsonb;
    return null;
exception
    when numeric_value_out_of_range then return 'has a number that is too large';
    when statement_too_complex then return 'is nested too deeply';
    when data_exception or program_limit_exceeded then return 'is not JSON: ' || sqlerrm;
end
$$;

-- The innermost place of what cannot be kept, as `field|why`. Looks `depth` levels deep, and only into parts that have one
-- of the forms that cannot be kept, so a large letter costs no more than a few casts. A name with a mark belongs to the
-- object around it.
create function postrider.unkept(marked json, place text, depth int) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    suspect constant text := '\\ufdd0(zero|half)|[0-9][eE][+-]?[0-9]{4}';
    why text := postrider.why_not_kept(marked::text);
    found text;
begin
    if why is null or depth = 0 then return place || '|' || why; end if;
    found := case json_typeof(marked)
        when 'object' then (
            select f from json_each(marked) as e (name, part),
                lateral (select postrider.unkept(e.part, case place when '' then e.name else place || '.' || e.name end, depth - 1)) as u (f)
            where e.part::text ~ suspect and e.name !~ U&'\FDD0(zero|half)' and f is not null limit 1)
        when 'array' then (
            select f from json_array_elements(marked) with ordinality as e (part, n),
                lateral (select postrider.unkept(e.part, place || '[' || e.n - 1 || ']', depth - 1)) as u (f)
            where e.part::text ~ suspect and f is not null limit 1)
    end;
    return coalesce(found, place || '|' || why);
end
$$;

create function postrider.unkept(given text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    marked text := postrider.mark_unkept(given);
begin
    return postrider.unkept(marked::json, '', 8);
exception
    when data_exception or program_limit_exceeded then return '|' || postrider.why_not_kept(marked);
end
$$;

create or replace function postrider.enqueue_texts(letters text[], now timestamptz, size_max int) returns setof postrider.answer
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    parsed jsonb[];
    faults text[];
begin
    begin
        parsed := letters::jsonb[];
    exception
        when data_exception or program_limit_exceeded then
            parsed := array(select postrider.json_or_null(l) from unnest(letters) with ordinality as u (l, n) order by n);
            faults := array(select case when parsed[n] is null then postrider.unkept(l) end
                from unnest(letters) with ordinality as u (l, n) order by n);
    end;
    return query
        select a.status, a.id, a.reason, a.scope,
            coalesce(split_part(faults[a.n], '|', 1), a.field),
            coalesce(substr(faults[a.n], strpos(faults[a.n], '|') + 1), a.why)
        from postrider.enqueue_at(parsed, now, size_max) with ordinality as a (status, id, reason, scope, field, why, n)
        order by a.n;
end
$$;

-- For callers whose texts may hold anything: where a cast to jsonb would raise an error, this answers.
create function postrider.enqueue(letter text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_strip_nulls(to_jsonb(a)) from postrider.enqueue_texts(array[letter], clock_timestamp(), 10485760) as a
$$;

revoke execute on function postrider.mark_unkept(text), postrider.why_not_kept(text), postrider.unkept(json, text, int), postrider.unkept(text),
    postrider.enqueue(text) from public;
grant execute on function postrider.enqueue(text) to postrider_enqueue;
