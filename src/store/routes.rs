//! Routes as the operator sees and orders them.
//!
//! Owns those statements. Promises: what the operator orders is a change like the governor's, with an author and a reason, in
//! force at every node with its next beat. Read `store::pace` for the beat itself.

use time::OffsetDateTime;

use super::{
    PgStore,
    pace::{LOCK, shares, write_state},
    trouble,
};
use crate::{
    mail::{Phase, RouteKey, RouteState, Share, Timestamp},
    port::StoreError,
};

/// A route, how it stands, and what today brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// Which route.
    pub route: RouteKey,
    /// How it stands; `None` when the governor has had nothing to change.
    pub state: Option<RouteState>,
    /// What became of letters today.
    pub today: DayView,
}

/// What became of letters on one day of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayView {
    /// Letters of a daily limit that nodes have been given.
    pub granted: i32,
    /// Handed over.
    pub attempted: i32,
    /// Accepted.
    pub accepted: i32,
    /// Refused for now because of us or our pace.
    pub deferred: i32,
    /// Refused for good because of us or the content.
    pub blocked: i32,
    /// Refused because nobody is known at the address.
    pub strangers: i32,
}

/// One change of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeView {
    /// When.
    pub at: Timestamp,
    /// Into which phase; `None` when it was wiped.
    pub phase: Option<Phase>,
    /// Letters per hour since then.
    pub rate: Option<u32>,
    /// Why.
    pub cause: String,
    /// Who.
    pub by: String,
}

/// A node that lives, as far as its beat tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// When it beat last, by its own clock.
    pub seen_at: Timestamp,
    /// By source, its part of the limits.
    pub shares: Vec<(String, Share)>,
}

