//! How secure a session was, in the words of TLS reports (RFC 8460).
//!
//! Owns the nouns. Leaves what a session must be to `tls`, counting to `metrics` and the store, reports to `app`.

/// Why a session did not come to be as its policy wants it (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultType {
    /// The host does not offer STARTTLS, or refuses it.
    StarttlsNotSupported,
    /// The certificate names another host.
    CertificateHostMismatch,
    /// The certificate is not valid at this time.
    CertificateExpired,
    /// Nobody we trust stands behind the certificate.
    CertificateNotTrusted,
    /// TLS failed otherwise.
    ValidationFailure,
    /// No TLSA record fits the certificate.
    TlsaInvalid,
    /// DNS answers about the host are forged, or cannot be proved.
    DnssecInvalid,
    /// The policy could not be fetched.
    StsPolicyFetchError,
    /// The policy cannot be read, or does not name the host.
    StsPolicyInvalid,
}

impl ResultType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::StarttlsNotSupported,
        Self::CertificateHostMismatch,
        Self::CertificateExpired,
        Self::CertificateNotTrusted,
        Self::ValidationFailure,
        Self::TlsaInvalid,
        Self::DnssecInvalid,
        Self::StsPolicyFetchError,
        Self::StsPolicyInvalid,
    ];

    /// The word used in reports, SQL and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StarttlsNotSupported => "starttls-not-supported",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::ValidationFailure => "validation-failure",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::StsPolicyFetchError => "sts-policy-fetch-error",
            Self::StsPolicyInvalid => "sts-policy-invalid",
        }
    }

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which policy spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    /// TLSA records.
    Tlsa,
    /// An MTA-STS policy.
    Sts,
    /// None.
    NoPolicyFound,
}

impl PolicyType {
    /// The word used in reports, SQL and JSON (RFC 8460 §4.4).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tlsa => "tlsa",
            Self::Sts => "sts",
            Self::NoPolicyFound => "no-policy-found",
        }
    }

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Tlsa, Self::Sts, Self::NoPolicyFound];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// How the security of one session to one host came out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsOutcome {
    /// The recipient domain whose letter wanted the session.
    pub domain: String,
    /// The MX host.
    pub host: String,
    /// Which policy spoke.
    pub basis: PolicyType,
    /// The policy's lines, where one spoke.
    pub policy: Vec<String>,
    /// What went wrong, if anything did.
    pub fault: Option<ResultType>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_name() {
        for kind in ResultType::ALL {
            assert_eq!(ResultType::parse(kind.name()), Some(kind));
        }
        for kind in [PolicyType::Tlsa, PolicyType::Sts, PolicyType::NoPolicyFound] {
            assert_eq!(PolicyType::parse(kind.name()), Some(kind));
        }
    }
}
