-- Quiet hours: letters that wait until their readers may be disturbed, and the time zones that they may name.

-- A new kind of history line. Old rows keep to the narrower rule, so nothing needs to be read again.
alter table postrider.event drop constraint kind_is_known;
alter table postrider.event add constraint kind_is_known check (kind in
    ('queued', 'deferred', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'failed', 'in_doubt',
     'lease_expired', 'late_outcome', 'complained', 'unsubscribed', 'reported', 'held', 'released', 'postponed')) not valid;

-- The tz database as the programs on this database know it; each adds what is missing at its start. While nobody has (an older
-- program still runs alone), only the form of a name is looked at.
create table postrider.time_zone (name text primary key);

create function postrider.time_zone_fault(given text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from postrider.time_zone where name = given) or not exists (select from postrider.time_zone) then
        return null;
    end if;
    return 'to.time_zone|is not a zone of the tz database such as Asia/Yekaterinburg';
end
$$;

revoke all on function postrider.time_zone_fault(text) from public;

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
            postrider.rare_fault(l),
            -- A function of its own, called only for letters that name a zone.
            case when l->'to'->>'time_zone' is not null then postrider.time_zone_fault(l->'to'->>'time_zone') end)
    end
$$;
