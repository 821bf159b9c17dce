//! How far certificates are trusted.
//!
//! Owns the two TLS client configurations: one that checks certificates against the public roots, one that takes any.
//! Promises: TLS 1.2 and 1.3 only, sessions resumed, the host's name sent as SNI. Leaves the choice between the two to
//! `route` and the configuration, and the handshake to `smtp`.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Hosts whose TLS sessions are remembered; a resumed handshake costs no signature.
const SESSIONS_MAX: usize = 4_096;

/// The TLS client configurations, made once.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Certificates must name the host and lead to a public root.
    pub verified: Arc<ClientConfig>,
    /// Any certificate will do: against listeners on the way, not against impostors (RFC 7435).
    pub any: Arc<ClientConfig>,
    /// The public roots themselves.
    pub roots: Arc<RootCertStore>,
}

impl Trust {
    /// Both configurations over the same cryptography.
    pub fn new() -> Result<Self, Error> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
        Self::with_roots(roots.collect())
    }

    /// Like [`Trust::new`], with roots of one's own.
    pub fn with_roots(roots: RootCertStore) -> Result<Self, Error> {
        let (provider, roots) = (Arc::new(aws_lc_rs::default_provider()), Arc::new(roots));
        let verified = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        let any = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        Ok(Self {
            verified: remembering(verified),
            any: remembering(any),
            roots,
        })
    }
}

fn remembering(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Arc::new(config)
}

/// Says yes to every certificate. Even the handshake's signature is not looked at: where any key is welcome, a signature
/// proves nothing, and reading it would only shut out hosts with very old certificates, that is, send their mail in clear.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
