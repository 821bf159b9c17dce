//! `GET /v1/events`: the feed of everything that happens, page by page.
//!
//! Owns the wire's form of an event. Promises: a reader who goes on from the last `cursor` sees every event exactly once
//! (`store::events` keeps this); with `wait` it need not ask in a circle.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::{Door, Problem, problem::Query};
use crate::{
    mail::{Class, Event, Stage},
    store::{Cursor, FeedEvent},
};

const LIMIT: std::ops::RangeInclusive<u32> = 1..=1000;
const LIMIT_DEFAULT: u32 = 100;
const WAIT_SECONDS_MAX: u64 = 30;

/// How often a waiting reader's question is put to the database.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    #[serde(default)]
    after: String,
    limit: Option<u32>,
    #[serde(default)]
    wait: u64,
}

#[derive(Serialize)]
pub(super) struct Page {
    events: Vec<FedEvent>,
    cursor: String,
}

#[derive(Serialize)]
struct FedEvent {
    letter: String,
    #[serde(flatten)]
    event: EventBody,
}

/// One event; absent fields are left out.
#[derive(Serialize)]
pub(crate) struct EventBody {
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
}

pub(super) async fn feed(
    State(door): State<Door>,
    Query(ask): Query<Ask>,
) -> Result<Json<Page>, Problem> {
    let after = Cursor::parse(&ask.after)
        .ok_or_else(|| Problem::bad_request("`after` is not a cursor of this feed"))?;
    let limit = ask.limit.unwrap_or(LIMIT_DEFAULT);
    if !LIMIT.contains(&limit) {
        return Err(Problem::bad_request("`limit` must be from 1 to 1000"));
    }
    if ask.wait > WAIT_SECONDS_MAX {
        return Err(Problem::bad_request("`wait` must be from 0 to 30 seconds"));
    }
    let events = wait_for_events(&door, after, limit, Duration::from_secs(ask.wait)).await?;
    Ok(Json(Page::new(after, events)))
}

async fn wait_for_events(
    door: &Door,
    after: Cursor,
    limit: u32,
    wait: Duration,
) -> Result<Vec<FeedEvent>, Problem> {
    let until = Instant::now() + wait;
    loop {
        let events = door.store.events_after(after, limit).await?;
        let now = Instant::now();
        if !events.is_empty() || now >= until {
            return Ok(events);
        }
        tokio::select! {
            () = sleep_until(until.min(now + LOOK_EVERY)) => {}
            () = door.stop.cancelled() => return Ok(events),
        }
    }
}

impl Page {
    fn new(after: Cursor, events: Vec<FeedEvent>) -> Self {
        let cursor = events.last().map_or(after, |last| last.cursor).to_string();
        let events = events.into_iter().map(FedEvent::from).collect();
        Self { events, cursor }
    }
}

impl From<FeedEvent> for FedEvent {
    fn from(fed: FeedEvent) -> Self {
        Self {
            letter: fed.letter.to_string(),
            event: fed.event.into(),
        }
    }
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            at: event.at.to_string(),
            kind: event.kind.name(),
            attempt: event.attempt,
            stage: event.stage.map(Stage::name),
            code: event.code,
            enhanced: event.enhanced.map(|code| code.to_string()),
            text: event.text,
            class: event.class.map(Class::name),
            rule: event.rule,
            due: event.due.map(|at| at.to_string()),
        }
    }
}
