//! The way to a domain: the hosts that DNS names, or the one the operator has fixed.
//!
//! Owns the choice between the two and what differs: port, TLS, login. Promises: a fixed route asks DNS for nothing but
//! its own host's address. Pure; see `route` for both kinds and `connection` for the walking.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::{
    mail::{Provider, Unroutable},
    port::HostAnswer,
    route::{FixedRoute, Plan, Site, TlsPolicy},
    smtp::{Login, Tls},
};

/// Where letters of one site go.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// The hosts of the domain's MX records.
    Mx(Plan),
    /// A smarthost.
    Fixed(FixedRoute),
}

/// How certificates are looked at.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Any certificate: opportunistic TLS beats none (RFC 7435).
    pub anyone: Arc<ClientConfig>,
    /// Only certificates that name the host and lead to a public root.
    pub public_roots: Arc<ClientConfig>,
    /// Those roots, to look at certificates afterwards.
    pub roots: Arc<RootCertStore>,
}

impl Trust {
    /// TLS by our own usage alone.
    pub(super) fn tls(&self, policy: TlsPolicy) -> Tls {
        match policy {
            TlsPolicy::Off => Tls::Off,
            TlsPolicy::Opportunistic => Tls::Opportunistic(Arc::clone(&self.anyone)),
            TlsPolicy::Required => Tls::Required(Arc::clone(&self.anyone)),
            TlsPolicy::Verified => Tls::Required(Arc::clone(&self.public_roots)),
        }
    }
}

impl Way {
    /// The name under which limits count.
    pub(super) fn site(&self) -> Site {
        match self {
            Self::Mx(plan) => plan.site.clone(),
            Self::Fixed(route) => route.site(),
        }
    }

    /// Who runs it.
    pub(super) fn provider(&self) -> Provider {
        match self {
            Self::Mx(plan) => plan.provider,
            Self::Fixed(route) => route.provider(),
        }
    }

    /// Host names in the order of trying.
    pub(super) fn hosts(&self) -> Vec<&str> {
        match self {
            Self::Mx(plan) => plan.hosts.iter().map(|host| host.name.as_str()).collect(),
            Self::Fixed(route) => vec![&route.host],
        }
    }

    /// The host by which a profile is found: of the most preferred ones the first by name, so that chance has no part in it.
    pub(super) fn best_host(&self) -> &str {
        match self {
            Self::Mx(plan) => {
                let best = plan
                    .hosts
                    .iter()
                    .min_by_key(|host| (host.preference, &host.name));
                best.map_or("", |host| host.name.as_str())
            }
            Self::Fixed(route) => &route.host,
        }
    }

    /// What DNS has to say about a way whose hosts have no address to try.
    pub(super) fn without_address(&self, answers: &[HostAnswer]) -> Unroutable {
        match self {
            Self::Mx(plan) => plan.without_address(answers),
            Self::Fixed(route) => Unroutable::DnsTrouble(format!(
                "the fixed route's host {} has no address",
                route.host
            )),
        }
    }

    /// A port of its own.
    pub(super) const fn port(&self) -> Option<u16> {
        match self {
            Self::Mx(_) => None,
            Self::Fixed(route) => Some(route.port),
        }
    }

    /// Our own usage of TLS on this way; `usual` is that towards MX hosts.
    pub(super) const fn tls(&self, usual: TlsPolicy) -> TlsPolicy {
        match self {
            Self::Mx(_) => usual,
            Self::Fixed(route) => route.tls,
        }
    }

    /// Whether policies that recipient domains publish count here: a smarthost is the operator's affair.
    pub(super) const fn is_public(&self) -> bool {
        matches!(self, Self::Mx(_))
    }

    /// The login it wants.
    pub(super) fn login(&self) -> Option<Login> {
        let Self::Fixed(FixedRoute {
            login: Some(login), ..
        }) = self
        else {
            return None;
        };
        let (user, secret) = (login.user.clone(), login.secret.clone());
        Some(Login {
            user,
            secret,
            in_clear: login.in_clear,
        })
    }
}
