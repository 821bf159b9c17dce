//! What is wrong with a certificate, in the words of TLS reports (RFC 8460 §4.3).
//!
//! Owns the way from a failed handshake to a result type, and the look at certificates of sessions that take any.

use std::io;

use rustls::{
    CertificateError, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::mail::{ResultType, Timestamp};

/// The type of a failed handshake.
pub fn of_handshake(error: &io::Error) -> ResultType {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or(ResultType::ValidationFailure, of_tls)
}

fn of_tls(error: &rustls::Error) -> ResultType {
    use CertificateError as Fault;
    let rustls::Error::InvalidCertificate(fault) = error else {
        return ResultType::ValidationFailure;
    };
    match fault {
        Fault::Expired
        | Fault::ExpiredContext { .. }
        | Fault::NotValidYet
        | Fault::NotValidYetContext { .. } => ResultType::CertificateExpired,
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            ResultType::CertificateHostMismatch
        }
        Fault::ApplicationVerificationFailure => ResultType::TlsaInvalid,
        _ => ResultType::CertificateNotTrusted,
    }
}

/// What would have been wrong if a session that took any certificate had looked at it: the host's first, then its chain.
pub fn look(
    chain: &[CertificateDer<'_>],
    host: &str,
    roots: &RootCertStore,
    now: Timestamp,
) -> Option<ResultType> {
    let (Some((first, chain)), Ok(name)) = (chain.split_first(), ServerName::try_from(host)) else {
        return Some(ResultType::ValidationFailure);
    };
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let algorithms = aws_lc_rs::default_provider()
        .signature_verification_algorithms
        .all;
    let seen = ParsedCertificate::try_from(first).and_then(|first| {
        verify_server_cert_signed_by_trust_anchor(&first, roots, chain, now, algorithms)?;
        verify_server_name(&first, &name)
    });
    seen.err().as_ref().map(of_tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_was_not_accepted_says_why() {
        let check = |fault: CertificateError, expected| {
            let error = io::Error::other(rustls::Error::InvalidCertificate(fault));
            assert_eq!(of_handshake(&error), expected);
        };
        check(CertificateError::Expired, ResultType::CertificateExpired);
        check(
            CertificateError::NotValidForName,
            ResultType::CertificateHostMismatch,
        );
        check(
            CertificateError::UnknownIssuer,
            ResultType::CertificateNotTrusted,
        );
        check(
            CertificateError::ApplicationVerificationFailure,
            ResultType::TlsaInvalid,
        );
        let other = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(of_handshake(&other), ResultType::ValidationFailure);
    }

    #[test]
    fn a_session_that_took_any_certificate_is_looked_at_afterwards() {
        let issued = rcgen::generate_simple_self_signed(vec!["mx.example.com".to_owned()]).unwrap();
        let der = issued.cert.der().clone();
        let mut roots = RootCertStore::empty();
        let check = |roots: &RootCertStore, host, now, expected| {
            let found = look(
                std::slice::from_ref(&der),
                host,
                roots,
                Timestamp::from_seconds(now),
            );
            assert_eq!(found, expected, "{host} {now}");
        };
        let now = 1_795_000_000;
        check(
            &roots,
            "mx.example.com",
            now,
            Some(ResultType::CertificateNotTrusted),
        );
        roots.add(der.clone()).unwrap();
        check(&roots, "mx.example.com", now, None);
        check(
            &roots,
            "mx.example.net",
            now,
            Some(ResultType::CertificateHostMismatch),
        );
        check(
            &roots,
            "mx.example.com",
            99_999_999_999,
            Some(ResultType::CertificateExpired),
        );
        let nothing = look(&[], "mx.example.com", &roots, Timestamp::from_seconds(now));
        assert_eq!(nothing, Some(ResultType::ValidationFailure));
    }
}
