-- What may be wrong with a letter in JSON (docs/letter.md). Each function answers null, or `field|why` for the first fault.
-- Those that every letter meets are single expressions without sub-selects, so that PostgreSQL inlines them into the one
-- statement that reads a whole set of letters: forty looks at a letter then cost less than one function call.
-- A JSON null counts as an absent field.

create function postrider.unknown_field(l jsonb, allowed text[]) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    return (select min(k) from jsonb_object_keys(l - allowed) as k);
end
$$;

create function postrider.text_fault(l jsonb, field text, longest int, form text, why text) returns text
language sql immutable parallel safe as $$
    select case
        when l->field is null or jsonb_typeof(l->field) = 'null' then null
        when jsonb_typeof(l->field) <> 'string' then field || '|must be a text'
        when length(l->>field) > longest then field || '|is longer than ' || longest::text || ' characters'
        when l->>field !~ form then field || '|' || why
    end
$$;

-- A text of one header line: no control character, no line end of any script.
create function postrider.line_form() returns text
language sql immutable parallel safe as $$ select '^[^\x01-\x1f\x7f-\x9f\u2028\u2029]*$' $$;

create function postrider.mailbox_fault(m jsonb, field text, allowed text[]) returns text
language sql immutable parallel safe as $$
    select case coalesce(jsonb_typeof(m), 'null')
        when 'string' then null
        when 'null' then null
        when 'object' then case
            when m - allowed <> '{}' then field || '.' || postrider.unknown_field(m, allowed) || '|is no field of a mailbox'
            when jsonb_typeof(m->'address') is distinct from 'string' then field || '.address|is missing'
            else field || '.' || coalesce(
                postrider.text_fault(m, 'name', 255, postrider.line_form(), 'has a control character or a line end'),
                postrider.text_fault(m, 'locale', 35, '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$', 'is not a language tag such as ru or en-GB'),
                postrider.text_fault(m, 'time_zone', 64, '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$', 'is not a time zone name such as Asia/Yekaterinburg'))
        end
        else field || '|must be a text or an object'
    end
$$;

create function postrider.mailbox_address(m jsonb) returns text
language sql immutable parallel safe as $$
    select case jsonb_typeof(m) when 'string' then m #>> '{}' when 'object' then m->>'address' end
$$;

create function postrider.why_no_address(given text) returns text
language sql immutable parallel safe as $$
    select case
        when given !~ '^.+@.+$' then 'is not of the form local@domain'
        when octet_length(regexp_replace(given, '@[^@]*$', '')) > 64 then 'has more than 64 octets before the @'
        when postrider.any_address('a@' || substring(given from '[^@]*$')) is null then 'has a domain that is not a host name'
        when postrider.any_address(regexp_replace(given, '@[^@]*$', '') || '@example.com') is null
            then 'has a character or a dot before the @ that no server accepts unquoted'
        else 'is longer than 254 octets'
    end
$$;

create function postrider.odd_moment(given text) returns timestamptz
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    if given ~* '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$' then
        return upper(given)::timestamptz;
    end if;
    return null;
exception
    when data_exception then return null;
end
$$;

-- A moment in RFC 3339, or null. The common form is read in place; the rest where a bad one can be caught.
create function postrider.moment(given text) returns timestamptz
language sql stable parallel safe as $$
    select case
        when given ~ '^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$'
        then given::timestamptz
        else postrider.odd_moment(given)
    end
$$;

create function postrider.time_fault(l jsonb, field text) returns text
language sql stable parallel safe as $$
    select case
        when l->field is null or jsonb_typeof(l->field) = 'null' then null
        when postrider.moment(l->>field) is null then field || '|is not a moment such as 2026-11-23T10:00:00+03:00'
    end
$$;

create function postrider.attachments_fault(parts jsonb) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    part jsonb;
    n int := 0;
    allowed constant text[] := '{name,type,content,content_id}';
    fault text;
begin
    if jsonb_typeof(parts) <> 'array' then return 'attachments|must be an array'; end if;
    for part in select * from jsonb_array_elements(parts) loop
        fault := case
            when jsonb_typeof(part) <> 'object' then '|must be an object'
            when part - allowed <> '{}' then '.' || postrider.unknown_field(part, allowed) || '|is no field of an attachment'
            when coalesce(part->>'name', '') = '' then '.name|is missing'
            when part->>'type' is null then '.type|is missing'
            when part->>'content' is null then '.content|is missing'
            else '.' || coalesce(
                postrider.text_fault(part, 'name', 255, postrider.line_form(), 'has a control character or a line end'),
                postrider.text_fault(part, 'type', 127, '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$', 'is not a media type such as application/pdf'),
                postrider.text_fault(part, 'content_id', 127, '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.@-]+$', 'has a character that a Content-ID must not have'),
                case when not postrider.is_base64(part->>'content') then 'content|is not base64' end)
        end;
        if fault is not null then return 'attachments[' || n || ']' || fault; end if;
        n := n + 1;
    end loop;
    return null;
