//! The ledger of who is not written to.
//!
//! Owns entries made and removed by people and by late evidence; live verdicts write theirs in [`super::settle`]. Promises:
//! once an entry commits no new lease hands out such a letter unflagged, and engines hear of it ([`super::wake`]).

use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{
    mail::{Address, LetterId, Reason, Scope, Suppression, Timestamp},
    port::StoreError,
};

/// Which entries to list; an empty filter lists the newest.
#[derive(Clone, Debug, Default)]
pub struct SuppressionFilter {
    /// Only entries of this address.
    pub address: Option<Address>,
    /// Only entries with this reason.
    pub reason: Option<Reason>,
    /// Only entries older than this moment.
    pub before: Option<Timestamp>,
    /// No more than this.
    pub max: u32,
}

impl PgStore {
    /// Adds an entry, or renews the one of the same address and scope.
    pub async fn suppress(&self, entry: &Suppression) -> Result<(), StoreError> {
        sqlx::query!(
            r#"insert into postrider.suppression (shard, address, scope, reason, evidence, letter_id, since, until)
            values (postrider.shard($1), $1, $2, $3, $4, $5, $6, $7)
            on conflict (shard, address, scope) do update
            set reason = excluded.reason, evidence = excluded.evidence, letter_id = excluded.letter_id,
                since = excluded.since, until = excluded.until"#,
            entry.address.key(),
            entry.scope.name(),
            entry.reason.name(),
            entry.evidence,
            entry.letter.map(|id| id.0),
            OffsetDateTime::from(entry.since),
            entry.until.map(OffsetDateTime::from),
        )
        .execute(&self.calm)
        .await
        .map(|_| ())
        .map_err(trouble("adding a suppression"))
    }

    /// Removes an address's entries, of one scope or of all; returns how many. By the primary key.
    pub async fn unsuppress(
        &self,
        address: &Address,
        scope: Option<&Scope>,
    ) -> Result<u64, StoreError> {
        sqlx::query!(
            r#"delete from postrider.suppression
            where shard = postrider.shard($1) and address = $1 and ($2::text is null or scope = $2)"#,
            address.key(),
            scope.map(Scope::name),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("removing a suppression"))
    }

    /// Entries, newest first, by the index on their time; one address by the primary key.
    pub async fn suppressions(
        &self,
        filter: &SuppressionFilter,
    ) -> Result<Vec<Suppression>, StoreError> {
        let rows = sqlx::query!(
            r#"select address, scope, reason, evidence, letter_id, since, until from postrider.suppression
            where ($1::text is null or (shard = postrider.shard($1) and address = $1))
                and ($2::text is null or reason = $2)
                and ($3::timestamptz is null or since < $3)
            order by since desc, address, scope limit $4"#,
            filter.address.as_ref().map(Address::key),
            filter.reason.map(Reason::name),
            filter.before.map(OffsetDateTime::from),
            i64::from(filter.max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing suppressions"))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(Suppression {
                    address: Address::parse(&row.address).ok()?,
                    scope: Scope::parse(&row.scope)?,
                    reason: Reason::parse(&row.reason)?,
                    evidence: row.evidence,
                    letter: row.letter_id.map(LetterId),
                    since: row.since.into(),
                    until: row.until.map(Timestamp::from),
                })
            })
            .collect())
    }
}
