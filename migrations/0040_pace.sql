-- Pace: which nodes live and what part of each limit they use, how each route stands and why, what each day gave.

-- One row per running node. `number` grows with every beat: whoever sees it stand still for some seconds of its own clock
-- gives the node up. `shares` is, by source, the part that the node may be using: `{"s1": [0, 360360]}` of 720720.
create table postrider.node (
    id uuid primary key,
    name text not null,
    number bigint not null,
    seen_at timestamptz not null,
    shares jsonb not null
) with (fillfactor = 50);

-- How a route stands over all nodes. A version is drawn under the lock of the beat, so versions commit in their order.
-- `phase` is null when the operator has wiped what was learned.
create sequence postrider.route_version;
create table postrider.route_state (
    source text not null,
    target text not null,
    version bigint not null,
    phase text,
    rate int,
    ceiling int,
    connections int,
    until timestamptz,
    quiet_until timestamptz,
    steps smallint not null default 0,
    pauses smallint not null default 0,
    cause text not null,
    changed_at timestamptz not null,
    changed_by text not null,
    primary key (source, target),
    constraint phase_is_known check (phase in
        ('starting', 'open', 'holding', 'seeking', 'paused', 'probing', 'fixed')),
    constraint rate_is_a_pace check (rate >= 0 and ceiling >= 0 and connections >= 0)
);
create index route_state_by_version on postrider.route_state (version);

-- Every change with its cause; kept as long as history is.
create table postrider.route_change (
    version bigint primary key,
    source text not null,
    target text not null,
    at timestamptz not null,
    phase text,
    rate int,
    connections int,
    until timestamptz,
    cause text not null,
    changed_by text not null
);
create index route_change_of_route on postrider.route_change (source, target, version);
create index route_change_by_time on postrider.route_change (at);

-- A day of a route: letters of a daily limit that nodes have been given, and what became of letters.
create table postrider.route_day (
    source text not null,
    target text not null,
    day date not null,
    granted int not null default 0,
    attempted int not null default 0,
    accepted int not null default 0,
    deferred int not null default 0,
    blocked int not null default 0,
    strangers int not null default 0,
    primary key (source, target, day)
) with (fillfactor = 50);
create index route_day_by_day on postrider.route_day (day);
