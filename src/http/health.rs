//! What machines ask about this node: metrics, life and readiness. No key is needed.
//!
//! Owns three answers. Promises: `/healthz` touches nothing, so a slow database restarts no node; `/readyz` answers within
//! [`PING_PATIENCE`].

use std::time::Duration;

use axum::{extract::State, http::header, response::IntoResponse};

use super::{Door, Problem};

const PING_PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn metrics(State(door): State<Door>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, door.metrics.render())
}

pub(super) async fn lives() -> &'static str {
    "lives\n"
}

pub(super) async fn ready(State(door): State<Door>) -> Result<&'static str, Problem> {
    if door.stop.is_cancelled() || !(door.engine_works)() {
        return Err(Problem::not_now("the engine does not work"));
    }
    match tokio::time::timeout(PING_PATIENCE, door.store.ping()).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(_)) | Err(_) => Err(Problem::not_now("the database does not answer")),
    }
}
