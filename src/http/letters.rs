//! `POST /v1/letters`: one letter, an array of letters, or a stream of them.
//!
//! Owns the choice between the three. Promises: an array is one transaction, so it is done whole or not at all; a body read
//! as a whole has a limit in size and in time. Streams are in [`super::stream`].

use std::time::Duration;

use axum::{
    Extension, Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde_json::value::RawValue;

use super::{
    Door, Problem,
    answer::Answer,
    intake::{self, Given},
    problem,
    room::Place,
    stream,
};

/// A whole body has so many times the patience for one part of it.
const PATIENCE: u32 = 4;

const TYPES: &str = "send `Content-Type: application/json` for a letter or an array of them, or \
    `application/x-ndjson` for a stream with one letter per line";

pub(super) async fn enqueue(
    State(door): State<Door>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_encoding(&headers)?;
    match media_type(&headers).as_deref() {
        Some("application/json") => whole(&door, body).await,
        Some("application/x-ndjson") => Ok(stream::answer(door, place, body)),
        _ => Err(Problem::wrong_type(TYPES)),
    }
}

async fn whole(door: &Door, body: Body) -> Result<Response, Problem> {
    let body = read(body, door.limits.body_octets, door.limits.silence).await?;
    if body.trim_ascii_start().starts_with(b"[") {
        let given = elements(&body, door.limits.batch)?;
        return Ok(Json(enqueue_whole(door, given).await?).into_response());
    }
    let given = intake::look(&body).map_err(|why| no_letter(&why))?;
    let answers = enqueue_whole(door, vec![Ok(given)]).await?;
    let answer = answers
        .first()
        .expect("one letter was given, so one is answered");
    Ok((answer.http_status(), Json(answer)).into_response())
}

/// A commit whose answer was lost on the way is a failure that did its work, so nothing better can be said.
async fn enqueue_whole(door: &Door, given: Vec<Given>) -> Result<Vec<Answer>, Problem> {
    intake::enqueue(door, given).await.map_err(|error| {
        problem::log(&error);
        Problem::not_now(
            "the database does not answer; the letters may or may not exist, and a second try with the same \
            idempotency keys makes no second copies",
        )
    })
}

fn no_letter(why: &str) -> Problem {
    Problem::bad_request(format!("the body {why}"))
}

/// Each element is judged alone, but the array has to be JSON as a whole: else nobody knows where its letters end.
fn elements(body: &[u8], longest: usize) -> Result<Vec<Given>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| no_letter("is not UTF-8"))?;
    let elements: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| no_letter(&format!("is not JSON: {error}")))?;
    if elements.len() > longest {
        let many = elements.len();
        return Err(Problem::too_large(format!(
            "the array has {many} letters, and {longest} are the most; send more as `application/x-ndjson`"
        )));
    }
    let look = |element: &&RawValue| intake::look(element.get().as_bytes());
    Ok(elements.iter().map(look).collect())
}

/// Reads a body as a whole. A client that drips it octet by octet runs out of time.
pub(super) async fn read(
    body: Body,
    octets_max: usize,
    silence: Duration,
) -> Result<Bytes, Problem> {
    tokio::time::timeout(silence * PATIENCE, gather(body, octets_max))
        .await
        .map_err(|_| Problem::too_slow("the body took too long to arrive"))?
}

async fn gather(body: Body, octets_max: usize) -> Result<Bytes, Problem> {
    let mut pieces = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::bad_request("the body broke off"))?;
        if whole.len() + piece.len() > octets_max {
            return Err(Problem::too_large(format!(
                "the body is longer than {octets_max} octets; send many letters as `application/x-ndjson`"
            )));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let bare = value.split(';').next().unwrap_or_default();
    Some(bare.trim().to_ascii_lowercase())
}

fn refuse_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(
            Problem::wrong_type("send the body without `Content-Encoding`"),
        ),
        _ => Ok(()),
    }
}
