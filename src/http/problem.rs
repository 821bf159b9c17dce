//! What is wrong with a whole request, as an RFC 9457 problem document.
//!
//! Owns every status that is not success. Promises: `detail` tells the caller what to change; what happened inside goes to
//! the log only. The type is `about:blank`, so the title is the status's own phrase (RFC 9457 §4.2.1).

use axum::{
    extract::{FromRequestParts, Request, rejection::QueryRejection},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::port::StoreError;

/// When to come back to a server that is full or whose database is away.
const RETRY_AFTER_SECONDS: &str = "5";

/// A request that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

/// The document on the wire.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn no_entry(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn wrong_method(method: &Method) -> Self {
        let detail = format!("{method} does nothing at this address; `Allow` lists what does");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    pub(super) fn wrong_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(super) fn not_now(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<StoreError> for Problem {
    /// Trouble that we do not recognise counts as temporary, so the caller comes back; the log says more.
    fn from(error: StoreError) -> Self {
        log(&error);
        Self::not_now("the database does not answer; try again later")
    }
}

/// What nobody outside is told.
pub(super) fn log(error: &StoreError) {
    tracing::error!(doing = %error.doing, error = %error.source, "the database failed a request");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Bearer realm="postrider""#);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let later = HeaderValue::from_static(RETRY_AFTER_SECONDS);
            headers.insert(header::RETRY_AFTER, later);
        }
        response
    }
}

/// The query of an address, every field of it known: a misspelt one must not be read as absent.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection: QueryRejection| unread(&rejection))
    }
}

fn unread(rejection: &QueryRejection) -> Problem {
    let words = rejection.body_text();
    let fault = words.split_once(": ").map_or(&*words, |(_, fault)| fault);
    Problem::bad_request(format!("the query cannot be read: {fault}"))
}

/// Gives a refusal of the library itself, which answers in plain text, the one form of all refusals.
pub(super) async fn plain_refusals(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if is_plain && (status.is_client_error() || status.is_server_error()) {
        return Problem::new(status, "the request cannot be read").into_response();
    }
    response
}
