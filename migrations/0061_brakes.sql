-- Brakes: how the letters of each campaign fare at each provider, and what was done about it.

-- Holds on a campaign, or on a stream's letters outside campaigns, at one provider: `spring at mailru`. Older programs leave
-- holds of a kind that they do not know to newer ones.
alter table postrider.hold drop constraint kind_is_known;
alter table postrider.hold add constraint kind_is_known check (kind in
    ('all', 'provider', 'site', 'domain', 'campaign', 'stream', 'campaign-at-provider', 'stream-at-provider'));

-- `kind` and `value` are those of the hold that a stop would lay. `slot` comes from the connection, so that nodes which settle
-- letters of one campaign at the same moment do not wait for each other's commits; readers add the slots up.
create table postrider.brake_count (
    day date not null,
    kind text not null,
    value text not null,
    slot smallint not null,
    answered int not null default 0,
    delivered int not null default 0,
    complaints int not null default 0,
    hard_bounces int not null default 0,
    spam int not null default 0,
    primary key (day, kind, value, slot)
) with (fillfactor = 50);

-- What the brakes did. `after_hold` is the last hold on the same that came before, 0 when there was none: what was warned of
-- before a release is warned of again after it.
create table postrider.brake_change (
    id int generated always as identity primary key,
    at timestamptz not null,
    kind text not null,
    value text not null,
    after_hold int not null,
    level text not null,
    measure text not null,
    words text not null,
    hold int,
    constraint level_is_known check (level in ('warn', 'stop')),
    constraint measure_is_known check (measure in ('complaints', 'hard-bounces', 'spam')),
    constraint said_once unique (kind, value, after_hold, level, measure)
);
create index brake_change_by_time on postrider.brake_change (at);
