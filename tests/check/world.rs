//! The world of one set-up: a name server with real packets, and told answers of doors, pages and clocks.

use std::{fs, net::IpAddr, path::Path};

use data_encoding::BASE64;
use postrider::{
    app::check::{Ask, Checked, check},
    check::{
        Answer, Certificate, Door, Fix, Inbound, Key, KeyPhase, Lists, Page, Question, Source,
        Subject, zone_line,
    },
    mail::{Domain, Timestamp},
    net::{CacheOptions, Inquirer, Resolver, ResolverOptions},
    sim::{Plan, SmallInternet, plan::Breakage},
};
use std::time::Duration;

pub(crate) const NOW: &str = "2026-11-25T18:00:00Z";

/// A set-up.
pub(crate) struct World {
    pub(crate) internet: SmallInternet,
    pub(crate) subject: Subject,
    inquirer: Inquirer,
    told: Told,
}

/// What is answered beside DNS.
struct Told {
    door: Door,
    get: u16,
    post: u16,
    failed: Option<String>,
    certificate: Certificate,
    policy_status: u16,
    policy: String,
    clock: Result<i64, String>,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

pub(crate) fn text_of(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/check")
            .join(name),
    )
    .unwrap()
}

/// Octets that are as long as a key of 2048 bits; DNS does not care what they mean.
fn octets(seed: u8, len: usize) -> Vec<u8> {
    (0..len)
        .map(|n| {
            seed.wrapping_mul(31)
                .wrapping_add(u8::try_from(n % 251).unwrap())
        })
        .collect()
}

fn key(selector: &str, seed: u8, phase: KeyPhase) -> Key {
    let octets = octets(seed, 294);
    Key {
        selector: selector.to_owned(),
        text: format!("v=DKIM1; k=rsa; p={}", BASE64.encode(&octets)),
        octets,
        phase,
        since: Timestamp::parse("2026-11-01T00:00:00Z"),
        revoke_at: (phase == KeyPhase::Retired)
            .then(|| Timestamp::parse("2026-12-24T00:00:00Z").unwrap()),
    }
}

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

fn inbound(name: &str) -> Inbound {
    let probe = Some((format!("genuine@{name}"), format!("forged@{name}")));
    Inbound {
        domain: domain(name),
        probe,
    }
}

fn source(name: &str, address: [u8; 4], ehlo: &str) -> Source {
    Source {
        name: name.to_owned(),
        address: Some(IpAddr::from(address)),
        ehlo: ehlo.to_owned(),
    }
}

pub(crate) fn subject() -> Subject {
    Subject {
        domain: domain("example.com"),
        sources: vec![
            source("s1", [192, 0, 2, 10], "mx1.example.com"),
            source("s2", [192, 0, 2, 11], "mx2.example.com"),
        ],
        return_path: Some(domain("bounce.example.com")),
        inbound: ["bounce.example.com", "fbl.example.com", "unsub.example.com"]
            .map(inbound)
            .into(),
        inbound_host: Some("mx.example.com".to_owned()),
        unsubscribe: Some(("https://u.example.com/o/".to_owned(), "token".to_owned())),
        keys: vec![
            key("2026q4a", 1, KeyPhase::Signing),
            key("2027q1a", 2, KeyPhase::Next),
            key("2026q2a", 3, KeyPhase::Retired),
        ],
        signing_domain: Some(domain("example.com")),
        key_age_days: 180,
        lists: Lists {
            addresses: vec!["zen.spamhaus.org".to_owned()],
            domains: vec!["dbl.spamhaus.org".to_owned()],
        },
        time_server: Some("time.example:123".to_owned()),
        reports_to: Some("dmarc@fbl.example.com".to_owned()),
    }
}

pub(crate) fn resolver(internet: &SmallInternet) -> Resolver {
    let options = ResolverOptions {
        servers: vec![internet.dns()],
        timeout: Duration::from_millis(300),
        attempts: 1,
        patience: Duration::from_secs(2),
        cache: CacheOptions {
            min: Duration::ZERO,
            max: Duration::ZERO,
            negative_max: Duration::ZERO,
            entries: 1,
        },
        ..ResolverOptions::default()
    };
    Resolver::new(&options).unwrap()
}

impl World {
    /// The good set-up.
    pub(crate) async fn good() -> Self {
        let internet = SmallInternet::start(Plan::empty(1)).await.unwrap();
        internet.publish_zone(&text_of("good.zone")).unwrap();
        let subject = subject();
        for key in &subject.keys {
            let name = format!("{}._domainkey.example.com", key.selector);
            internet
                .publish_zone(&zone_line(&name, "TXT", &key.text))
                .unwrap();
        }
        let inquirer = Inquirer::new(resolver(&internet));
        let told = Told {
            door: Door::Ours,
            get: 200,
            post: 410,
            failed: None,
            certificate: Certificate::Good,
            policy_status: 200,
            policy: "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: *.example.com\n"
                .to_owned(),
            clock: Ok(20_000),
        };
        Self {
            internet,
            subject,
            inquirer,
            told,
        }
    }

    pub(crate) async fn check(&self) -> Checked {
        check(&self.subject, self, now()).await
    }

