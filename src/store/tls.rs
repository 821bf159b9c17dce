//! Sessions counted for TLS reports, the reports, and MTA-STS policies.
//!
//! Owns these three tables. Promises: counts of one batch are added once or not at all; of many nodes one makes the report of a
//! day and domain. Leaves what a report says to `app::tls_reports`.

use sqlx::PgPool;
use time::{Date, OffsetDateTime};

use super::{PgStore, answer, trouble};
use crate::{
    mail::{Domain, PolicyType, ResultType, Timestamp, TlsOutcome},
    port::{KeptPolicy, StoreError, TlsCount, TlsStore},
};

/// Hosts and results of one domain's day that go into a report.
const ROWS_MAX: i64 = 1_000;

/// Policies read at the start of an engine; more domains than anybody writes to have none.
const POLICIES_MAX: i64 = 20_000;

impl TlsStore for PgStore {
    async fn count_sessions(&self, counts: &[TlsCount], now: Timestamp) -> Result<(), StoreError> {
        answer(add(&self.calm, counts, now)).await
    }

    async fn kept_policies(&self) -> Result<Vec<(Domain, KeptPolicy)>, StoreError> {
        answer(kept(&self.calm)).await
    }

    async fn keep_policy(&self, domain: &Domain, policy: &KeptPolicy) -> Result<(), StoreError> {
        let kept = sqlx::query!(
            r#"insert into postrider.sts_policy (domain, id, policy, fetched_at) values ($1, $2, $3, $4)
            on conflict (domain) do update set id = excluded.id, policy = excluded.policy, fetched_at = excluded.fetched_at
            where postrider.sts_policy.fetched_at < excluded.fetched_at"#,
            domain.as_str(),
            policy.id,
            policy.text,
            OffsetDateTime::from(policy.fetched_at),
        )
        .execute(&self.calm);
        answer(async {
            kept.await
                .map_err(trouble(format!("keeping the policy of {domain}")))
        })
        .await?;
        Ok(())
    }
}

async fn kept(pool: &PgPool) -> Result<Vec<(Domain, KeptPolicy)>, StoreError> {
    let rows = sqlx::query!(
        "select domain, id, policy, fetched_at from postrider.sts_policy order by fetched_at desc limit $1",
        POLICIES_MAX,
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("reading the policies that are kept"))?;
    let kept = rows.into_iter().filter_map(|row| {
        let policy = KeptPolicy {
            id: row.id,
            text: row.policy,
            fetched_at: row.fetched_at.into(),
        };
        Some((Domain::parse(&row.domain).ok()?, policy))
    });
    Ok(kept.collect())
}

/// Sorted by key, so that nodes that add at the same time take their row locks in one order.
async fn add(pool: &PgPool, counts: &[TlsCount], now: Timestamp) -> Result<(), StoreError> {
    let mut counts: Vec<&TlsCount> = counts.iter().collect();
    counts.sort_by_key(|count| key(&count.outcome));
    let texts = |of: fn(&TlsOutcome) -> String| -> Vec<String> {
        counts.iter().map(|count| of(&count.outcome)).collect()
    };
    let sessions = counts
        .iter()
        .map(|count| i64::try_from(count.sessions).unwrap_or(i64::MAX));
    let sessions: Vec<i64> = sessions.collect();
    sqlx::query!(
        r#"insert into postrider.tls_session (day, domain, policy_type, host, result, policy, sessions)
        select $1, domain, policy_type, host, result, coalesce(string_to_array(nullif(policy, ''), E'\n'), '{}'), sessions
        from (
            select domain, policy_type, host, result, min(policy) as policy, sum(sessions)::bigint as sessions
            from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
                as c (domain, policy_type, host, result, policy, sessions)
            group by domain, policy_type, host, result order by domain, policy_type, host, result
        ) as c
        on conflict (day, domain, policy_type, host, result)
        do update set sessions = postrider.tls_session.sessions + excluded.sessions, policy = excluded.policy"#,
        OffsetDateTime::from(now).date(),
        &texts(|outcome| outcome.domain.clone()),
        &texts(|outcome| outcome.basis.name().to_owned()),
        &texts(|outcome| outcome.host.clone()),
        &texts(|outcome| outcome.fault.map_or("", ResultType::name).to_owned()),
        &texts(|outcome| outcome.policy.join("\n")),
        &sessions,
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble("counting sessions for TLS reports"))
}

fn key(outcome: &TlsOutcome) -> (&str, PolicyType, &str, Option<ResultType>) {
    (&outcome.domain, outcome.basis, &outcome.host, outcome.fault)
}

/// A day's report that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueReport {
    /// The day, UTC.
    pub day: Date,
    /// The policy domain.
    pub domain: String,
}

impl PgStore {
    /// Claims reports of days before `now`'s that nobody has made, at most `max`.
    pub async fn claim_tls_reports(
        &self,
        now: Timestamp,
        max: u32,
    ) -> Result<Vec<DueReport>, StoreError> {
        let moment = OffsetDateTime::from(now);
        let rows = sqlx::query!(
            r#"insert into postrider.tls_report (day, domain, report_id, claimed_at)
            select distinct s.day, s.domain, s.day || '.' || s.domain, $2::timestamptz from postrider.tls_session s
            where s.day < $1 and s.day >= $1 - 3
                and not exists (select 1 from postrider.tls_report r where r.day = s.day and r.domain = s.domain)
            limit $3
            on conflict do nothing returning day, domain"#,
            moment.date(),
            moment,
            i64::from(max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("looking for TLS reports that are due"))?;
        let due = rows.into_iter();
        Ok(due
            .map(|row| DueReport {
                day: row.day,
                domain: row.domain,
            })
            .collect())
    }

    /// What was counted on a day for a domain.
    pub async fn tls_counts(&self, day: Date, domain: &str) -> Result<Vec<TlsCount>, StoreError> {
        let rows = sqlx::query!(
            r#"select policy_type, host, result, policy, sessions from postrider.tls_session
            where day = $1 and domain = $2 order by policy_type, host, result limit $3"#,
            day,
            domain,
            ROWS_MAX,
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble(format!("reading the sessions of {domain}")))?;
        let counts = rows.into_iter().filter_map(|row| {
            let outcome = TlsOutcome {
                domain: domain.to_owned(),
                host: row.host,
                basis: PolicyType::parse(&row.policy_type)?,
                policy: row.policy,
                fault: ResultType::parse(&row.result),
            };
            let sessions = u64::try_from(row.sessions).unwrap_or(0);
            Some(TlsCount { outcome, sessions })
        });
        Ok(counts.collect())
    }

    /// Notes what became of a report.
    pub async fn tls_report_done(
        &self,
        report: &DueReport,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update postrider.tls_report set sent_at = $3, outcome = $4 where day = $1 and domain = $2",
            report.day,
            report.domain,
            OffsetDateTime::from(now),
            outcome,
        )
        .execute(&self.calm)
        .await
        .map(|_| ())
        .map_err(trouble("noting what became of a TLS report"))
    }

    /// Forgets counts and reports of days before that moment's.
    pub async fn purge_tls(&self, before: Timestamp) -> Result<(), StoreError> {
        let day = OffsetDateTime::from(before).date();
        let purged = async {
            sqlx::query!("delete from postrider.tls_session where day < $1", day)
                .execute(&self.calm)
                .await?;
            sqlx::query!("delete from postrider.tls_report where day < $1", day)
                .execute(&self.calm)
                .await
        };
        purged
            .await
            .map(|_| ())
            .map_err(trouble("forgetting old TLS sessions"))
    }
}
