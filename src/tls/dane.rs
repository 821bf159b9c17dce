//! DANE: DNS that is proved names the certificate of a mail host (RFC 6698, RFC 7671, RFC 7672).
//!
//! Owns [`Tlsa`] and the check of a certificate against records. Promises: only usages 2 and 3 count for SMTP (RFC 7672
//! §3.1.3); under usage 3 neither name nor dates are looked at (§3.1.1), under usage 2 the chain must lead to the certificate that
//! the record names, and the name must fit (§3.1.2).

use std::sync::Arc;

use ::aws_lc_rs::digest::{SHA256, SHA512, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::port::Tlsa;

/// Records read for one host; more are nobody's real set.
pub const RECORDS_MAX: usize = 32;

impl Tlsa {
    /// Whether it can be compared with anything in SMTP.
    pub fn is_usable(&self) -> bool {
        let fits = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        matches!(self.usage, 2 | 3) && self.selector <= 1 && fits
    }

    /// Whether it names that certificate.
    fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
            return false;
        };
        let key = parsed.subject_public_key_info();
        let octets: &[u8] = match self.selector {
            0 => certificate,
            _ => &key,
        };
        match self.matching {
            0 => octets == self.data,
            1 => digest(&SHA256, octets).as_ref() == self.data,
            _ => digest(&SHA512, octets).as_ref() == self.data,
        }
    }

    /// As in a zone file.
    pub fn text(&self) -> String {
        let data = data_encoding::HEXLOWER.encode(&self.data);
        format!("{} {} {} {data}", self.usage, self.selector, self.matching)
    }
}

/// A client configuration that takes certificates that one of the records names, and no other.
pub fn config(records: Vec<Tlsa>) -> Result<Arc<ClientConfig>, Error> {
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier = Dane {
        records,
        crypto: Arc::clone(&crypto),
    };
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Says yes to certificates that a record names.
#[derive(Debug)]
struct Dane {
    records: Vec<Tlsa>,
    crypto: Arc<CryptoProvider>,
}

impl Dane {
    /// The chain leads to a certificate that a record of usage 2 names, and the name fits.
    fn leads_to_anchor(
        &self,
        host: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut anchors = RootCertStore::empty();
        for certificate in chain {
            let is_named = |record: &&Tlsa| record.usage == 2 && record.names(certificate);
            if self.records.iter().any(|record| is_named(&record)) {
                // One that cannot be an anchor only fails to help.
                let _ = anchors.add(certificate.clone().into_owned());
            }
        }
        // A record may bring the whole certificate, so that the host need not send it.
        let whole =
            |record: &&Tlsa| record.usage == 2 && record.selector == 0 && record.matching == 0;
        for record in self.records.iter().filter(whole) {
            let _ = anchors.add(CertificateDer::from(record.data.clone()));
        }
        if anchors.is_empty() {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let host = ParsedCertificate::try_from(host)?;
        let algorithms = self.crypto.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&host, &anchors, chain, now, algorithms)?;
        verify_server_name(&host, name)
    }
}

impl ServerCertVerifier for Dane {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let of_host = self.records.iter().filter(|record| record.usage == 3);
        if of_host.into_iter().any(|record| record.names(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        self.leads_to_anchor(end_entity, intermediates, server_name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto
            .signature_verification_algorithms
            .supported_schemes()
    }
}
