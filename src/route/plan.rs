//! From a DNS answer to hosts in order.
//!
//! Owns [`Plan`] and the reading of MX answers. Promises: hosts go by preference, equal ones by the dice (RFC 5321 §5.1); a
//! null MX is believed (RFC 7505); broken MX records never fall back to the domain's own address, because the domain did
//! say who takes its mail. Read `site` for the name and `address` for what follows a host.

use super::{
    Site,
    host::{mail_host, shuffle},
};
use crate::{
    mail::{Domain, Provider, Unroutable},
    port::{HostAnswer, MxAnswer},
};

/// Most hosts tried for one domain; more than any operator has, and a bound for those who list hundreds.
const HOSTS_MAX: usize = 16;

/// A host that takes a domain's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHost {
    /// Its name, in lower case.
    pub name: String,
    /// Lower goes first.
    pub preference: u16,
}

/// Where a domain's letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The hosts, in the order of trying.
    pub hosts: Vec<MailHost>,
    /// The set of hosts by name: limits count per site.
    pub site: Site,
    /// Who runs it, as far as we know.
    pub provider: Provider,
    /// The domain has no MX and takes its mail itself.
    pub is_implicit: bool,
}

/// Reads a domain's MX answer. `dice` is in 0..1 and spreads letters over hosts of equal preference.
pub fn plan(domain: &Domain, answer: &MxAnswer, dice: f64) -> Result<Plan, Unroutable> {
    match answer {
        MxAnswer::Hosts(records) if is_null(records) => Err(Unroutable::NullMx),
        MxAnswer::Hosts(records) => explicit(records, dice),
        MxAnswer::None => Ok(implicit(domain)),
        MxAnswer::NoSuchDomain => Err(Unroutable::NoSuchDomain),
        MxAnswer::Trouble(what) => Err(Unroutable::DnsTrouble(what.clone())),
    }
}

/// Every record says "nobody". One among others says nothing, and its host is junk like any other (RFC 7505 §3).
fn is_null(records: &[(u16, String)]) -> bool {
    !records.is_empty()
        && records
            .iter()
            .all(|(_, name)| matches!(&name[..], "" | "."))
}

fn implicit(domain: &Domain) -> Plan {
    let name = domain.as_str().to_owned();
    Plan {
        site: Site::of([&name[..]]),
        provider: Provider::of_mx(&name),
        hosts: vec![MailHost {
            name,
            preference: 0,
        }],
        is_implicit: true,
    }
}

fn explicit(records: &[(u16, String)], dice: f64) -> Result<Plan, Unroutable> {
    let mut hosts: Vec<MailHost> = records
        .iter()
        .filter_map(|(preference, name)| {
            let preference = *preference;
            mail_host(name).map(|name| MailHost { name, preference })
        })
        .collect();
    hosts.sort_by(|one, other| (one.preference, &one.name).cmp(&(other.preference, &other.name)));
    keep_best(&mut hosts);
    let best = hosts.first().ok_or_else(|| {
        Unroutable::DnsTrouble("its MX records name no host that could take mail".to_owned())
    })?;
    let provider = hosts
        .iter()
        .take_while(|host| host.preference == best.preference)
        .map(|host| Provider::of_mx(&host.name))
        .find(|provider| *provider != Provider::Other)
        .unwrap_or(Provider::Other);
    let site = Site::of(hosts.iter().map(|host| &host.name[..]));
    for equals in hosts.chunk_by_mut(|one, other| one.preference == other.preference) {
        shuffle(equals, dice);
    }
    hosts.truncate(HOSTS_MAX);
    Ok(Plan {
        hosts,
        site,
        provider,
        is_implicit: false,
    })
}

/// A host listed twice counts once, at its better preference.
fn keep_best(hosts: &mut Vec<MailHost>) {
    let mut seen = std::collections::BTreeSet::new();
    hosts.retain(|host| seen.insert(host.name.clone()));
}

