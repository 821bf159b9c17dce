-- Holds: what a person keeps here, who, and why. Released ones stay as history.
create table postrider.hold (
    id int generated always as identity primary key,
    kind text not null,
    value text not null,
    author text not null check (author <> ''),
    reason text not null check (reason <> ''),
    since timestamptz not null,
    released_at timestamptz,
    released_by text,
    constraint kind_is_known check (kind in ('all', 'provider', 'site', 'domain', 'campaign', 'stream')),
    constraint all_has_no_value check ((kind = 'all') = (value = '')),
    constraint release_has_an_author check ((released_at is null) = (released_by is null))
);
create unique index hold_in_force on postrider.hold (kind, value) where released_at is null;

-- Under which hold a letter waits. Such a row is not ready and not leased; it is due when the letter's validity ends, or
-- practically never. Null for every letter that nobody holds, so it costs a bit in the row's null map and nothing else.
alter table postrider.queue add column hold int;
create index queue_held on postrider.queue (hold, letter_id) where hold is not null;

-- New kinds of history lines. Old rows keep to the narrower rule, so nothing needs to be read again.
alter table postrider.event drop constraint kind_is_known;
alter table postrider.event add constraint kind_is_known check (kind in
    ('queued', 'deferred', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'failed', 'in_doubt',
     'lease_expired', 'late_outcome', 'complained', 'unsubscribed', 'reported', 'held', 'released')) not valid;
