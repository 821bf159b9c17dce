//! The HTTP face: letters in, their histories, the feed of events, suppressions, metrics and health.
//!
//! Owns the wire's own types and words (docs/http.md). Promises: a request holds a bounded part of memory, whatever its
//! length; nobody enters `/v1` without a key; an error says what the caller can change and nothing about our inside. Leaves
//! every rule about letters to `store`. Read `letters` next, then `stream`.

mod answer;
mod events;
mod guard;
mod health;
mod intake;
mod letter;
mod letters;
mod lines;
mod patient;
mod problem;
mod room;
mod serve;
mod stream;
mod suppressions;
mod unsubscribe;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::lint::Looked, mail::Timestamp, metrics::Metrics, port::Clock, store::PgStore,
};

/// The forms that the command line prints as well: one letter, one event, one answer look the same everywhere.
pub(crate) use self::{
    answer::Answer as AnswerBody,
    events::EventBody,
    letter::LetterBody,
    lines::{Line, Lines},
    suppressions::Entry as SuppressionBody,
};
pub use problem::Problem;
pub use serve::{Patience, serve};
pub use unsubscribe::{Left, Unsubscribe, unsubscribe_router};

/// What the HTTP face needs of the program. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    /// Where letters go.
    pub store: PgStore,
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whether the engine works: `/readyz` asks.
    pub engine_works: Arc<dyn Fn() -> bool + Send + Sync>,
    /// When it is cancelled, streams and waiting readers end in good order.
    pub stop: CancellationToken,
    /// What a caller may ask for.
    pub limits: Limits,
    /// Looks at letters before they are stored; `None` where no stream wants it.
    pub preflight: Option<Preflight>,
}

/// Looks at one letter's JSON at a moment; it may take a millisecond of computing.
pub type Preflight = Arc<dyn Fn(&str, Timestamp) -> Looked + Send + Sync>;

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest letter, and so the longest line of a stream, in octets.
    pub letter_octets: u32,
    /// Largest body of a request that is read as a whole, in octets.
    pub body_octets: usize,
    /// Letters stored by one transaction; also the longest array.
    pub batch: usize,
    /// Requests worked on at once; further ones get 503.
    pub requests: usize,
    /// Waiting for the next part of a body.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            letter_octets: 10 << 20,
            body_octets: 32 << 20,
            batch: 500,
            requests: 256,
            silence: Duration::from_secs(30),
        }
    }
}

/// Every address of the face.
pub fn router(door: Door) -> Router {
    let guard = guard::Guard::new(door.clone());
    let room = room::Room::new(door.limits.requests);
    let guarded = Router::new()
        .route("/v1/letters", post(letters::enqueue))
        .route("/v1/letters/{id}", get(letter::show))
        .route("/v1/events", get(events::feed))
        .route(
            "/v1/suppressions",
            get(suppressions::list)
                .post(suppressions::add)
                .delete(suppressions::remove),
        )
        .route_layer(from_fn_with_state(guard, guard::check))
        .route_layer(from_fn_with_state(room, room::enter));
    let open = Router::new()
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::ready));
    guarded
        .merge(open)
        .fallback(no_such_address)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(problem::plain_refusals))
        .with_state(door)
}

async fn no_such_address() -> Problem {
    Problem::not_found("there is nothing at this address; docs/http.md lists those there are")
}

async fn wrong_method(method: Method) -> Problem {
    Problem::wrong_method(&method)
}
