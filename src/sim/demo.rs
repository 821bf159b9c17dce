//! The standard small internet: doubles of the big providers, and the business domains of a marketplace.
//!
//! Owns the numbers of `Plan::demo`. Promises: about a thousand weights in all, so that a weight reads as per mille;
//! every temper appears at least once. Delays are seconds where the real ones are minutes or hours.

use std::time::Duration;

use super::{
    dialect::Dialect,
    plan::{Breakage, Family, Health, HostPlan, Plan, ProviderPlan, SitePlan, Verify},
    temper::{Cuts, Greylist, Rate, Temper, Window},
};

/// How long a newcomer waits at the demo's greylisters.
const GREYLIST_DELAY: Duration = Duration::from_secs(2);

/// Attempts until a full mailbox has room again.
const TIDY_AFTER: u32 = 2;

/// Weights of the domains that many people use.
const BIG_DOMAINS: [(&str, u32); 22] = [
    ("mail.ru", 190),
    ("bk.ru", 30),
    ("list.ru", 25),
    ("inbox.ru", 25),
    ("internet.ru", 5),
    ("yandex.ru", 190),
    ("ya.ru", 30),
    ("yandex.com", 5),
    ("gmail.com", 150),
    ("googlemail.com", 2),
    ("rambler.ru", 30),
    ("lenta.ru", 4),
    ("outlook.com", 12),
    ("hotmail.com", 12),
    ("yahoo.com", 12),
    ("aol.com", 2),
    ("icloud.com", 10),
    ("me.com", 2),
    ("gmx.net", 4),
    ("web.de", 2),
    ("mail.example", 4),
    ("implicit.example", 2),
];

/// Domains with something wrong, and how many of a thousand people typed one.
const BROKEN_DOMAINS: [(&str, Breakage, u32); 6] = [
    ("nullmx.example", Breakage::NullMx, 2),
    ("gone.example", Breakage::NoSuchDomain, 3),
    ("servfail.example", Breakage::ServFail, 1),
    ("dangling.example", Breakage::DanglingMx, 1),
    ("loop.example", Breakage::AliasLoop, 0),
    ("noanswer.example", Breakage::NoAnswer, 0),
];

impl Plan {
    /// About a dozen big providers, 190 business domains, and some domains that are broken.
    ///
    /// Letters are verified and remembered. Domains where an attempt takes long (no answer, silent hosts) have weight
    /// zero: they exist for tests that ask for them.
    pub fn demo(seed: u64) -> Self {
        let mut plan = Self {
            providers: providers().into_iter().map(tidied).collect(),
            broken: BROKEN_DOMAINS
                .map(|(name, fault, _)| (name.to_owned(), fault))
                .to_vec(),
            verify: Verify::All,
            ..Self::empty(seed)
        };
        let big = BIG_DOMAINS
            .iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight));
        let broken = BROKEN_DOMAINS
            .iter()
            .map(|(name, _, weight)| ((*name).to_owned(), *weight));
        let firms = (0..130).map(|n| (firm(n), 1));
        let plants = (0..60).map(|n| (plant(n), 1));
        plan.weights = big.chain(broken).chain(firms).chain(plants).collect();
        plan
    }
}

/// What providers that count take within a minute in [`Plan::demo_with_limits`]. The first is known to the operator.
pub const COUNTED: [(&str, u32); 2] = [("mailru", 120), ("google", 60)];

impl Plan {
    /// The same, but big providers count the letters of each minute and punish those who do not listen.
    pub fn demo_with_limits(seed: u64) -> Self {
        let mut plan = Self::demo(seed);
        for provider in &mut plan.providers {
            let limit = COUNTED.iter().find(|(name, _)| *name == provider.name);
            provider.temper.window = limit.map(|(_, per_minute)| Window {
                per_minute: *per_minute,
                later: None,
                bears: 3,
                punishes: Duration::from_mins(2),
            });
        }
        plan
    }
}

/// People empty a full mailbox after a few attempts, so that a demonstration shows retries that succeed.
fn tidied(mut provider: ProviderPlan) -> ProviderPlan {
    provider.temper.tidy_after = Some(TIDY_AFTER);
    provider
}

/// A business domain hosted by somebody.
fn firm(number: usize) -> String {
    format!("firma-{number:03}.example")
}

