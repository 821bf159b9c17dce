-- What came in: every mail as it came, before it is read, so that a 250 is a promise; and which late words were heard.

create table postrider.inbound (
    id uuid primary key,
    received_at timestamptz not null,
    -- Unread: when it is read next, by whoever comes first. Read: null.
    due_at timestamptz,
    read_at timestamptz,
    letter_id uuid,
    door text not null,
    remote text,
    mail_from text not null,
    rcpt_to text[] not null,
    kind text,
    effect text,
    proof text,
    detail text,
    raw bytea not null,
    constraint read_is_not_due check ((read_at is null) = (due_at is not null)),
    constraint read_has_an_effect check ((read_at is null) = (effect is null)),
    constraint read_has_a_kind check ((read_at is null) = (kind is null)),
    constraint door_is_known check (door in ('smtp', 'lmtp', 'maildir', 'command')),
    constraint kind_is_known check (kind in ('bounce', 'complaint', 'autoreply', 'unsubscribe', 'other')),
    constraint effect_is_known check (effect in
        ('bounced', 'delivered', 'suppressed', 'noted', 'counted', 'duplicate', 'no-letter', 'unproven', 'ignored', 'unrecognised')),
    constraint proof_is_known check (proof in ('envelope', 'returned-copy', 'reporter'))
) with (
    autovacuum_vacuum_scale_factor = 0.1
);
create index inbound_unread on postrider.inbound (due_at) where read_at is null;
create index inbound_unrecognised on postrider.inbound (id) where effect = 'unrecognised';

do $$
begin
    alter table postrider.inbound alter column raw set compression lz4;
exception
    when feature_not_supported then null; -- a server built without lz4 keeps its own compression
end
$$;

-- One line per late word that was acted upon: the same report about the same letter is heard once. `hash` is of the report
-- without the trace that each server on the way puts before it.
create table postrider.late_word (
    letter_id uuid not null,
    shard smallint not null,
    kind text not null,
    hash bytea not null,
    at timestamptz not null,
    primary key (letter_id, shard, kind, hash)
);
create index late_word_by_time on postrider.late_word using brin (at);

-- New kinds of history lines. Old rows keep to the narrower rule, so nothing needs to be read again.
alter table postrider.event drop constraint kind_is_known;
alter table postrider.event add constraint kind_is_known check (kind in
    ('queued', 'deferred', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'failed', 'in_doubt',
     'lease_expired', 'late_outcome', 'complained', 'unsubscribed', 'reported')) not valid;
