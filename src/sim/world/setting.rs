//! Everything that is decided before a world begins.
//!
//! Owns [`Setting`]: receivers and their tempers, weather, letters, and what the operator does meanwhile. Promises: a seed
//! decides all of it. Leaves the running to `day`.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::{
    super::{
        dialect::Dialect,
        error::SimError,
        plan::{Breakage, Health, Plan, ProviderPlan},
        temper::{Cuts, Greylist, Rate, Shares, Temper},
    },
    chance::Chance,
    clock::EPOCH,
    desk::{DOMAIN, HOLDING, RETRYING},
    weather::Weather,
};
use crate::{
    mail::{Address, Content, Letter, LetterId, Mailbox, Recipient, Scope, Shard},
    mail::{Reason, Suppression},
};

/// Where nobody ever answers.
pub(super) const SILENT: &str = "silent.example";

/// Whose domain that is.
pub(super) const HINDERING: &str = "silent";

/// Who lives where, in shares of the whole.
const DOMAINS: [(&str, u64); 13] = [
    ("mail.ru", 20),
    ("yandex.ru", 15),
    ("gmail.com", 15),
    ("rambler.ru", 8),
    ("grey.example", 8),
    ("slow.example", 8),
    ("careless.example", 8),
    ("half-dead.example", 5),
    (SILENT, 5),
    ("nullmx.example", 2),
    ("gone.example", 2),
    ("servfail.example", 2),
    ("dangling.example", 2),
];

/// Of a hundred letters, how many go to somebody who has one already, have their time, stop being worth it.
const AGAIN: f64 = 0.15;
const SCHEDULED: f64 = 0.1;
const STALE: f64 = 0.1;
const URGENT: f64 = 0.4;

/// Letters come within this part of the weather; some alone, most with one of a few campaigns, each put in at once.
const ORDERS_WITHIN: f64 = 0.8;
const ALONE: f64 = 0.4;
const CAMPAIGNS: usize = 2;

/// Letters per entry that the operator makes.
const LETTERS_PER_BAN: usize = 12;

/// A letter and the moment at which it is put in.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) after: Duration,
    pub(super) letter: Letter,
    pub(super) priority: u8,
}

/// An entry that the operator makes.
#[derive(Clone, Debug)]
pub(super) struct Ban {
    pub(super) after: Duration,
    pub(super) entry: Suppression,
}

/// A world on paper.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) weather: Weather,
    pub(super) orders: Vec<Order>,
    pub(super) bans: Vec<Ban>,
    /// Whether the world goes on until the letters for the silent host have had their time too.
    pub(super) waits_for_silent: bool,
    /// After so long the clocks of all nodes are set to the same hour of the next day: a night costs no time.
    pub(super) day: Option<Duration>,
}

impl Setting {
    /// The world of a seed.
    pub(super) fn of(seed: u64, letters: usize) -> Result<Self, SimError> {
        let weather = Weather::of(seed);
        let chance = Chance::new(seed, "letters");
        let mut orders: Vec<Order> = Vec::with_capacity(letters);
        let latest = weather.lasts.mul_f64(ORDERS_WITHIN);
        let campaigns = [(); CAMPAIGNS].map(|()| chance.span(Duration::ZERO, latest));
        for number in 0..letters {
            let again = !orders.is_empty() && chance.falls(AGAIN);
            let to = if again {
                chance.one(&orders).letter.to.mailbox.address.clone()
            } else {
                reader(&chance, number)?
            };
            let alone = chance.span(Duration::ZERO, latest);
            let is_alone = chance.falls(ALONE);
            let together = *chance.one(&campaigns);
            let after = if is_alone { alone } else { together };
            orders.push(order(&chance, number, to, after)?);
        }
        let bans = (0..letters / LETTERS_PER_BAN).map(|_| ban(&chance, &orders, weather.lasts));
        Ok(Self {
            seed,
            plan: plan(seed),
            bans: bans.collect(),
            weather,
            orders,
            waits_for_silent: true,
            day: None,
        })
    }
}

fn reader(chance: &Chance, number: usize) -> Result<Address, SimError> {
    let total = DOMAINS.iter().map(|(_, weight)| weight).sum();
    let mut point = chance.between(0, total);
    let domain = DOMAINS.iter().find(|(_, weight)| {
        let here = point < *weight;
        point = point.saturating_sub(*weight);
        here
    });
    let domain = domain.map_or(DOMAINS[0].0, |(domain, _)| domain);
    Address::parse(&format!("reader{number}@{domain}")).map_err(SimError::crypto)
}

fn order(chance: &Chance, number: usize, to: Address, after: Duration) -> Result<Order, SimError> {
    let enqueued_at = EPOCH.plus(after);
    let minute = Duration::from_mins(1);
    let (is_scheduled, is_stale, is_urgent) = (
        chance.falls(SCHEDULED),
        chance.falls(STALE),
        chance.falls(URGENT),
    );
    let (wait, worth) = (
        chance.span(Duration::ZERO, minute),
        chance.span(minute, minute * 2),
    );
    let shard = shard(&to);
    let id = id(chance, enqueued_at.micros() / 1_000, shard);
    let from = Address::parse(&format!("news@{DOMAIN}")).map_err(SimError::crypto)?;
    let letter = Letter {
        id,
        shard,
        stream: if is_urgent { RETRYING } else { HOLDING }.to_owned(),
        campaign: None,
        to: Recipient {
            mailbox: Mailbox {
                address: to,
                name: Some("Анна Шевченко".to_owned()),
            },
            locale: Some("ru".to_owned()),
            time_zone: None,
        },
        from: Mailbox {
            address: from,
            name: Some("Маркетплейс".to_owned()),
        },
        reply_to: None,
        content: Content::Texts {
            subject: format!("Заказ № {number}"),
            text: Some(format!("Письмо {number}.\n.\nКонец.")),
            html: None,
            parts: Vec::new(),
        },
        tags: Vec::new(),
        enqueued_at,
        send_at: is_scheduled.then(|| enqueued_at.plus(wait)),
        valid_until: is_stale.then(|| enqueued_at.plus(wait).plus(worth)),
    };
    let priority = if is_urgent { 1 } else { 5 };
    Ok(Order {
        after,
        letter,
        priority,
    })
}

