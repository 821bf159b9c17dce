-- What receivers report in sum about letters that bear our names: DMARC aggregate reports and TLS reports. They prove nothing and
-- change nothing; they are counted and shown.

create table postrider.statistics (
    id bigint generated always as identity primary key,
    kind text not null,
    reporter text not null,
    report_id text not null,
    domain text not null,
    begins timestamptz not null,
    ends timestamptz not null,
    received_at timestamptz not null,
    constraint kind_is_known check (kind in ('dmarc', 'tls')),
    -- The same report comes twice when its sender is not sure that we have it.
    constraint heard_once unique (kind, reporter, report_id, domain)
);
create index statistics_by_time on postrider.statistics (begins);

create table postrider.statistics_line (
    statistics_id bigint not null references postrider.statistics on delete cascade,
    source text,
    count bigint not null,
    dkim boolean not null,
    spf boolean not null,
    verdict text not null,
    subject text not null,
    detail text not null
);
create index statistics_line_by_report on postrider.statistics_line (statistics_id);