impl PgStore {
    /// Routes that have a state or had letters today, of that source and target where they are named.
    pub async fn routes(
        &self,
        source: Option<&str>,
        target: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<RouteView>, StoreError> {
        let rows = sqlx::query!(
            r#"
select coalesce(s.source, d.source) as "source!", coalesce(s.target, d.target) as "target!",
    s.phase as "phase?", s.rate as "rate?", s.ceiling as "ceiling?", s.connections as "connections?",
    s.until as "until?", s.quiet_until as "quiet_until?", s.steps as "steps?", s.pauses as "pauses?",
    s.cause as "cause?", s.changed_at as "changed_at?", s.changed_by as "changed_by?",
    coalesce(d.granted, 0) as "granted!", coalesce(d.attempted, 0) as "attempted!", coalesce(d.accepted, 0) as "accepted!",
    coalesce(d.deferred, 0) as "deferred!", coalesce(d.blocked, 0) as "blocked!", coalesce(d.strangers, 0) as "strangers!"
from (select * from postrider.route_state where phase is not null) s
full join (select * from postrider.route_day where day = $3) d on d.source = s.source and d.target = s.target
where ($1::text is null or coalesce(s.source, d.source) = $1) and ($2::text is null or coalesce(s.target, d.target) = $2)
order by 1, 2
"#,
            source,
            target,
            OffsetDateTime::from(now).date(),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading the routes"))?;
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        let small = |value: Option<i16>| {
            value
                .and_then(|value| u16::try_from(value).ok())
                .unwrap_or(0)
        };
        let views = rows.into_iter().map(|row| RouteView {
            route: RouteKey {
                source: row.source,
                target: row.target,
            },
            state: row
                .phase
                .as_deref()
                .and_then(Phase::parse)
                .map(|phase| RouteState {
                    phase,
                    rate: number(row.rate),
                    ceiling: number(row.ceiling),
                    connections: number(row.connections),
                    until: row.until.map(Timestamp::from),
                    quiet_until: row.quiet_until.map(Timestamp::from),
                    steps: small(row.steps),
                    pauses: small(row.pauses),
                    cause: row.cause.unwrap_or_default(),
                    changed_at: row.changed_at.map(Timestamp::from).unwrap_or_default(),
                    by: row.changed_by.unwrap_or_default(),
                }),
            today: DayView {
                granted: row.granted,
                attempted: row.attempted,
                accepted: row.accepted,
                deferred: row.deferred,
                blocked: row.blocked,
                strangers: row.strangers,
            },
        });
        Ok(views.collect())
    }

    /// The latest changes of a route, the newest first.
    pub async fn route_changes(
        &self,
        route: &RouteKey,
        max: u32,
    ) -> Result<Vec<ChangeView>, StoreError> {
        let rows = sqlx::query!(
            r#"select at, phase, rate, cause, changed_by from postrider.route_change
            where source = $1 and target = $2 order by version desc limit $3"#,
            route.source,
            route.target,
            i64::from(max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading the history of a route"))?;
        let changes = rows.into_iter().map(|row| ChangeView {
            at: row.at.into(),
            phase: row.phase.as_deref().and_then(Phase::parse),
            rate: row.rate.and_then(|rate| u32::try_from(rate).ok()),
            cause: row.cause,
            by: row.changed_by,
        });
        Ok(changes.collect())
    }

    /// The changes of every route to one of these targets since a moment, and the last one before it of each, the oldest first.
    pub async fn changes_towards(
        &self,
        targets: &[String],
        since: Timestamp,
    ) -> Result<Vec<(RouteKey, ChangeView)>, StoreError> {
        let rows = sqlx::query!(
            r#"
select source as "source!", target as "target!", version as "version!", at as "at!", phase, rate, cause as "cause!",
    changed_by as "changed_by!"
from postrider.route_change where target = any ($1) and at >= $2
union all
(select distinct on (source, target) source, target, version, at, phase, rate, cause, changed_by
from postrider.route_change where target = any ($1) and at < $2 order by source, target, version desc)
order by 3
"#,
            targets,
            OffsetDateTime::from(since),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading how routes changed"))?;
        let changes = rows.into_iter().map(|row| {
            let route = RouteKey {
                source: row.source,
                target: row.target,
            };
            let change = ChangeView {
                at: row.at.into(),
                phase: row.phase.as_deref().and_then(Phase::parse),
                rate: row.rate.and_then(|rate| u32::try_from(rate).ok()),
                cause: row.cause,
                by: row.changed_by,
            };
            (route, change)
        });
        Ok(changes.collect())
    }

    /// Nodes whose beat nobody has given up.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, StoreError> {
        let rows = sqlx::query!(
            r#"select name, seen_at, shares::text as "shares!" from postrider.node order by name, id"#
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading which nodes live"))?;
        let nodes = rows.into_iter().map(|row| NodeView {
            name: row.name,
            seen_at: row.seen_at.into(),
            shares: shares(&row.shares),
        });
        Ok(nodes.collect())
    }

    /// Puts a route into a state, whatever it was before.
    pub async fn set_route(&self, route: &RouteKey, state: &RouteState) -> Result<(), StoreError> {
        let failed = || trouble("setting a route");
        let mut tx = self.calm.begin().await.map_err(failed())?;
        sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed())?;
        write_state(&mut tx, route, None, Some(state))
            .await
            .map_err(failed())?;
        tx.commit().await.map_err(failed())
    }

    /// Wipes what was learned of a route; `false` when nothing was.
    pub async fn reset_route(
        &self,
        route: &RouteKey,
        now: Timestamp,
        cause: &str,
        by: &str,
    ) -> Result<bool, StoreError> {
        let failed = || trouble("resetting a route");
        let mut tx = self.calm.begin().await.map_err(failed())?;
        sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed())?;
        let done = sqlx::query!(
            r#"
with wiped as (
    update postrider.route_state set version = nextval('postrider.route_version'), phase = null, rate = null, ceiling = null,
        connections = null, until = null, quiet_until = null, steps = 0, pauses = 0, cause = $4, changed_at = $3,
        changed_by = $5
    where source = $1 and target = $2 and phase is not null
    returning *
)
insert into postrider.route_change (version, source, target, at, phase, rate, connections, until, cause, changed_by)
select version, source, target, changed_at, phase, rate, connections, until, cause, changed_by from wiped
"#,
            route.source,
            route.target,
            OffsetDateTime::from(now),
            cause,
            by,
        )
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes history of routes from before that moment.
    pub async fn purge_routes(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = OffsetDateTime::from(before);
        let changes = sqlx::query!("delete from postrider.route_change where at < $1", before)
            .execute(&self.calm)
            .await
            .map_err(trouble("removing old changes of routes"))?;
        sqlx::query!(
            "delete from postrider.route_day where day < $1",
            before.date()
        )
        .execute(&self.calm)
        .await
        .map_err(trouble("removing old days of routes"))?;
        Ok(changes.rows_affected())
    }
}
