//! What an https address gives.
//!
//! Owns one request without redirects. Promises: a bad certificate does not stop the look, it is told; a body is read up to a
//! limit.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::TlsConnector;

use super::{Inquirer, PATIENCE};
use crate::check::{Certificate, Page};

/// Pages of ours and policies are far smaller.
const BODY_MAX: usize = 64 << 10;
/// A certificate is renewed long before its end by every tool; two weeks leave time to mend the tool.
const SOON: Duration = Duration::from_hours(14 * 24);

impl Inquirer {
    pub(super) async fn page(&self, url: &str, form: Option<&'static str>) -> Result<Page, String> {
        let page = timeout(PATIENCE, self.request(url, form)).await;
        page.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    async fn request(&self, url: &str, form: Option<&'static str>) -> Result<Page, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = uri.host().ok_or("there is no host in it")?.to_owned();
        let sockets = self.sockets(&host, uri.port_u16().unwrap_or(443)).await?;
        let mut last = String::new();
        for at in sockets {
            match TcpStream::connect(at).await {
                Ok(stream) => return self.speak(stream, &uri, &host, form).await,
                Err(error) => last = format!("connecting to {at}: {error}"),
            }
        }
        Err(last)
    }

    async fn speak(
        &self,
        stream: TcpStream,
        uri: &Uri,
        host: &str,
        form: Option<&'static str>,
    ) -> Result<Page, String> {
        let seen = Arc::new(Mutex::new(Certificate::Good));
        let connector = connector(&self.roots, &seen).map_err(|error| error.to_string())?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let tls = connector.connect(name, stream).await;
        let tls = tls.map_err(|error| format!("TLS: {error}"))?;
        let talk = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await;
        let (mut sender, connection) = talk.map_err(|error| error.to_string())?;
        // Ends with this function, at the latest when the set is dropped.
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let request = request(uri, host, form).map_err(|error| error.to_string())?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        // A longer body is nothing of ours; its status is enough.
        let body = axum::body::to_bytes(Body::new(answer.into_body()), BODY_MAX).await;
        Ok(Page {
            status,
            location,
            body: body.map_or_else(|_| Vec::new(), |bytes| bytes.to_vec()),
            certificate: seen.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}

fn request(
    uri: &Uri,
    host: &str,
    form: Option<&'static str>,
) -> hyper::http::Result<Request<Body>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let method = if form.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host);
    match form {
        Some(form) => request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_LENGTH, form.len())
            .body(Body::from(form)),
        None => request.body(Body::empty()),
    }
}

fn connector(roots: &RootCertStore, seen: &Arc<Mutex<Certificate>>) -> Result<TlsConnector, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider));
    let inner = verifier
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let witness = Witness {
        inner,
        seen: Arc::clone(seen),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(witness))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Says yes to every certificate and writes down what a machine that minds would have said, today and in two weeks.
#[derive(Debug)]
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    seen: Arc<Mutex<Certificate>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let then = |now| {
            self.inner
                .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        };
        let later = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + SOON);
        let verdict = match (then(now), then(later)) {
            (Ok(_), Ok(_)) => Certificate::Good,
            (Ok(_), Err(_)) => Certificate::EndsSoon,
            (Err(error), _) if is_over(&error) => Certificate::Ended,
            (Err(error), _) => Certificate::Distrusted(error.to_string()),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

const fn is_over(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. }
        )
    )
}
