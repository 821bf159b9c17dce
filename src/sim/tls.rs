//! TLS on the receiving side: certificates that nobody signed but ourselves, and those of an authority of our own.
//!
//! Owns making certificates and TLS acceptors for some host names. Promises: no process-wide state. Most mail hosts show a
//! certificate that nobody can verify (RFC 7435). Read `session` for when it is used.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::error::SimError;

/// Shows a fresh self-signed certificate for these names.
pub(super) fn self_signed(hosts: Vec<String>) -> Result<TlsAcceptor, SimError> {
    let issued = rcgen::generate_simple_self_signed(hosts).map_err(SimError::crypto)?;
    acceptor(issued.cert.der().clone(), &issued.signing_key)
}

/// Whoever signs certificates in the small internet.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Result<Self, SimError> {
        let mut root = CertificateParams::new(Vec::new()).map_err(SimError::crypto)?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(SimError::crypto)?;
        let issuer = CertifiedIssuer::self_signed(root, key).map_err(SimError::crypto)?;
        Ok(Self(issuer))
    }

    /// What clients may trust.
    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.0.as_ref().der().clone()
    }

    /// Shows a fresh certificate for these names that leads to the root.
    pub(super) fn certified(&self, hosts: Vec<String>) -> Result<TlsAcceptor, SimError> {
        let key = KeyPair::generate().map_err(SimError::crypto)?;
        let params = CertificateParams::new(hosts).map_err(SimError::crypto)?;
        let issued = params.signed_by(&key, &self.0).map_err(SimError::crypto)?;
        acceptor(issued.der().clone(), &key)
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<TlsAcceptor, SimError> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(SimError::crypto)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))
        .map_err(SimError::crypto)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
