//! `/v1/suppressions`: the ledger of who is not written to, as the backend sees and changes it.
//!
//! Owns the wire's form of an entry. Promises: what is added here has the reason `manual`; the other reasons need evidence
//! of their own. Leaves the effect on queued letters to `store`.

use axum::{Json, body::Body, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::{Door, Problem, letters::read, problem::Query};
use crate::{
    mail::{Address, Reason, Scope, Suppression, Timestamp},
    store::SuppressionFilter,
};

const LISTED_MAX: u32 = 1000;

/// No entry is longer.
const BODY_OCTETS_MAX: usize = 64 << 10;

/// A note for people, not a store of documents.
const NOTE_CHARACTERS_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whom {
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    address: String,
    scope: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    address: String,
    scope: Option<String>,
    #[serde(default)]
    note: String,
    until: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Entry {
    address: String,
    scope: String,
    reason: &'static str,
    evidence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<String>,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Ledger {
    suppressions: Vec<Entry>,
}

#[derive(Serialize)]
pub(super) struct Removed {
    removed: u64,
}

pub(super) async fn list(
    State(door): State<Door>,
    Query(whom): Query<Whom>,
) -> Result<Json<Ledger>, Problem> {
    let filter = SuppressionFilter {
        address: whom.address.as_deref().map(address).transpose()?,
        max: LISTED_MAX,
        ..SuppressionFilter::default()
    };
    let entries = door.store.suppressions(&filter).await?;
    let suppressions = entries.into_iter().map(Entry::from).collect();
    Ok(Json(Ledger { suppressions }))
}

pub(super) async fn add(
    State(door): State<Door>,
    body: Body,
) -> Result<(StatusCode, Json<Entry>), Problem> {
    let body = read(body, BODY_OCTETS_MAX, door.limits.silence).await?;
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body is not an entry: {error}")))?;
    let entry = wish.entry(door.clock.now())?;
    door.store.suppress(&entry).await?;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

pub(super) async fn remove(
    State(door): State<Door>,
    Query(which): Query<Which>,
) -> Result<Json<Removed>, Problem> {
    let address = address(&which.address)?;
    let scope = which.scope.as_deref().map(scope).transpose()?;
    let removed = door.store.unsuppress(&address, scope.as_ref()).await?;
    Ok(Json(Removed { removed }))
}

impl Wish {
    fn entry(self, now: Timestamp) -> Result<Suppression, Problem> {
        // PostgreSQL keeps no zero character in a text.
        if self.note.chars().count() > NOTE_CHARACTERS_MAX || self.note.contains('\0') {
            return Err(Problem::unprocessable(
                "`note` must have at most 1000 characters and no zero character",
            ));
        }
        Ok(Suppression {
            address: address(&self.address)?,
            scope: scope(self.scope.as_deref().unwrap_or("everything"))?,
            reason: Reason::Manual,
            evidence: self.note,
            letter: None,
            since: now,
            until: self.until.map(|text| end(&text, now)).transpose()?,
        })
    }
}

fn address(text: &str) -> Result<Address, Problem> {
    Address::parse(text).map_err(|fault| Problem::unprocessable(format!("`address` {fault}")))
}

fn scope(text: &str) -> Result<Scope, Problem> {
    let wrong = "`scope` must be `everything`, `marketing` or `stream:NAME`";
    let is_nameless = |scope: &Scope| matches!(scope, Scope::Stream(name) if name.is_empty() || name.contains('\0'));
    Scope::parse(text)
        .filter(|scope| !is_nameless(scope))
        .ok_or_else(|| Problem::unprocessable(wrong))
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    Timestamp::parse(text)
        .filter(|until| *until > now)
        .ok_or_else(|| Problem::unprocessable("`until` must be a moment ahead in RFC 3339"))
}

impl From<Suppression> for Entry {
    fn from(entry: Suppression) -> Self {
        Self {
            address: entry.address.key(),
            scope: entry.scope.name(),
            reason: entry.reason.name(),
            evidence: entry.evidence,
            letter: entry.letter.map(|id| id.to_string()),
            since: entry.since.to_string(),
            until: entry.until.map(|at| at.to_string()),
        }
    }
}
