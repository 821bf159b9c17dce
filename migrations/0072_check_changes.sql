-- What came and went between two checks of a set-up: the history behind `postrider check --history`.
create table postrider.check_change (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    domain text not null,
    finding text not null,
    about text not null,
    level text not null,
    appeared boolean not null,
    found text not null,
    constraint level_is_known check (level in ('note', 'warning', 'failure'))
);
create index check_change_by_time on postrider.check_change (at);
create index check_change_of_finding on postrider.check_change (domain, finding, about, id);