end
$$;

create function postrider.is_base64(given text) returns boolean
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    return decode(given, 'base64') is not null;
exception
    when data_exception then return false;
end
$$;

-- Exactly one of template, texts, raw.
create function postrider.content_fault(l jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when l->>'template' is not null then case
            when l ?| '{subject,text,html,raw}'
                and coalesce(l->>'subject', l->>'text', l->>'html', l->>'raw') is not null
                then 'template|cannot stand beside subject, text, html or raw'
            when jsonb_typeof(l->'variables') not in ('object', 'null') then 'variables|must be an object'
        end
        when l->>'variables' is not null then 'variables|need a template'
        when l->>'raw' is not null then case
            when coalesce(l->>'subject', l->>'text', l->>'html', l->>'attachments') is not null
                then 'raw|cannot stand beside subject, text, html or attachments'
            when jsonb_typeof(l->'raw') <> 'string' then 'raw|must be a text'
            when l->>'raw' = '' then 'raw|is empty'
        end
        when l->>'subject' is null then 'template|is missing: a letter has a template, or a subject with text or html, or raw'
        when coalesce(l->>'text', l->>'html') is null then 'text|is missing: a subject needs text or html'
        when jsonb_typeof(l->'text') not in ('string', 'null') then 'text|must be a text'
        when jsonb_typeof(l->'html') not in ('string', 'null') then 'html|must be a text'
    end
$$;

create function postrider.tags_fault(tags jsonb) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    return case
        when jsonb_typeof(tags) = 'null' then null
        when jsonb_typeof(tags) <> 'array' then 'tags|must be an array'
        when jsonb_array_length(tags) > 16 then 'tags|are more than 16'
        else (select 'tags[' || n - 1 || ']|must be a text of 1 to 64 characters without control characters'
            from jsonb_array_elements(tags) with ordinality as u (tag, n)
            where jsonb_typeof(tag) <> 'string' or tag #>> '{}' !~ '^[^\x01-\x1f\x7f-\x9f]{1,64}$' limit 1)
    end;
end
$$;

create function postrider.priority_fault(p jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when p is null or jsonb_typeof(p) = 'null' then null
        when jsonb_typeof(p) <> 'number' or p #>> '{}' !~ '^[0-9]$' then 'priority|must be a whole number from 0 to 9'
    end
$$;

-- The fields that most letters do not have, looked at only where one of them is there.
create function postrider.rare_fault(l jsonb) returns text
language sql stable parallel safe as $$
    select case when l ?| '{reply_to,subject,attachments,send_at,valid_until,priority,tags,idempotency_key}' then coalesce(
        postrider.mailbox_fault(l->'reply_to', 'reply_to', '{address,name}'),
        case when l->>'reply_to' is not null and postrider.address(postrider.mailbox_address(l->'reply_to')) is null
            then 'reply_to|' || postrider.why_no_address(postrider.mailbox_address(l->'reply_to')) end,
        postrider.text_fault(l, 'subject', 998, postrider.line_form(), 'has a control character or a line end'),
        case when l->>'attachments' is not null then postrider.attachments_fault(l->'attachments') end,
        postrider.time_fault(l, 'send_at'),
        postrider.time_fault(l, 'valid_until'),
        postrider.priority_fault(l->'priority'),
        postrider.tags_fault(l->'tags'),
        postrider.text_fault(l, 'idempotency_key', 255, '.', 'is empty')) end
$$;

-- The first fault of a letter, whatever is registered.
create function postrider.letter_fault(l jsonb, size_max int) returns text
language sql stable parallel safe as $$
    select case
        when l is null or jsonb_typeof(l) <> 'object' then '|must be a JSON object'
        -- Writing the text out costs more than all other looks: a datum this small, compressed or not, cannot be too large.
        when pg_column_size(l) > least(2048, size_max / 8) and octet_length(l::text) > size_max then '|is larger than ' || size_max::text || ' octets'
        when l - '{stream,to,from,reply_to,campaign,template,variables,subject,text,html,raw,attachments,send_at,valid_until,priority,tags,idempotency_key}'::text[] <> '{}'
            then postrider.unknown_field(l, '{stream,to,from,reply_to,campaign,template,variables,subject,text,html,raw,attachments,send_at,valid_until,priority,tags,idempotency_key}')
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