impl Plan {
    /// The verdict of DNS when no host of the plan has an address to try.
    pub fn without_address(&self, answers: &[HostAnswer]) -> Unroutable {
        let trouble = answers.iter().find_map(|answer| match answer {
            HostAnswer::Trouble(what) => Some(what.clone()),
            _ => None,
        });
        match trouble {
            Some(what) => Unroutable::DnsTrouble(what),
            None if self.is_implicit => Unroutable::NoMailHost,
            // The domain wants mail and names hosts that do not exist: a mistake that its owner may still mend.
            None => {
                let what = "none of its mail hosts has an address that could take mail";
                Unroutable::DnsTrouble(what.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Domain {
        Domain::parse("example.com").unwrap()
    }

    fn hosts(records: &[(u16, &str)]) -> MxAnswer {
        let owned = records
            .iter()
            .map(|(preference, name)| (*preference, (*name).to_owned()));
        MxAnswer::Hosts(owned.collect())
    }

    fn check(answer: &MxAnswer, expected: &str) {
        let found = match plan(&example(), answer, 0.0) {
            Ok(plan) => {
                let names: Vec<&str> = plan.hosts.iter().map(|host| &host.name[..]).collect();
                format!(
                    "{} -> {} ({})",
                    plan.site,
                    names.join(" "),
                    plan.provider.name()
                )
            }
            Err(unroutable) => unroutable.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn hosts_go_by_preference() {
        check(
            &hosts(&[(20, "mx2.example.com"), (10, "MX1.example.com.")]),
            "{mx1,mx2}.example.com -> mx1.example.com mx2.example.com (other)",
        );
        check(
            &hosts(&[(10, "emx.mail.ru"), (10, "emx.mail.ru")]),
            "emx.mail.ru -> emx.mail.ru (mailru)",
        );
        check(
            &hosts(&[(10, "filter.example.org"), (20, "aspmx.l.google.com")]),
            "{aspmx.l.google.com,filter.example.org} -> filter.example.org aspmx.l.google.com (other)",
        );
    }

    #[test]
    fn a_domain_without_mx_takes_its_mail_itself() {
        check(&MxAnswer::None, "example.com -> example.com (other)");
    }

    #[test]
    fn a_null_mx_is_believed() {
        let words = "the domain declares that it takes no mail (null MX)";
        check(&hosts(&[(0, "")]), words);
        check(&hosts(&[(10, ".")]), words);
        check(
            &hosts(&[(0, ""), (10, "mx.example.com")]),
            "mx.example.com -> mx.example.com (other)",
        );
    }

    #[test]
    fn junk_is_skipped_and_never_replaced_by_a_guess() {
        check(
            &hosts(&[(0, "192.0.2.1"), (5, "localhost"), (10, "mx.example.com")]),
            "mx.example.com -> mx.example.com (other)",
        );
        check(
            &hosts(&[(0, "192.0.2.1"), (5, "mail")]),
            "DNS gave no usable answer: its MX records name no host that could take mail",
        );
        check(
            &hosts(&[]),
            "DNS gave no usable answer: its MX records name no host that could take mail",
        );
    }

    #[test]
    fn dns_trouble_and_a_missing_domain_are_told_apart() {
        check(&MxAnswer::NoSuchDomain, "the domain does not exist");
        check(
            &MxAnswer::Trouble("SERVFAIL".into()),
            "DNS gave no usable answer: SERVFAIL",
        );
    }

    #[test]
    fn only_an_implicit_host_without_address_is_final() {
        let own = plan(&example(), &MxAnswer::None, 0.0).unwrap();
        let named = plan(&example(), &hosts(&[(1, "mx.example.org")]), 0.0).unwrap();
        assert_eq!(
            own.without_address(&[HostAnswer::NoSuchHost]),
            Unroutable::NoMailHost
        );
        let trouble = HostAnswer::Trouble("SERVFAIL".into());
        let late = Unroutable::DnsTrouble("SERVFAIL".into());
        assert_eq!(
            own.without_address(&[HostAnswer::NoSuchHost, trouble]),
            late
        );
        let mendable = named.without_address(&[HostAnswer::NoSuchHost]);
        assert!(matches!(mendable, Unroutable::DnsTrouble(_)));
    }

    fn records() -> impl Strategy<Value = Vec<(u16, String)>> {
        let name = prop_oneof![9 => "[a-e]{1,2}\\.example\\.com", 1 => "\\PC{0,12}"];
        prop::collection::vec((0_u16..4, name), 0..40)
    }

    proptest! {
        #[test]
        fn preference_rules_whatever_the_dice(records in records(), dice in 0.0..1.0) {
            if let Ok(plan) = plan(&example(), &MxAnswer::Hosts(records), dice) {
                prop_assert!(plan.hosts.is_sorted_by_key(|host| host.preference));
                prop_assert!((1..=HOSTS_MAX).contains(&plan.hosts.len()));
            }
        }

        #[test]
        fn the_site_does_not_depend_on_dice_or_order(records in records(), one in 0.0..1.0, other in 0.0..1.0) {
            let mut turned = records.clone();
            turned.reverse();
            let there = plan(&example(), &MxAnswer::Hosts(records), one);
            let back = plan(&example(), &MxAnswer::Hosts(turned), other);
            prop_assert_eq!(there.map(|plan| (plan.site, plan.provider)), back.map(|plan| (plan.site, plan.provider)));
        }
    }

    #[test]
    fn equal_hosts_share_the_load() {
        let answer = hosts(&[
            (5, "a.example.com"),
            (5, "b.example.com"),
            (5, "c.example.com"),
        ]);
        let mut firsts = std::collections::BTreeMap::new();
        for throw in 0..300 {
            let plan = plan(&example(), &answer, f64::from(throw) / 300.0).unwrap();
            let order: Vec<_> = plan.hosts.into_iter().map(|host| host.name).collect();
            *firsts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(firsts.len(), 6, "every order occurs: {firsts:?}");
        assert!(
            firsts.values().all(|count| *count == 50),
            "equally often: {firsts:?}"
        );
    }
}
