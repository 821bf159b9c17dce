//! Who may enter: bearer keys (RFC 6750 §2.1).
//!
//! Owns the memory of keys found good. Promises: a key is looked up by its hash, so comparing takes the same time for every
//! wrong one; a revoked key works no longer than [`REMEMBERED`]; only good keys are remembered, so strangers fill nothing.
//! Leaves keys' lives to `store::keys`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};

use super::{Door, Problem};
use crate::mail::Timestamp;

/// How long a key found good is believed without a question to the database.
const REMEMBERED: Duration = Duration::from_secs(30);

/// No key is longer; a longer text is not worth a hash.
const KEY_OCTETS_MAX: usize = 256;

const HOW: &str = "send `Authorization: Bearer KEY` with a key that `postrider key new` made";

type Hash = [u8; 32];

#[derive(Clone)]
pub(super) struct Guard {
    door: Door,
    good: Arc<Mutex<HashMap<Hash, Timestamp>>>,
}

impl Guard {
    pub(super) fn new(door: Door) -> Self {
        Self {
            door,
            good: Arc::default(),
        }
    }

    async fn admit(&self, key: &str) -> Result<(), Problem> {
        let (hash, now) = (hash(key), self.door.clock.now());
        if self.remembers(&hash, now) {
            return Ok(());
        }
        let owner = self.door.store.key_owner(key).await?;
        owner.ok_or_else(|| Problem::no_entry(format!("this key opens nothing here; {HOW}")))?;
        self.remember(hash, now);
        Ok(())
    }

    fn remembers(&self, hash: &Hash, now: Timestamp) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.get(hash).is_some_and(|since| is_fresh(*since, now))
    }

    fn remember(&self, hash: Hash, now: Timestamp) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.retain(|_, since| is_fresh(*since, now));
        good.insert(hash, now);
    }
}

/// A moment that lies ahead is a clock that was set back: not fresh, or a key would live on for as long.
fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    since <= now && now.since(since) < REMEMBERED
}

pub(super) async fn check(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = bearer(request.headers())
        .ok_or_else(|| Problem::no_entry(format!("a key is missing; {HOW}")))?;
    guard.admit(key).await?;
    Ok(next.run(request).await)
}

/// The scheme's name is free in case (RFC 9110 §11.1); the key is not.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    let is_key = scheme.eq_ignore_ascii_case("bearer") && !key.is_empty();
    (is_key && key.len() <= KEY_OCTETS_MAX).then_some(key)
}

fn hash(key: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&headers), expected, "{value}");
    }

    #[test]
    fn a_key_comes_after_the_word_bearer() {
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Bearer", None);
        check("Bearer ", None);
        check("Basic abc", None);
        check(&format!("Bearer {}", "x".repeat(257)), None);
    }

    #[test]
    fn a_key_is_remembered_for_half_a_minute_and_not_by_a_clock_set_back() {
        let at = Timestamp::from_seconds;
        assert!(is_fresh(at(100), at(100)));
        assert!(is_fresh(at(100), at(129)));
        assert!(!is_fresh(at(100), at(130)));
        assert!(!is_fresh(at(100), at(99)));
    }
}
