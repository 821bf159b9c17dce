//! What waits, for what and since when.
//!
//! Owns the look at the whole queue by provider, site and recipient domain. Promises: one pass over the narrow table `queue`
//! and none over history, because each retry writes what it waits for (`store::settle`); where a domain's letters go is known
//! from its first attempt on. Leaves the pace of routes to [`super::routes`].

use uuid::Uuid;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, policy::waits::Cause, port::StoreError};

/// Letters that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose letters, as the group has it: a provider, a site, or a recipient domain. `None` where nobody was spoken to yet.
    pub name: Option<String>,
    /// The provider, where the group is a site or a domain.
    pub provider: Option<String>,
    /// The site, where the group is a domain.
    pub site: Option<String>,
    /// What they wait for.
    pub cause: Cause,
    /// The class of the last refusal.
    pub class: Option<String>,
    /// Letters.
    pub letters: i64,
    /// When the oldest of them was enqueued, to the millisecond.
    pub oldest_at: Option<Timestamp>,
    /// When the first of them is due, or was.
    pub due_at: Option<Timestamp>,
}

/// Everything that waits, three times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// By provider: these add up to the whole queue.
    pub providers: Vec<Waiting>,
    /// By site, the most letters first, as many as were asked for.
    pub sites: Vec<Waiting>,
    /// By recipient domain; all lines of the domains with the most letters, as many as were asked for.
    pub domains: Vec<Waiting>,
}

/// No more of a domain's line is counted than tells that it is long.
pub const LINE_MAX: i64 = 100_000;

impl PgStore {
    /// Counts what waits; `max_sites` and `max_domains` bound the answer, not the reading. `counted` is one scan of `queue` with
    /// one hash entry per lane and cause; everything after it works on those entries.
    pub async fn waits(&self, max_sites: u32, max_domains: u32) -> Result<Waits, StoreError> {
        let rows = sqlx::query!(
            r#"
with counted as materialized (
    select q.lane, case
            when q.lease_id is not null then 'work'
            when q.hold is not null then 'hold'
            when q.ready then 'queue'
            when q.waits_for is not null then q.waits_for
            when q.attempts > 0 then 'retry'
            else 'schedule' end as cause,
        q.last_class as class, count(*) as letters, min(q.letter_id::text collate "C") as oldest,
        min(q.due_at) filter (where q.lease_id is null and q.hold is null) as due_at
    from postrider.queue q group by 1, 2, 3
),
named as materialized (
    select l.domain, l.site, l.provider, c.cause, c.class, c.letters, c.oldest, c.due_at
    from counted c join postrider.lane l on l.id = c.lane
),
longest as materialized (
    select domain, sum(letters) as letters from named group by domain order by 2 desc, 1 limit $2
)
(select 1 as "by!", provider as name, null as provider, null as site, cause as "cause!", class, sum(letters)::bigint as "letters!",
    min(oldest) as oldest, min(due_at) as due_at
from named group by provider, cause, class order by 7 desc, 2, 5, 6)
union all
(select 2, site, provider, null, cause, class, sum(letters)::bigint, min(oldest), min(due_at)
from named where site is not null group by site, provider, cause, class order by 7 desc, 2, 5, 6 limit $1)
union all
(select 3, n.domain, min(n.provider), min(n.site), n.cause, null, sum(n.letters)::bigint, min(n.oldest), min(n.due_at)
from named n join longest t on t.domain = n.domain group by n.domain, n.cause, t.letters order by t.letters desc, n.domain, n.cause)
"#,
            i64::from(max_sites),
            i64::from(max_domains),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("counting what waits"))?;
        let mut waits = Waits::default();
        for row in rows {
            let group = match row.by {
                1 => &mut waits.providers,
                2 => &mut waits.sites,
                _ => &mut waits.domains,
            };
            group.push(Waiting {
                name: row.name,
                provider: row.provider,
                site: row.site,
                cause: Cause::parse(&row.cause).unwrap_or(Cause::Retry),
                class: row.class,
                letters: row.letters,
                oldest_at: row.oldest.as_deref().and_then(made_at),
                due_at: row.due_at.map(Timestamp::from),
            });
        }
        Ok(waits)
    }

    /// How many ready letters stand in the line of a domain, [`LINE_MAX`] at most: one probe of `queue_ready` per priority.
    pub async fn line_of(&self, domain: &str) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"select count(*) as "letters!" from (
                select 1 from generate_series(0, 9) as p (priority)
                join lateral (
                    select 1 from postrider.lane l join postrider.queue q on q.lane = l.id
                    where l.domain = $1 and q.ready and q.priority = p.priority limit $2
                ) as each on true limit $2
            ) as line"#,
            domain,
            LINE_MAX,
        )
        .fetch_one(&self.calm)
        .await
        .map_err(trouble(format!("counting the line of {domain}")))
    }

    /// The site and the provider that a domain's letters went to last.
    pub async fn way_of(&self, domain: &str) -> Result<Option<(String, String)>, StoreError> {
        let row = sqlx::query!(
            r#"select site as "site!", provider as "provider!" from postrider.lane
            where domain = $1 and site is not null and provider is not null order by id limit 1"#,
            domain,
        )
        .fetch_optional(&self.calm)
        .await
        .map_err(trouble(format!("looking where letters to {domain} go")))?;
        Ok(row.map(|row| (row.site, row.provider)))
    }
}

/// A letter's id begins with the milliseconds of its enqueueing (RFC 9562 §5.7), so the least id is the oldest letter.
fn made_at(id: &str) -> Option<Timestamp> {
    let bytes = Uuid::parse_str(id).ok()?.into_bytes();
    let millis = bytes[..6]
        .iter()
        .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    Some(Timestamp::from_micros(millis * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_age() {
        let at = made_at("01a096f5-9c00-7001-b6a1-3d7b1b2f5c11").unwrap();
        assert_eq!(at.to_string(), "2026-09-12T18:51:13.792Z");
        assert_eq!(made_at("nobody"), None);
    }
}
