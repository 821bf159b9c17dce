-- The tables. Hot and cold apart: `queue` is small and busy, `letter` is what was asked and how it ended, `event` is history.
--
-- `shard` is the first byte of sha256 over the recipient's address key, and again the last byte of the letter's id, so that
-- whoever knows an id knows the shard. It stands in every key that grows with mail: one recipient's rows can live together.

create schema if not exists postrider;

-- Texts that many letters share, stored once.
create table postrider.body (
    hash bytea primary key,
    content jsonb not null,
    last_used_on date not null
);

do $$
begin
    alter table postrider.body alter column content set compression lz4;
exception
    when feature_not_supported then null; -- a server built without lz4 keeps its own compression
end
$$;

-- What was asked, and the final state. Waiting and leased are not written here: `queue` knows, and a lease touches one row less.
-- No index holds `state` or `finished_at`, and pages keep room for one new version of each row: the settling UPDATE is HOT.
create table postrider.letter (
    id uuid not null,
    shard smallint not null,
    priority smallint not null,
    enqueued_at timestamptz not null,
    finished_at timestamptz,
    send_at timestamptz,
    valid_until timestamptz,
    state text not null default 'open',
    stream text not null,
    to_address text not null,
    from_address text not null,
    to_name text,
    locale text,
    time_zone text,
    from_name text,
    reply_to_address text,
    reply_to_name text,
    campaign text,
    template text,
    variables jsonb,
    body bytea,
    tags text[],
    primary key (id, shard),
    constraint state_is_known check (state in
        ('open', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'failed', 'in_doubt')),
    constraint finished_has_a_time check ((state = 'open') = (finished_at is null)),
    constraint has_content check (template is not null or body is not null)
) with (
    fillfactor = 55,
    autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_analyze_scale_factor = 0.05
);

-- The queue's lines: one row per recipient domain ever seen. Not unique by constraint: two open transactions that bring the
-- first letters of one domain would wait for each other. Each makes its own line then, and later letters take the older.
create table postrider.lane (
    id int generated always as identity primary key,
    domain text not null
);
create index lane_of_domain on postrider.lane (domain, id);

-- What is still to be done. A lease sets `ready = false`, `lease_id`, and `due_at` to its end; a retry sets `ready = false` and
-- `due_at` to its time; `promote` brings both back. Every change moves an index entry, so free space in pages buys nothing.
create table postrider.queue (
    letter_id uuid not null,
    lease_id uuid,
    due_at timestamptz not null,
    lane int not null,
    shard smallint not null,
    priority smallint not null,
    attempts smallint not null default 0,
    ready boolean not null,
    primary key (letter_id, shard),
    constraint leased_is_not_ready check (lease_id is null or not ready),
    constraint priority_is_a_digit check (priority between 0 and 9)
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 10000
);
create index queue_ready on postrider.queue (priority, lane, due_at) where ready;
create index queue_waiting on postrider.queue (due_at) where not ready;

-- History, append-only, one partition per day (`make_event_days`); the default partition takes what no day was made for.
create sequence postrider.event_seq cache 100;
create table postrider.event (
    seq bigint not null default nextval('postrider.event_seq'),
    tx xid8 not null default pg_current_xact_id(),
    letter_id uuid not null,
    at timestamptz not null,
    due timestamptz,
    shard smallint not null,
    attempt smallint,
    code smallint,
    prepare_us int,
    talk_us int,
    size_bytes int,
    kind text not null,
    stage text,
    enhanced text,
    text text,
    class text,
    rule text,
    site text,
    provider text,
    host text,
    remote text,
    source text,
    tls text,
    constraint kind_is_known check (kind in
        ('queued', 'deferred', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'failed', 'in_doubt',
         'lease_expired', 'late_outcome'))
) partition by range (at);
create index event_of_letter on postrider.event (letter_id);
create index event_feed on postrider.event (tx, seq);
create table postrider.event_default partition of postrider.event default;

-- Who is not written to.
create table postrider.suppression (
    shard smallint not null,
    address text not null,
    scope text not null,
    reason text not null,
    evidence text not null,
    letter_id uuid,
    since timestamptz not null,
    until timestamptz,
    primary key (shard, address, scope),
    constraint scope_is_known check (scope in ('everything', 'marketing') or scope ~ '^stream:.'),
    constraint reason_is_known check (reason in ('hard-bounce', 'complaint', 'unsubscribe', 'manual'))
);
create index suppression_by_time on postrider.suppression (since);

-- Which key made which letter, so that the same key never makes a second one.
create table postrider.idempotency (
    key text primary key,
    content_hash bytea not null,
    letter_id uuid not null,
    shard smallint not null,
    created_at timestamptz not null
);
create index idempotency_by_time on postrider.idempotency using brin (created_at);

-- What a letter may name: streams, templates, and From domains that have a DKIM key.
create table postrider.registry (
    kind text not null check (kind in ('stream', 'template', 'sender')),
    name text not null,
    detail jsonb not null default '{}',
    primary key (kind, name)
);

create table postrider.api_key (
    id int generated always as identity primary key,
    name text not null,
    hash bytea not null unique,
    created_at timestamptz not null,
    revoked_at timestamptz
);

-- An engine may hold leased letters of an address that has just been suppressed: tell it at commit. The payload is a hash
-- prefix, because whoever may LISTEN need not learn addresses.
create function postrider.tell_suppressed() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_notify('postrider_suppressed', substr(encode(sha256(convert_to(new.address, 'UTF8')), 'hex'), 1, 16));
    return null;
end
$$;
create trigger tell_suppressed after insert or update on postrider.suppression
    for each row execute function postrider.tell_suppressed();