/// As `migrations/0001_tables.sql` has it: the first byte of a hash over the address.
fn shard(address: &Address) -> Shard {
    let hash = digest(&SHA256, address.key().as_bytes());
    Shard(i16::from(hash.as_ref()[0]))
}

/// A UUIDv7 whose last byte is the shard, as the SQL function makes it.
fn id(chance: &Chance, millis: i64, shard: Shard) -> LetterId {
    let millis = u64::try_from(millis).unwrap_or(0);
    let high = (millis << 16) | 0x7000 | chance.between(0, 0x1000);
    let shard = u64::try_from(shard.0).unwrap_or(0);
    let low = (chance.number() >> 2 & !0xff) | (1 << 63) | shard;
    LetterId(Uuid::from_u64_pair(high, low))
}

fn ban(chance: &Chance, orders: &[Order], lasts: Duration) -> Ban {
    let letter = &chance.one(orders).letter;
    let after = chance.span(Duration::ZERO, lasts);
    let scopes = [
        Scope::Everything,
        Scope::Marketing,
        Scope::Stream(HOLDING.to_owned()),
    ];
    let entry = Suppression {
        address: letter.to.mailbox.address.clone(),
        scope: chance.one(&scopes).clone(),
        reason: Reason::Manual,
        evidence: "the operator said so".to_owned(),
        letter: None,
        since: EPOCH.plus(after),
        until: None,
    };
    Ban { after, entry }
}

/// Receivers of every temper.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan::empty(seed);
    plan.providers = vec![
        provider(
            "mailru",
            Dialect::Mailru,
            peopled(),
            &["mail.ru"],
            &["mxs.mail.ru"],
        ),
        provider(
            "yandex",
            Dialect::Yandex,
            peopled(),
            &["yandex.ru"],
            &["mx.yandex.ru"],
        ),
        provider(
            "google",
            Dialect::Google,
            paced(),
            &["gmail.com"],
            &["gmail-smtp-in.l.google.com"],
        ),
        provider(
            "rambler",
            Dialect::Rambler,
            narrow(),
            &["rambler.ru"],
            &["inmx.rambler.ru"],
        ),
        provider(
            "grey",
            Dialect::Postfix,
            grey(),
            &["grey.example"],
            &["mx1.grey.example", "mx2.grey.example"],
        ),
        provider(
            "slow",
            Dialect::Postfix,
            slow(),
            &["slow.example"],
            &["mx.slow.example"],
        ),
        provider(
            "careless",
            Dialect::Postfix,
            careless(),
            &["careless.example"],
            &["mx.careless.example"],
        ),
        half_dead(),
        silent(),
    ];
    plan.broken = [
        ("nullmx.example", Breakage::NullMx),
        ("gone.example", Breakage::NoSuchDomain),
        ("servfail.example", Breakage::ServFail),
        ("dangling.example", Breakage::DanglingMx),
    ]
    .map(|(domain, breakage)| (domain.to_owned(), breakage))
    .to_vec();
    plan
}

fn provider(
    name: &str,
    dialect: Dialect,
    temper: Temper,
    domains: &[&str],
    hosts: &[&str],
) -> ProviderPlan {
    ProviderPlan::new(name, dialect, temper).serving(domains, hosts)
}

/// Mailboxes as people keep them.
fn peopled() -> Temper {
    Temper {
        mailboxes: Shares {
            unknown: 0.1,
            full: 0.08,
            disabled: 0.04,
        },
        tidy_after: Some(2),
        spam: 0.04,
        ..Temper::default()
    }
}

fn paced() -> Temper {
    Temper {
        rate: Some(Rate {
            per_second: 2.0,
            burst: 3.0,
        }),
        ..peopled()
    }
}

fn narrow() -> Temper {
    Temper {
        connections_max: 2,
        letters_per_connection: 3,
        ..peopled()
    }
}

fn grey() -> Temper {
    Temper {
        greylist: Some(Greylist {
            delay: Duration::from_secs(2),
            share: 0.7,
        }),
        ..Temper::default()
    }
}

fn slow() -> Temper {
    Temper {
        reply_delay: Duration::from_millis(400),
        ..Temper::default()
    }
}

fn careless() -> Temper {
    Temper {
        cuts: Cuts {
            mid_letter: 0.15,
            after_dot_kept: 0.2,
            after_dot_lost: 0.15,
        },
        ..Temper::default()
    }
}

fn half_dead() -> ProviderPlan {
    let hosts = ["mx1.half-dead.example", "mx2.half-dead.example"];
    let mut plan = provider(
        "half-dead",
        Dialect::Postfix,
        Temper::generous(),
        &["half-dead.example"],
        &hosts,
    );
    plan.sites[0].hosts[0].health = Health::Refusing;
    plan
}

fn silent() -> ProviderPlan {
    let mut plan = provider(
        HINDERING,
        Dialect::Postfix,
        Temper::generous(),
        &[SILENT],
        &["mx.silent.example"],
    );
    plan.sites[0].hosts[0].health = Health::Silent;
    plan
}
