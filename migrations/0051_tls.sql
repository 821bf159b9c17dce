-- How secure sessions were, per day and policy domain, for TLS reports (RFC 8460). `result` is empty for a success.
create table postrider.tls_session (
    day date not null,
    domain text not null,
    policy_type text not null,
    host text not null,
    result text not null,
    policy text[] not null,
    sessions bigint not null,
    primary key (day, domain, policy_type, host, result),
    constraint policy_type_is_known check (policy_type in ('tlsa', 'sts', 'no-policy-found'))
);

-- Reports that were made, or had nobody to go to: one row per day and domain, written before sending, so that of many nodes one sends.
create table postrider.tls_report (
    day date not null,
    domain text not null,
    report_id text not null,
    claimed_at timestamptz not null,
    sent_at timestamptz,
    outcome text,
    primary key (day, domain)
);

-- MTA-STS policies as they were fetched: a restart must not forget what an attacker could then hide (RFC 8461 section 10.2).
create table postrider.sts_policy (
    domain text primary key,
    id text not null,
    policy text not null,
    fetched_at timestamptz not null
);
