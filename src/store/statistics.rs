//! Reports in sum, kept and added up.
//!
//! Owns two tables. Promises: a report is kept once, whole or not at all; figures are sums over what reporters said.

use sqlx::PgPool;
use time::OffsetDateTime;

use super::{PgStore, columns::storable, trouble};
use crate::{
    mail::{Statistics, StatisticsKind, Timestamp},
    port::StoreError,
};

/// Letters or sessions of one source at one reporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsSum {
    /// Who reports.
    pub reporter: String,
    /// The domain that the report is about.
    pub domain: String,
    /// Where they came from; of TLS reports the host that was spoken to.
    pub source: Option<String>,
    /// The From domain, or the policy.
    pub subject: String,
    /// All of them.
    pub count: i64,
    /// Those that failed: neither DKIM nor SPF in alignment, or not encrypted.
    pub failed: i64,
    /// Those without DKIM in alignment.
    pub without_dkim: i64,
    /// Those without SPF in alignment.
    pub without_spf: i64,
    /// What was done or what failed, of those that failed.
    pub verdicts: String,
    /// The newest details of those that failed.
    pub detail: String,
    /// Begin of the first report in which some failed.
    pub since: Option<Timestamp>,
    /// End of the last report in which some failed.
    pub last: Option<Timestamp>,
}

/// One statement: a report that is known already brings no lines.
pub(super) async fn keep(
    pool: &PgPool,
    report: &Statistics,
    now: Timestamp,
) -> Result<(), StoreError> {
    let lines = &report.lines;
    let text = |read: fn(&crate::mail::StatisticsLine) -> &str| -> Vec<String> {
        lines.iter().map(|line| storable(read(line))).collect()
    };
    let sources: Vec<Option<String>> = lines.iter().map(|line| line.source.clone()).collect();
    let counts: Vec<i64> = lines.iter().map(|line| i64::from(line.count)).collect();
    let dkim: Vec<bool> = lines.iter().map(|line| line.dkim).collect();
    let spf: Vec<bool> = lines.iter().map(|line| line.spf).collect();
    sqlx::query!(
        r#"
with kept as (
    insert into postrider.statistics (kind, reporter, report_id, domain, begins, ends, received_at)
    values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning id
)
insert into postrider.statistics_line (statistics_id, source, count, dkim, spf, verdict, subject, detail)
select kept.id, l.* from kept,
    unnest($8::text[], $9::bigint[], $10::boolean[], $11::boolean[], $12::text[], $13::text[], $14::text[]) as l
"#,
        report.kind.name(),
        storable(&report.reporter),
        storable(&report.report_id),
        storable(&report.domain),
        OffsetDateTime::from(report.begins),
        OffsetDateTime::from(report.ends),
        OffsetDateTime::from(now),
        &sources as _,
        &counts,
        &dkim,
        &spf,
        &text(|line| &line.verdict),
        &text(|line| &line.subject),
        &text(|line| &line.detail),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble("keeping a report in sum"))
}

impl PgStore {
    /// Sums by reporter and source, those with most failures first; reads the reports of the span by their index.
    pub async fn statistics(
        &self,
        kind: StatisticsKind,
        since: Timestamp,
    ) -> Result<Vec<StatisticsSum>, StoreError> {
        let rows = sqlx::query!(
            r#"
select r.reporter, r.domain, l.source, l.subject, sum(l.count)::bigint as "count!",
    coalesce(sum(l.count) filter (where not l.dkim and not l.spf), 0)::bigint as "failed!",
    coalesce(sum(l.count) filter (where not l.dkim), 0)::bigint as "without_dkim!",
    coalesce(sum(l.count) filter (where not l.spf), 0)::bigint as "without_spf!",
    coalesce(string_agg(distinct l.verdict, ', ') filter (where not l.dkim and not l.spf), '') as "verdicts!",
    coalesce((array_agg(l.detail order by r.begins desc) filter (where not l.dkim or not l.spf))[1], '') as "detail!",
    min(r.begins) filter (where not l.dkim and not l.spf) as since,
    max(r.ends) filter (where not l.dkim and not l.spf) as last
from postrider.statistics r join postrider.statistics_line l on l.statistics_id = r.id
where r.kind = $1 and r.begins >= $2
group by r.reporter, r.domain, l.source, l.subject
order by 6 desc, 5 desc, 1, 3 limit 500
"#,
            kind.name(),
            OffsetDateTime::from(since),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("adding up reports"))?;
        Ok(rows
            .into_iter()
            .map(|row| StatisticsSum {
                reporter: row.reporter,
                domain: row.domain,
                source: row.source,
                subject: row.subject,
                count: row.count,
                failed: row.failed,
                without_dkim: row.without_dkim,
                without_spf: row.without_spf,
                verdicts: row.verdicts,
                detail: row.detail,
                since: row.since.map(Timestamp::from),
                last: row.last.map(Timestamp::from),
            })
            .collect())
    }

    /// Drops reports that ended before a moment, with their lines; returns how many.
    pub async fn purge_statistics(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            "delete from postrider.statistics where begins < $1 and ends < $1",
            OffsetDateTime::from(before),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("forgetting old reports"))
    }
}
