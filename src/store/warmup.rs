//! The days of warm-ups.
//!
//! Owns reading and opening them. Promises: a day is opened once; what became of its letters is what nodes told with their beats
//! ([`super::pace`]) and what late words added ([`super::late`]).

use sqlx::PgPool;
use time::OffsetDateTime;

use super::{
    PgStore, answer,
    pace::{date_of, day_of},
    trouble,
};
use crate::{
    mail::{RouteKey, Timestamp, WarmCap, WarmDay},
    port::{StoreError, WarmupStore},
};

impl WarmupStore for PgStore {
    async fn warm_days(&self, route: &RouteKey, since: i32) -> Result<Vec<WarmDay>, StoreError> {
        answer(days(&self.calm, route, since)).await
    }

    async fn open_day(
        &self,
        route: &RouteKey,
        day: i32,
        cap: &WarmCap,
    ) -> Result<WarmCap, StoreError> {
        answer(open(&self.calm, route, day, cap)).await
    }
}

/// Both tables by their primary keys.
async fn days(pool: &PgPool, route: &RouteKey, since: i32) -> Result<Vec<WarmDay>, StoreError> {
    let rows = sqlx::query!(
        r#"
select coalesce(d.day, w.day) as "day!", w.step as "step?", w.letters as "letters?", w.reason as "reason?",
    coalesce(d.granted, 0) as "granted!", coalesce(d.attempted, 0) as "attempted!", coalesce(d.accepted, 0) as "accepted!",
    coalesce(d.deferred, 0) as "deferred!", coalesce(d.blocked, 0) as "blocked!", coalesce(d.spam, 0) as "spam!",
    coalesce(d.strangers, 0) as "strangers!", coalesce(d.complaints, 0) as "complaints!"
from (select * from postrider.route_day where source = $1 and target = $2 and day >= $3) d
full join (select * from postrider.warmup_day where source = $1 and target = $2 and day >= $3) w on w.day = d.day
order by 1
"#,
        route.source,
        route.target,
        date_of(since),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("reading the days of a warm-up"))?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let days = rows.into_iter().map(|row| WarmDay {
        day: day_of(row.day),
        cap: row.step.zip(row.reason).map(|(step, reason)| WarmCap {
            step: u16::try_from(step).unwrap_or(0),
            letters: row.letters.map(count),
            reason,
        }),
        granted: count(row.granted),
        attempted: count(row.attempted),
        accepted: count(row.accepted),
        deferred: count(row.deferred),
        blocked: count(row.blocked),
        spam: count(row.spam),
        strangers: count(row.strangers),
        complaints: count(row.complaints),
    });
    Ok(days.collect())
}

/// Of two nodes the second waits for the first, and gets what that one wrote.
async fn open(
    pool: &PgPool,
    route: &RouteKey,
    day: i32,
    cap: &WarmCap,
) -> Result<WarmCap, StoreError> {
    let row = sqlx::query!(
        r#"insert into postrider.warmup_day as w (source, target, day, step, letters, reason) values ($1, $2, $3, $4, $5, $6)
        on conflict (source, target, day) do update set step = w.step returning w.step, w.letters, w.reason"#,
        route.source,
        route.target,
        date_of(day),
        i16::try_from(cap.step).unwrap_or(i16::MAX),
        cap.letters.map(|letters| i32::try_from(letters).unwrap_or(i32::MAX)),
        cap.reason,
    )
    .fetch_one(pool)
    .await
    .map_err(trouble("opening a day of a warm-up"))?;
    Ok(WarmCap {
        step: u16::try_from(row.step).unwrap_or(0),
        letters: row
            .letters
            .map(|letters| u32::try_from(letters).unwrap_or(0)),
        reason: row.reason,
    })
}

impl PgStore {
    /// Routes that are or were being warmed up, of that source and target where they are named.
    pub async fn warm_routes(
        &self,
        source: Option<&str>,
        target: Option<&str>,
    ) -> Result<Vec<RouteKey>, StoreError> {
        let rows = sqlx::query!(
            r#"select distinct source, target from postrider.warmup_day
            where ($1::text is null or source = $1) and ($2::text is null or target = $2) order by source, target"#,
            source,
            target,
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing the routes that are warmed up"))?;
        let routes = rows.into_iter().map(|row| RouteKey {
            source: row.source,
            target: row.target,
        });
        Ok(routes.collect())
    }

    /// Removes days of warm-ups from before that moment.
    pub async fn purge_warmups(&self, before: Timestamp) -> Result<(), StoreError> {
        let before = OffsetDateTime::from(before).date();
        sqlx::query!("delete from postrider.warmup_day where day < $1", before)
            .execute(&self.calm)
            .await
            .map(|_| ())
            .map_err(trouble("removing old days of warm-ups"))
    }
}