/// A business domain with a mail host of its own.
fn plant(number: usize) -> String {
    format!("zavod-{number:03}.example")
}

fn providers() -> Vec<ProviderPlan> {
    vec![
        google(),
        mailru(),
        yandex(),
        rambler(),
        outlook(),
        office365(),
        yahoo(),
        apple(),
        gmx(),
        hosting(),
        self_hosted("self-hosted", 0..40, Temper::generous()),
        self_hosted("self-hosted-grey", 40..50, greylisting(1.0)),
        self_hosted("self-hosted-slow", 50..58, slow()),
        careless(),
        hardships(),
    ]
}

fn google() -> ProviderPlan {
    let temper = Temper {
        rate: Some(rate(500.0)),
        letters_per_connection: 100,
        ..Temper::default()
    };
    let consumer = [
        "gmail-smtp-in.l.google.com",
        "alt1.gmail-smtp-in.l.google.com",
    ];
    let workspace = ["aspmx.l.google.com", "alt1.aspmx.l.google.com"];
    let mut plan = ProviderPlan::new("google", Dialect::Google, temper)
        .serving(&["gmail.com", "googlemail.com"], &consumer)
        .serving(&borrowed(&firms(80..100)), &workspace);
    plan.smtputf8 = true;
    plan
}

fn mailru() -> ProviderPlan {
    let temper = Temper {
        rate: Some(rate(600.0)),
        letters_per_connection: 200,
        spam: 0.001,
        ..Temper::default()
    };
    let own = ["mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru"];
    ProviderPlan::new("mailru", Dialect::Mailru, temper)
        .serving(&own, &["mxs.mail.ru"])
        .serving(&borrowed(&firms(60..80)), &["emx.mail.ru"])
}

fn yandex() -> ProviderPlan {
    let temper = Temper {
        greylist: Some(Greylist {
            delay: GREYLIST_DELAY,
            share: 0.02,
        }),
        letters_per_connection: 100,
        ..Temper::default()
    };
    let mut plan = ProviderPlan::new("yandex", Dialect::Yandex, temper)
        .serving(&["yandex.ru", "ya.ru", "yandex.com"], &["mx.yandex.ru"])
        .serving(&borrowed(&firms(0..60)), &["mx.yandex.net"]);
    plan.smtputf8 = true;
    plan
}

fn rambler() -> ProviderPlan {
    let temper = Temper {
        connections_max: 10,
        letters_per_connection: 20,
        ..Temper::default()
    };
    ProviderPlan::new("rambler", Dialect::Rambler, temper)
        .serving(&["rambler.ru", "lenta.ru"], &["inmx.rambler.ru"])
}

fn outlook() -> ProviderPlan {
    let temper = Temper {
        rate: Some(rate(40.0)),
        letters_per_connection: 50,
        ..Temper::default()
    };
    ProviderPlan::new("outlook", Dialect::Outlook, temper)
        .serving(
            &["outlook.com"],
            &["outlook-com.olc.protection.outlook.com"],
        )
        .serving(
            &["hotmail.com"],
            &["hotmail-com.olc.protection.outlook.com"],
        )
}

fn office365() -> ProviderPlan {
    let plan = ProviderPlan::new("office365", Dialect::Outlook, Temper::generous());
    (100..110).fold(plan, |plan, number| {
        let host = format!("firma-{number:03}-example.mail.protection.outlook.com");
        plan.serving(&[&firm(number)], &[&host])
    })
}

fn yahoo() -> ProviderPlan {
    let temper = Temper {
        letters_per_connection: 20,
        ..Temper::default()
    };
    let hosts = ["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"];
    ProviderPlan::new("yahoo", Dialect::Yahoo, temper).serving(&["yahoo.com", "aol.com"], &hosts)
}

fn apple() -> ProviderPlan {
    let temper = Temper {
        letters_per_connection: 5,
        ..Temper::default()
    };
    let hosts = ["mx01.mail.icloud.com", "mx02.mail.icloud.com"];
    ProviderPlan::new("apple", Dialect::Postfix, temper).serving(&["icloud.com", "me.com"], &hosts)
}

