//! How many requests are worked on at once.
//!
//! Owns the places. Promises: a place is kept for as long as the work lasts, an answer that streams included; who finds none
//! is told so at once, because a waiting request holds memory too. Health and metrics need no place.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;

#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// A place, held by the request and by whoever still works for it after the answer began.
#[derive(Clone, Debug)]
pub(super) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

pub(super) async fn enter(
    State(room): State<Room>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let permit = room
        .0
        .try_acquire_owned()
        .map_err(|_| Problem::not_now("too many requests are being worked on"))?;
    request.extensions_mut().insert(Place {
        _permit: Arc::new(permit),
    });
    Ok(next.run(request).await)
}
