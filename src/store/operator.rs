//! Statements that only the operator's commands need.
//!
//! Owns the look at migrations and at other programs, and small additions to the registry. Promises:
//! nothing here takes away what a running node told the database. Leaves the queue to its own files.

use std::collections::BTreeSet;

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use time::OffsetDateTime;

use super::{ACQUIRE_TIMEOUT, PgStore, Registry, quiet, trouble};
use crate::{mail::Timestamp, port::StoreError};

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
}

/// Every step that this program knows.
pub fn known_migrations() -> Vec<Migration> {
    sqlx::migrate!("./migrations")
        .iter()
        .map(|step| Migration {
            version: step.version,
            description: step.description.to_string(),
        })
        .collect()
}

/// Opens one connection and closes it, so that an address that leads nowhere is told at once and with its cause; a pool
/// would go on trying.
pub async fn knock(options: &PgConnectOptions) -> Result<(), StoreError> {
    let doing = || trouble("connecting to PostgreSQL");
    let connect = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options));
    match connect.await {
        Ok(connection) => connection.map_err(doing())?.close().await.map_err(doing()),
        Err(_) => Err(doing()(sqlx::Error::PoolTimedOut)),
    }
}

impl PgStore {
    /// The steps that this program knows and the database has not made.
    pub async fn pending_migrations(&self) -> Result<Vec<Migration>, StoreError> {
        let made = self.made_migrations().await?;
        let is_pending = |step: &Migration| !made.contains(&step.version);
        Ok(known_migrations().into_iter().filter(is_pending).collect())
    }

    async fn made_migrations(&self) -> Result<BTreeSet<i64>, StoreError> {
        let doing = || trouble("looking at the version of the schema");
        let exists = sqlx::query_scalar!(
            r#"select to_regclass('postrider.migration') is not null as "exists!""#
        )
        .fetch_one(&self.calm)
        .await
        .map_err(doing())?;
        if !exists {
            return Ok(BTreeSet::new());
        }
        let made = sqlx::query_scalar!("select version from postrider.migration where success")
            .fetch_all(&self.calm)
            .await
            .map_err(doing())?;
        Ok(made.into_iter().collect())
    }

    /// Adds what the registry lacks, and time zones, and changes nothing that it has: a node that runs may have been told more.
    pub async fn register(&self, registry: &Registry) -> Result<(), StoreError> {
        let (kinds, names, details) = registry.columns();
        sqlx::query!(
            r#"insert into postrider.registry (kind, name, detail)
            select distinct on (kind, name) kind, name, detail::jsonb
            from unnest($1::text[], $2::text[], $3::text[]) as g (kind, name, detail) order by kind, name
            on conflict do nothing"#,
            &kinds as _,
            &names,
            &details,
        )
        .execute(&self.calm)
        .await
        .map(|_| ())
        .map_err(trouble("telling the database streams, templates and senders"))?;
        quiet::tell_zones(&self.calm).await
    }

    /// Revokes one key; `None` when there is no such key, else whether it was alive.
    pub async fn revoke_key(&self, id: i32, now: Timestamp) -> Result<Option<bool>, StoreError> {
        sqlx::query_scalar!(
            r#"with old as (select id, revoked_at from postrider.api_key where id = $1 for update)
            update postrider.api_key k set revoked_at = coalesce(k.revoked_at, $2) from old where k.id = old.id
            returning old.revoked_at is null as "alive!""#,
            id,
            OffsetDateTime::from(now),
        )
        .fetch_optional(&self.calm)
        .await
        .map_err(trouble(format!("revoking key {id}")))
    }

    /// How many other programs of ours work with this server: each listens on a connection of its own.
    pub async fn other_programs(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"select count(distinct l.pid) as "count!" from pg_stat_activity l
            where l.application_name = 'postrider' and l.query like 'LISTEN %'"#
        )
        .fetch_one(&self.calm)
        .await
        .map(|listeners| (listeners - 1).max(0))
        .map_err(trouble("looking for other programs"))
    }
}
