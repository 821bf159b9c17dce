//! What all policies together demand of a session to one host.
//!
//! Owns the order: DANE before MTA-STS before our own usage (RFC 8461 §2). Promises: a policy never makes a session
//! weaker than our own usage; a host that a policy rules out is skipped, never tried in clear.

use super::{StsMode, StsPolicy};
use crate::{
    mail::{PolicyType, ResultType},
    port::{Tlsa, TlsaAnswer},
    route::TlsPolicy,
};

/// What a session to a host must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// As we usually do.
    Usual(TlsPolicy),
    /// Under TLS, with a certificate that names the host and leads to a public root.
    Verified,
    /// Under TLS, with a certificate that one of these records names.
    Dane(Vec<Tlsa>),
    /// As usual, but whether the host is named by the policy, and whether its certificate is good, is told.
    Watched(TlsPolicy, bool),
    /// Not at all.
    Skip(ResultType),
}

/// The demand on a session to `host`, and which policy makes it.
pub fn demand(
    usual: TlsPolicy,
    host: &str,
    sts: Option<&StsPolicy>,
    tlsa: &TlsaAnswer,
) -> (Demand, PolicyType) {
    match tlsa {
        _ if usual == TlsPolicy::Off => (Demand::Usual(usual), PolicyType::NoPolicyFound),
        // The zone is signed and the answer is not to be had: an attacker would do just that (RFC 7672 §2.1.2).
        TlsaAnswer::Bogus(_) => (Demand::Skip(ResultType::DnssecInvalid), PolicyType::Tlsa),
        TlsaAnswer::Secure(records) => (of_records(usual, records), PolicyType::Tlsa),
        TlsaAnswer::None => of_sts(usual, host, sts),
    }
}

fn of_records(usual: TlsPolicy, records: &[Tlsa]) -> Demand {
    let usable: Vec<Tlsa> = records
        .iter()
        .filter(|record| record.is_usable())
        .cloned()
        .collect();
    match (usable.is_empty(), usual) {
        (false, _) => Demand::Dane(usable),
        // The host has promised TLS, if nothing that can be looked at (RFC 7672 §2.2).
        (true, TlsPolicy::Opportunistic) => Demand::Usual(TlsPolicy::Required),
        (true, usual) => Demand::Usual(usual),
    }
}

fn of_sts(usual: TlsPolicy, host: &str, sts: Option<&StsPolicy>) -> (Demand, PolicyType) {
    let Some(policy) = sts else {
        return (Demand::Usual(usual), PolicyType::NoPolicyFound);
    };
    let demand = match (policy.mode, policy.names(host)) {
        (StsMode::Enforce, true) => Demand::Verified,
        (StsMode::Enforce, false) => Demand::Skip(ResultType::StsPolicyInvalid),
        (StsMode::Testing, is_named) => Demand::Watched(usual, is_named),
        (StsMode::None, _) => return (Demand::Usual(usual), PolicyType::NoPolicyFound),
    };
    (demand, PolicyType::Sts)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sts(mode: StsMode) -> StsPolicy {
        StsPolicy {
            mode,
            mx: vec!["mx.example.com".to_owned()],
            max_age: Duration::from_hours(1),
        }
    }

    fn record(usage: u8) -> Tlsa {
        Tlsa {
            usage,
            selector: 1,
            matching: 1,
            data: vec![7; 32],
        }
    }

    fn check(
        usual: TlsPolicy,
        host: &str,
        mode: Option<StsMode>,
        tlsa: &TlsaAnswer,
        expected: &(Demand, PolicyType),
    ) {
        let policy = mode.map(sts);
        let found = demand(usual, host, policy.as_ref(), tlsa);
        assert_eq!(&found, expected, "{usual:?} {host} {mode:?} {tlsa:?}");
    }

    #[test]
    fn dane_speaks_first_then_sts_then_we() {
        use TlsPolicy::{Off, Opportunistic, Required, Verified};
        let (mx, other) = ("mx.example.com", "mx.example.net");
        let none = TlsaAnswer::None;
        let usual = |policy| (Demand::Usual(policy), PolicyType::NoPolicyFound);
        for policy in [Off, Opportunistic, Required, Verified] {
            check(policy, mx, None, &none, &usual(policy));
            check(policy, mx, Some(StsMode::None), &none, &usual(policy));
        }
        let enforce = Some(StsMode::Enforce);
        check(
            Opportunistic,
            mx,
            enforce,
            &none,
            &(Demand::Verified, PolicyType::Sts),
        );
        let skip = (Demand::Skip(ResultType::StsPolicyInvalid), PolicyType::Sts);
        check(Opportunistic, other, enforce, &none, &skip);
        let watched = |named| (Demand::Watched(Opportunistic, named), PolicyType::Sts);
        let testing = Some(StsMode::Testing);
        check(Opportunistic, mx, testing, &none, &watched(true));
        check(Opportunistic, other, testing, &none, &watched(false));

        let secure = TlsaAnswer::Secure(vec![record(3), record(0)]);
        let dane = (Demand::Dane(vec![record(3)]), PolicyType::Tlsa);
        check(Opportunistic, other, enforce, &secure, &dane);
        let unusable = TlsaAnswer::Secure(vec![record(1)]);
        let required = (Demand::Usual(Required), PolicyType::Tlsa);
        check(Opportunistic, mx, None, &unusable, &required);
        check(
            Verified,
            mx,
            None,
            &unusable,
            &(Demand::Usual(Verified), PolicyType::Tlsa),
        );
        let bogus = TlsaAnswer::Bogus("SERVFAIL".to_owned());
        let skip = (Demand::Skip(ResultType::DnssecInvalid), PolicyType::Tlsa);
        check(Opportunistic, mx, enforce, &bogus, &skip);
        check(Off, mx, enforce, &bogus, &usual(Off));
    }
}
