//! Routes that the operator fixes: a smarthost, or a known host for a domain.
//!
//! Owns [`FixedRoutes`]. Promises: the longest matching domain wins; a fixed route asks no MX records, and it alone may name a
//! port, a login, or a host inside the own machine. Leaves the reading of configuration to `config`.

use std::{collections::BTreeMap, fmt};

use super::Site;
use crate::mail::{Domain, Provider};

/// Whether a connection goes over to TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Never.
    Off,
    /// Where it is offered and works; any certificate.
    #[default]
    Opportunistic,
    /// Always; any certificate.
    Required,
    /// Always; the certificate must name the host and lead to a public root.
    Verified,
}

/// User and secret at a smarthost.
#[derive(Clone, PartialEq, Eq)]
pub struct SmarthostLogin {
    /// The user name.
    pub user: String,
    /// The password or token.
    pub secret: String,
    /// Whether they may be sent without TLS.
    pub in_clear: bool,
}

impl fmt::Debug for SmarthostLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmarthostLogin({:?}, secret withheld)", self.user)
    }
}

/// A host that takes a domain's mail because the operator says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedRoute {
    /// Host name or IP address.
    pub host: String,
    /// Its port; 587 for most smarthosts.
    pub port: u16,
    /// Whether to go over to TLS.
    pub tls: TlsPolicy,
    /// The login, where it wants one.
    pub login: Option<SmarthostLogin>,
}

impl FixedRoute {
    /// The name under which limits count.
    pub fn site(&self) -> Site {
        Site::of_fixed(&self.host, self.port)
    }

    /// Who runs it, as far as its name tells.
    pub fn provider(&self) -> Provider {
        Provider::of_mx(&self.host)
    }
}

/// Fixed routes by recipient domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedRoutes {
    /// A domain, the letters of its subdomains included.
    pub by_domain: BTreeMap<Domain, FixedRoute>,
    /// For every other domain.
    pub default: Option<FixedRoute>,
}

impl FixedRoutes {
    /// The route for a recipient domain; `None` leaves it to DNS.
    pub fn find(&self, domain: &Domain) -> Option<&FixedRoute> {
        let matches = self
            .by_domain
            .iter()
            .filter(|(parent, _)| domain.is_within(parent.as_str()));
        let closest = matches.max_by_key(|(parent, _)| parent.as_str().len());
        closest.map(|(_, route)| route).or(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(domain: &str, expected: Option<&str>) {
        let route = |host: &str| FixedRoute {
            host: host.to_owned(),
            port: 587,
            tls: TlsPolicy::Verified,
            login: None,
        };
        let routes = FixedRoutes {
            by_domain: ["example.com", "deep.example.com"]
                .into_iter()
                .map(|name| (Domain::parse(name).unwrap(), route(name)))
                .collect(),
            default: None,
        };
        let domain = Domain::parse(domain).unwrap();
        let found = routes.find(&domain).map(|route| route.site().to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn the_longest_domain_wins() {
        check("example.com", Some("example.com:587"));
        check("a.example.com", Some("example.com:587"));
        check("b.deep.example.com", Some("deep.example.com:587"));
        check("notexample.com", None);
    }

    #[test]
    fn the_secret_is_never_printed() {
        let login = SmarthostLogin {
            user: "anna".into(),
            secret: "s3cret".into(),
            in_clear: false,
        };
        assert_eq!(
            format!("{login:?}"),
            "SmarthostLogin(\"anna\", secret withheld)"
        );
    }
}