    /// One line of `broken.txt`.
    pub(crate) fn change(&mut self, line: &str) {
        let (sign, rest) = line.split_once(' ').unwrap();
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match sign {
            "-" => self.internet.withdraw(name, rest),
            "!" => self.internet.break_name(name, breakage(rest)),
            "set" => self.set(name, rest),
            "+" => {
                let (kind, value) = rest.split_once(' ').unwrap();
                self.add(name, kind, value);
            }
            _ => panic!("{line}"),
        }
    }

    fn add(&self, name: &str, kind: &str, value: &str) {
        let text = |index: usize| self.subject.keys[index].text.clone();
        let halves = || {
            let text = text(0);
            let (one, other) = text.split_at(200);
            (one.to_owned(), other.to_owned())
        };
        let own = match value {
            "HALF1" => Some(halves().0),
            "HALF2" => Some(halves().1),
            "SHORT" => Some(format!(
                "v=DKIM1; k=rsa; p={}",
                BASE64.encode(&octets(9, 162))
            )),
            _ if value.starts_with("KEY") => {
                let texts = [text(0), text(1)];
                Some(value.replace("KEY1", &texts[0]).replace("KEY2", &texts[1]))
            }
            _ => None,
        };
        let line = own.map_or_else(
            || format!("{name}. {kind} {value}"),
            |text| zone_line(name, kind, &text),
        );
        self.internet.publish_zone(&line).unwrap();
    }

    fn set(&mut self, what: &str, value: &str) {
        let (subject, told) = (&mut self.subject, &mut self.told);
        let moment = || Timestamp::parse(value);
        match what {
            "domain" => subject.domain = domain(value),
            "signing-domain" => subject.signing_domain = Some(domain(value)),
            "return-path" => {
                subject.return_path = Some(domain(value));
                subject.inbound[0] = inbound(value);
            }
            "keys" => subject.keys.clear(),
            "signing-since" => subject.keys[0].since = moment(),
            "revoke-at" => subject.keys[2].revoke_at = moment(),
            "source-address" => subject.sources[0].address = value.parse().ok(),
            "door" => {
                let (kind, line) = value.split_once(' ').unwrap();
                told.door = if kind == "silent" {
                    Door::Silent(line.to_owned())
                } else {
                    Door::Foreign(line.to_owned())
                };
            }
            "get-status" => told.get = value.parse().unwrap(),
            "post-status" => told.post = value.parse().unwrap(),
            "policy-status" => told.policy_status = value.parse().unwrap(),
            "policy" => told.policy = value.replace("\\n", "\n"),
            "one-click-failed" => told.failed = Some(value.to_owned()),
            "clock" => told.clock = value.parse().map_err(|_| value.to_owned()),
            "certificate" => {
                told.certificate = match value {
                    "ended" => Certificate::Ended,
                    "soon" => Certificate::EndsSoon,
                    why => Certificate::Distrusted(why.to_owned()),
                };
            }
            _ => panic!("set {what}"),
        }
    }

    /// Does to DNS what a finding says; `false` when it asks for anything else.
    pub(crate) fn obey(&self, fixes: &[Fix]) -> bool {
        let in_dns = |fix: &Fix| matches!(fix, Fix::Publish { .. } | Fix::Remove { .. });
        if fixes.is_empty() || !fixes.iter().all(in_dns) {
            return false;
        }
        for fix in fixes {
            match fix {
                Fix::Remove { name, kind, value } => {
                    self.internet
                        .withdraw_zone(&zone_line(name, kind, value))
                        .unwrap();
                }
                Fix::Publish { name, kind, value } => {
                    // One record of a purpose stands at these names; addresses stand beside each other.
                    if !matches!(*kind, "A" | "AAAA") {
                        self.internet.withdraw(name, kind);
                    }
                    self.internet
                        .publish_zone(&zone_line(name, kind, value))
                        .unwrap();
                }
                _ => {}
            }
        }
        true
    }
}

impl Ask for World {
    async fn ask(&self, question: &Question) -> Answer {
        let told = &self.told;
        match question {
            Question::Door { .. } => Answer::Door(told.door.clone()),
            Question::Clock(_) => Answer::Clock(told.clock.clone()),
            Question::Get(url) if url.contains("mta-sts") => page(told.policy_status, &told.policy),
            Question::Get(_) | Question::OneClick(_) => {
                if let Some(why) = &told.failed {
                    return Answer::Page(Err(why.clone()));
                }
                let status = if matches!(question, Question::Get(_)) {
                    told.get
                } else {
                    told.post
                };
                let Answer::Page(Ok(mut page)) = page(status, "") else {
                    unreachable!()
                };
                page.certificate = told.certificate.clone();
                Answer::Page(Ok(page))
            }
            _ => self.inquirer.ask(question).await,
        }
    }
}

fn page(status: u16, body: &str) -> Answer {
    Answer::Page(Ok(Page {
        status,
        location: (status == 301).then(|| "https://www.example.com/".to_owned()),
        body: body.as_bytes().to_vec(),
        certificate: Certificate::Good,
    }))
}

fn breakage(word: &str) -> Breakage {
    match word {
        "servfail" => Breakage::ServFail,
        "silent" => Breakage::NoAnswer,
        "loop" => Breakage::AliasLoop,
        _ => panic!("{word}"),
    }
}
