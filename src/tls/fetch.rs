//! One https request over a stream that somebody else has opened.
//!
//! Owns the request for a policy (RFC 8461 §3.3) and the delivery of a report (RFC 8460 §5.3). Promises: the certificate names the
//! host and leads to a public root; no redirect is followed; a body has a bound; the caller sets the time limit. The protocol
//! is the library's.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio_rustls::TlsConnector;

use super::sts::POLICY_MAX_OCTETS;
use crate::port::Wire;

/// What comes back to a report is not read beyond this.
const ANSWER_MAX_OCTETS: usize = 4_096;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// No TLS, or not with whom we want to speak.
    #[error("TLS to {0} failed")]
    Tls(String, #[source] std::io::Error),
    /// The talk broke.
    #[error("the talk over https broke")]
    Http(#[source] hyper::Error),
    /// Another answer than success.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// The policy is no plain text.
    #[error("the answer is not text/plain")]
    NotText,
    /// The body is too long, or broke off.
    #[error("the body broke off, or is longer than allowed")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request cannot be written.
    #[error("no such request can be made")]
    Request(#[source] hyper::http::Error),
    /// The host is no name.
    #[error("{0} is not a host name")]
    Name(String),
}

/// The policy file of a host `mta-sts.DOMAIN`.
pub async fn policy<W: Wire>(
    wire: W,
    trust: &Arc<ClientConfig>,
    host: &str,
) -> Result<Bytes, FetchFault> {
    let request = Request::get("/.well-known/mta-sts.txt")
        .header(header::HOST, host)
        .header(header::USER_AGENT, "postrider")
        .body(Full::new(Bytes::new()))
        .map_err(FetchFault::Request)?;
    let asked = ask(wire, trust, host, request, POLICY_MAX_OCTETS);
    let (answer, body) = asked.await?;
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if answer.status() != StatusCode::OK {
        return Err(FetchFault::Status(answer.status()));
    }
    if !kind.eq_ignore_ascii_case("text/plain") {
        return Err(FetchFault::NotText);
    }
    Ok(body)
}

/// Delivers a compressed report.
pub async fn report<W: Wire>(
    wire: W,
    trust: &Arc<ClientConfig>,
    host: &str,
    path: &str,
    report: Vec<u8>,
) -> Result<(), FetchFault> {
    let request = Request::post(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "postrider")
        .header(header::CONTENT_TYPE, "application/tlsrpt+gzip")
        .body(Full::new(Bytes::from(report)))
        .map_err(FetchFault::Request)?;
    let (answer, _) = ask(wire, trust, host, request, ANSWER_MAX_OCTETS).await?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(FetchFault::Status(answer.status()))
}

async fn ask<W: Wire>(
    wire: W,
    trust: &Arc<ClientConfig>,
    host: &str,
    request: Request<Full<Bytes>>,
    body_max: usize,
) -> Result<(Response<()>, Bytes), FetchFault> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| FetchFault::Name(host.to_owned()))?;
    let handshake = TlsConnector::from(Arc::clone(trust)).connect(name, wire);
    let stream = handshake
        .await
        .map_err(|error| FetchFault::Tls(host.to_owned(), error))?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(FetchFault::Http)?;
    let exchange = std::pin::pin!(async move {
        let answer = sender
            .send_request(request)
            .await
            .map_err(FetchFault::Http)?;
        read(answer, body_max).await
    });
    match select(exchange, std::pin::pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection may end together with the answer.
        Either::Right((_, exchange)) => exchange.await,
    }
}

async fn read(
    answer: Response<Incoming>,
    body_max: usize,
) -> Result<(Response<()>, Bytes), FetchFault> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, body_max).collect().await;
    let body = body.map_err(FetchFault::Body)?.to_bytes();
    Ok((Response::from_parts(head, ()), body))
}
