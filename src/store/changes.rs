//! What came and went of a set-up's faults.
//!
//! Owns the rows behind `postrider check --history`. Promises: a fault that stands is written once, whichever node finds it and
//! however often nodes start; nodes take turns. Leaves the faults themselves to `check`.

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, port::StoreError};

/// Whoever compares findings with what is written holds this advisory lock: "chek" in ASCII.
const LOCK: i64 = 0x6368_656b;

/// One fault that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckChange {
    /// When a node saw it.
    pub at: Timestamp,
    /// The sending domain.
    pub domain: String,
    /// The rule's id.
    pub finding: String,
    /// The name or address that it is about.
    pub about: String,
    /// The rule's level.
    pub level: String,
    /// Whether it came; else it went.
    pub appeared: bool,
    /// What was seen; for one that went, what was seen when it came.
    pub found: String,
}

/// Which changes to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of these domains; none is all.
    pub domains: Vec<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    pub max: u32,
}

impl PgStore {
    /// Compares what a round found for these domains with what is written, writes the difference, and returns it. `standing`
    /// holds every fault of these domains, with `appeared` set. `known` reads the last line of each fault by
    /// `check_change_of_finding`; the history is small.
    pub async fn note_check(
        &self,
        domains: &[String],
        standing: &[CheckChange],
        now: Timestamp,
    ) -> Result<Vec<CheckChange>, StoreError> {
        let failed = || trouble("noting what changed of the set-up");
        let column = |of: fn(&CheckChange) -> &String| -> Vec<String> {
            standing.iter().map(|change| of(change).clone()).collect()
        };
        let mut tx = self.calm.begin().await.map_err(failed())?;
        sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed())?;
        let rows = sqlx::query!(
            r#"
with standing as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as s (domain, finding, about, level, found)
),
known as materialized (
    select * from (
        select distinct on (domain, finding, about) domain, finding, about, level, found, appeared
        from postrider.check_change where domain = any ($6) order by domain, finding, about, id desc
    ) as last where appeared
)
insert into postrider.check_change (at, domain, finding, about, level, found, appeared)
select $7::timestamptz, domain, finding, about, level, found, true from standing s
where not exists (select 1 from known k where k.domain = s.domain and k.finding = s.finding and k.about = s.about)
union all
select $7::timestamptz, domain, finding, about, level, found, false from known k
where not exists (select 1 from standing s where s.domain = k.domain and s.finding = k.finding and s.about = k.about)
returning at, domain, finding, about, level, found, appeared
"#,
            &column(|change| &change.domain),
            &column(|change| &change.finding),
            &column(|change| &change.about),
            &column(|change| &change.level),
            &column(|change| &change.found),
            domains,
            OffsetDateTime::from(now),
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        let changes = rows.into_iter().map(|row| CheckChange {
            at: row.at.into(),
            domain: row.domain,
            finding: row.finding,
            about: row.about,
            level: row.level,
            appeared: row.appeared,
            found: row.found,
        });
        Ok(changes.collect())
    }

    /// What came and went, the oldest first.
    pub async fn check_changes(
        &self,
        filter: &ChangeFilter,
    ) -> Result<Vec<CheckChange>, StoreError> {
        let rows = sqlx::query!(
            r#"select at, domain, finding, about, level, found, appeared from postrider.check_change
            where (cardinality($1::text[]) = 0 or domain = any ($1)) and ($2::timestamptz is null or at >= $2)
            order by id desc limit $3"#,
            &filter.domains,
            filter.since.map(OffsetDateTime::from),
            i64::from(filter.max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading what changed of the set-up"))?;
        let changes = rows.into_iter().rev().map(|row| CheckChange {
            at: row.at.into(),
            domain: row.domain,
            finding: row.finding,
            about: row.about,
            level: row.level,
            appeared: row.appeared,
            found: row.found,
        });
        Ok(changes.collect())
    }

    /// Removes changes from before that moment, but for the last of each fault that still stands.
    pub async fn purge_check_changes(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            r#"delete from postrider.check_change c where at < $1 and (not appeared or exists (
                select 1 from postrider.check_change n
                where n.domain = c.domain and n.finding = c.finding and n.about = c.about and n.id > c.id))"#,
            OffsetDateTime::from(before),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("removing old changes of the set-up"))
    }
}
