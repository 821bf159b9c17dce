//! The web of the small internet: `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, and an end for TLS reports.
//!
//! Owns one https listener for all policy hosts. Promises: a policy is what the plan says, and may change while it is
//! served; what is posted is kept. Everything else is "not found".

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::error::SimError;

/// Longest report taken.
const REPORT_MAX: usize = 1 << 20;

/// Policies by domain, and what was posted.
#[derive(Debug, Default)]
pub(super) struct Pages {
    policies: RwLock<HashMap<String, String>>,
    posted: Mutex<Vec<Vec<u8>>>,
}

impl Pages {
    pub(super) fn set(&self, domain: &str, policy: &str) {
        let mut policies = self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        policies.insert(domain.to_owned(), policy.to_owned());
    }

    pub(super) fn posted(&self) -> Vec<Vec<u8>> {
        self.posted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn policy(&self, host: &str) -> Option<String> {
        let domain = host.strip_prefix("mta-sts.")?;
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        policies.get(domain).cloned()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::POST {
            let body = Limited::new(request.into_body(), REPORT_MAX)
                .collect()
                .await;
            return match body {
                Ok(body) => {
                    let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
                    posted.push(body.to_bytes().to_vec());
                    page(StatusCode::CREATED, String::new())
                }
                Err(_) => page(StatusCode::PAYLOAD_TOO_LARGE, String::new()),
            };
        }
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        match self.policy(host) {
            Some(text) if request.uri().path() == "/.well-known/mta-sts.txt" => {
                page(StatusCode::OK, text)
            }
            _ => page(StatusCode::NOT_FOUND, String::new()),
        }
    }
}

fn page(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=us-ascii");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The bound listener, before anybody is served.
pub(super) struct Web {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Web {
    pub(super) async fn bind(tls: TlsAcceptor) -> Result<Self, SimError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener =
            listener.map_err(|source| SimError::socket("binding the web server", source))?;
        Ok(Self { listener, tls })
    }

    pub(super) fn address(&self) -> Result<SocketAddr, SimError> {
        let address = self.listener.local_addr();
        address.map_err(|source| SimError::socket("binding the web server", source))
    }

    /// Answers until stopped; talks under way end with it.
    pub(super) async fn serve(self, pages: Arc<Pages>, stop: CancellationToken) {
        let mut talks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Finished talks are collected first, so that their number stays that of the open ones.
                Some(_) = talks.join_next(), if !talks.is_empty() => {}
                accepted = self.listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        talks.spawn(talk(stream, self.tls.clone(), Arc::clone(&pages)));
                    }
                }
            }
        }
    }
}

async fn talk(stream: TcpStream, tls: TlsAcceptor, pages: Arc<Pages>) {
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.answer(request).await) }
    });
    // A client that breaks off learns nothing; that is its own affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
