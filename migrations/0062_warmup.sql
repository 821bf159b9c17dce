-- Warm-up: what each day of a new source was to bring at a provider, and why; whether the day was good.

-- The first node that needs a day writes it down, and all others take it from here.
create table postrider.warmup_day (
    source text not null,
    target text not null,
    day date not null,
    step smallint not null check (step >= 0),
    letters int check (letters >= 0),
    reason text not null,
    primary key (source, target, day)
);
create index warmup_day_by_day on postrider.warmup_day (day);

alter table postrider.route_day add column spam int not null default 0;
alter table postrider.route_day add column complaints int not null default 0;
