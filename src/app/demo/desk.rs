//! The demonstration's own configuration: three streams, one sending domain, a key made a moment ago.
//!
//! Owns what an operator would write in `postrider.toml`, with waits of seconds instead of hours. Promises nothing that
//! outlives the demonstration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand;

use crate::{
    compose::{Domains, Identity, List, Style, TemplateSet, lint::Gate},
    dkim::{self, KeyFile, Keyring},
    engine::{Desk, Limits, Stream, Trust},
    mail::{Domain, InDoubt},
    net,
    policy::{Retry, Shaping, StreamKind, StreamPolicy, warmup::Plans},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    sim,
    smtp::Timeouts,
    store::{self, Registry},
    token::{TokenKey, Tokens},
};

/// The domain that writes. RFC 2606 keeps it free.
pub(super) const DOMAIN: &str = "example.com";

const SELECTOR: &str = "demo";

/// Streams of the demonstration: name and kind.
const STREAMS: [(&str, StreamKind); 3] = [
    ("transactional", StreamKind::Transactional),
    ("trigger", StreamKind::Trigger),
    ("marketing", StreamKind::Marketing),
];

/// The desk with what the world must be told about it.
pub(super) struct DemoDesk {
    pub(super) desk: Arc<Desk>,
    pub(super) identity: Identity,
    pub(super) registry: Registry,
    pub(super) record_name: String,
    pub(super) record_text: String,
}

impl DemoDesk {
    pub(super) fn new(templates: TemplateSet, paced: bool) -> Result<Self> {
        let keyring = keyring()?;
        let record = keyring.public_keys().next().map(dkim::dns_record);
        let record = record.ok_or_else(|| anyhow!("the new key is not in the ring"))?;
        let registry = registry(&templates);
        let identity = identity()?;
        let desk = Desk {
            limits: Limits::default(),
            streams: streams(paced)?,
            stray: policy("stray", StreamKind::Marketing, paced),
            identity: identity.clone(),
            templates: templates.into(),
            keyring: keyring.into(),
            sources: vec![Source {
                name: "demo".to_owned(),
                address: None,
                ehlo: Domain::parse("mail.example.com")?,
                weight: 1,
            }],
            shaping: shaping(paced)?.into(),
            warmups: Plans::default(),
            // Its letters have no campaign, and a demonstration has to end.
            brakes: None,
            node: "demo".to_owned(),
            fixed: FixedRoutes::default(),
            family: Family::Ipv4First,
            tls: TlsPolicy::Opportunistic,
            mta_sts: true,
            chunking: true,
            trust: trust()?,
            timeouts: timeouts(),
        };
        let (record_name, record_text) = (record.name, record.text);
        Ok(Self {
            desk: Arc::new(desk),
            identity,
            registry,
            record_name,
            record_text,
        })
    }
}

/// Without limits a demonstration is over in seconds. With them, one limit is known, and the others are for the governor to find.
fn shaping(paced: bool) -> Result<Shaping> {
    if !paced {
        return Ok(Shaping::free());
    }
    let (name, per_minute) = sim::demo::COUNTED[0];
    let known = format!(
        "[default]\ntls = \"opportunistic\"\n\
        [[provider]]\nname = \"{name}\"\nmessages_per_minute = {per_minute}\nconnections = 10\n"
    );
    Shaping::parse(&known).map_err(|faults| anyhow!("the pace of the demonstration: {faults:?}"))
}

fn trust() -> Result<Trust> {
    let trust = net::Trust::new().context("preparing TLS")?;
    Ok(Trust {
        anyone: trust.any,
        public_roots: trust.verified,
        roots: trust.roots,
    })
}

/// Seconds, where real receivers get minutes: everybody here is on this machine.
fn timeouts() -> Timeouts {
    let short = Duration::from_secs(5);
    Timeouts {
        connect: short,
        banner: short,
        ehlo: short,
        final_dot: short,
        ..Timeouts::default()
    }
}

fn keyring() -> Result<Keyring> {
    let pem = dkim::generate_rsa_2048().map_err(|_| anyhow!("making an RSA key failed"))?;
    let file = KeyFile {
        domain: DOMAIN.to_owned(),
        selector: SELECTOR.to_owned(),
        pem,
    };
    Keyring::new([file], &BTreeMap::new()).map_err(|faults| anyhow!("{faults:?}"))
}

fn identity() -> Result<Identity> {
    let domains = Domains {
        return_path: Domain::parse("bounce.example.com")?,
        message_id: Domain::parse("mail.example.com")?,
        unsubscribe_url: "https://u.example.com/o/".to_owned(),
        unsubscribe_mail: Domain::parse("unsub.example.com")?,
        feedback: Domain::parse("fbl.example.com")?,
    };
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_| anyhow!("the system gives no random bytes"))?;
    let tokens = Tokens::new(TokenKey { id: 1, secret }, Vec::new());
    Ok(Identity::new(domains, "postrider", tokens)?)
}

fn streams(paced: bool) -> Result<HashMap<String, Stream>> {
    STREAMS
        .into_iter()
        .map(|(name, kind)| {
            let stream = Stream {
                policy: policy(name, kind, paced),
                style: style(name, kind)?,
                pool: Vec::new(),
                lint: Gate::Off,
                quiet: None,
            };
            Ok((name.to_owned(), stream))
        })
        .collect()
}

fn style(name: &str, kind: StreamKind) -> Result<Style> {
    let list = List::new(None, name, &Domain::parse("list.example.com")?)?;
    Ok(match kind {
        StreamKind::Transactional => Style::transactional(name),
        StreamKind::Trigger => Style::trigger(name, list),
        StreamKind::Marketing => Style::marketing(name, list),
    })
}

/// The standard policy with its hours turned into seconds; letters that wait for a pace have a few minutes.
fn policy(name: &str, kind: StreamKind, paced: bool) -> StreamPolicy {
    let retry = Retry {
        waits: [1, 2, 4, 8].map(Duration::from_secs).to_vec(),
        jitter: 0.2,
        give_up_age: Duration::from_secs(if paced { 480 } else { 25 }),
        greylist: (Duration::from_millis(2_200), Duration::from_secs(3)),
        wait_min: Duration::from_millis(500),
    };
    StreamPolicy {
        retry,
        in_doubt: InDoubt::Hold,
        ..StreamPolicy::standard(name, kind)
    }
}

fn registry(templates: &TemplateSet) -> Registry {
    let streams = STREAMS.into_iter().map(|(name, kind)| {
        let transactional = kind == StreamKind::Transactional;
        let priority = if transactional { 1 } else { 5 };
        store::Stream {
            name: name.to_owned(),
            transactional,
            priority,
        }
    });
    Registry {
        streams: streams.collect(),
        templates: templates.names().map(|(name, _)| name.to_owned()).collect(),
        senders: vec![DOMAIN.to_owned()],
    }
}