fn gmx() -> ProviderPlan {
    let temper = Temper {
        connections_max: 4,
        letters_per_connection: 20,
        ..Temper::default()
    };
    ProviderPlan::new("gmx", Dialect::Postfix, temper)
        .serving(&["gmx.net"], &["mx00.emig.gmx.net", "mx01.emig.gmx.net"])
        .serving(&["web.de"], &["mx-ha02.web.de"])
}

/// A regional hoster that greylists everybody.
fn hosting() -> ProviderPlan {
    ProviderPlan::new("hosting", Dialect::Postfix, greylisting(0.5)).serving(
        &borrowed(&firms(110..130)),
        &["mx1.hosting.example", "mx2.hosting.example"],
    )
}

/// Servers in back rooms: one host each, without TLS on the slow ones.
fn self_hosted(name: &str, numbers: std::ops::Range<usize>, temper: Temper) -> ProviderPlan {
    let is_modern = temper.reply_delay.is_zero();
    let mut plan = ProviderPlan::new(name, Dialect::Postfix, temper);
    plan.starttls = is_modern;
    numbers.fold(plan, |plan, number| {
        let domain = plant(number);
        plan.serving(&[&domain], &[&format!("mx.{domain}")])
    })
}

/// A server that loses lines, and one that is only reached by its own address.
fn careless() -> ProviderPlan {
    let temper = Temper {
        cuts: Cuts {
            mid_letter: 0.2,
            after_dot_kept: 0.1,
            after_dot_lost: 0.1,
        },
        ..Temper::default()
    };
    let mut plan = ProviderPlan::new("careless", Dialect::Postfix, temper)
        .serving(&["mail.example"], &["mx.mail.example"]);
    plan.sites.push(SitePlan {
        domains: vec!["implicit.example".to_owned()],
        hosts: vec![HostPlan {
            preference: None,
            family: Family::Both,
            ..HostPlan::new("implicit.example", 0)
        }],
    });
    plan
}

/// Hosts that are dead, silent, or dead but for the second of them.
fn hardships() -> ProviderPlan {
    let plan = ProviderPlan::new("hardships", Dialect::Postfix, Temper::generous());
    let mut plan = plan
        .serving(&["dead.example"], &["mx.dead.example"])
        .serving(&["silent.example"], &["mx.silent.example"])
        .serving(
            &[&plant(58), &plant(59)],
            &["mx1.half-dead.example", "mx2.half-dead.example"],
        )
        .serving(&["six.example"], &["mx.six.example"]);
    plan.sites[0].hosts[0].health = Health::Refusing;
    plan.sites[1].hosts[0].health = Health::Silent;
    plan.sites[2].hosts[0].health = Health::Refusing;
    plan.sites[3].hosts[0].family = Family::V6;
    plan
}

fn greylisting(share: f64) -> Temper {
    Temper {
        greylist: Some(Greylist {
            delay: GREYLIST_DELAY,
            share,
        }),
        ..Temper::default()
    }
}

fn slow() -> Temper {
    Temper {
        reply_delay: Duration::from_millis(50),
        ..Temper::default()
    }
}

const fn rate(per_second: f64) -> Rate {
    Rate {
        per_second,
        burst: per_second / 4.0,
    }
}

fn firms(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(firm).collect()
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_with_a_weight_lives_somewhere() {
        let plan = Plan::demo(1);
        let sites = plan.providers.iter().flat_map(|provider| &provider.sites);
        let served: BTreeSet<&String> = sites.flat_map(|site| &site.domains).collect();
        let broken: BTreeSet<&String> = plan.broken.iter().map(|(name, _)| name).collect();
        for (domain, weight) in &plan.weights {
            assert!(
                served.contains(domain) || broken.contains(domain),
                "{domain}"
            );
            assert!(*weight == 0 || served.contains(domain) != broken.contains(domain));
        }
        let firms = served.iter().filter(|name| name.starts_with("firma-"));
        let plants = served.iter().filter(|name| name.starts_with("zavod-"));
        assert_eq!(firms.count() + plants.count(), 190);
    }

    #[test]
    fn the_weights_read_as_per_mille() {
        let sum: u32 = Plan::demo(1).weights.iter().map(|(_, weight)| weight).sum();
        assert!((900..1_100).contains(&sum), "{sum}");
    }
}
