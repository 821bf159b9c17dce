//! STARTTLS on the receiving side, with certificates that nobody signed but ourselves.
//!
//! Owns making a certificate and a TLS acceptor for some host names. Promises: no process-wide state. Most mail hosts
//! are exactly so: encrypted, not verifiable (RFC 7435). Read `session` for when it is used.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::error::SimError;

/// An acceptor that shows a fresh self-signed certificate for these names.
pub(super) fn acceptor(hosts: Vec<String>) -> Result<TlsAcceptor, SimError> {
    let issued = rcgen::generate_simple_self_signed(hosts).map_err(SimError::crypto)?;
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let chain = vec![issued.cert.der().clone()];
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(SimError::crypto)?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .map_err(SimError::crypto)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
