//! Keys of the HTTP door.
//!
//! Owns their life: made, checked, revoked. Promises: the secret is shown once and only its hash is kept. The secret's
//! 256 random bits are an argument, so a plain SHA-256 is enough: there is no short secret to guess.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE32_NOPAD;
use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{mail::Timestamp, port::StoreError};

/// What is known of a key; never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number.
    pub id: i32,
    /// Who uses it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stopped working.
    pub revoked_at: Option<Timestamp>,
}

impl PgStore {
    /// Makes a key out of 32 random octets and returns its text, the only time that it is seen.
    pub async fn new_key(
        &self,
        name: &str,
        secret: [u8; 32],
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let text = format!("postrider_{}", BASE32_NOPAD.encode(&secret).to_lowercase());
        sqlx::query!(
            "insert into postrider.api_key (name, hash, created_at) values ($1, $2, $3)",
            name,
            hash(&text),
            OffsetDateTime::from(now),
        )
        .execute(&self.calm)
        .await
        .map_err(trouble(format!("making the key {name}")))?;
        Ok(text)
    }

    /// Whose key this is; `None` when it was never made or is revoked. By the unique index on the hash.
    pub async fn key_owner(&self, text: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar!(
            "select name from postrider.api_key where hash = $1 and revoked_at is null",
            hash(text),
        )
        .fetch_optional(&self.calm)
        .await
        .map_err(trouble("checking a key"))
    }

    /// Revokes every live key of that name; returns how many.
    pub async fn revoke_keys(&self, name: &str, now: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            "update postrider.api_key set revoked_at = $2 where name = $1 and revoked_at is null",
            name,
            OffsetDateTime::from(now),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble(format!("revoking the key {name}")))
    }

    /// Every key ever made, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query!(
            "select id, name, created_at, revoked_at from postrider.api_key order by id"
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing the keys"))?;
        Ok(rows
            .into_iter()
            .map(|row| ApiKey {
                id: row.id,
                name: row.name,
                created_at: row.created_at.into(),
                revoked_at: row.revoked_at.map(Timestamp::from),
            })
            .collect())
    }
}

fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
