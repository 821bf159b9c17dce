//! What the operator of a simulated world has configured.
//!
//! Owns the engine's desk: two streams that part on doubt, a key of a fixed secret, waits of seconds where real ones are
//! hours. Promises: nothing in it comes from chance, so that the same letters are the same octets. Leaves receivers to
//! `setting`.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use data_encoding::BASE64;
use rustls::{ClientConfig, RootCertStore};

use super::super::error::SimError;
use crate::{
    compose::{Domains, Identity, List, Style, TemplateSet, lint::Gate},
    dkim::{self, DnsRecord, KeyFile, Keyring},
    engine::{Desk, Limits, Stream, Trust, feedback::FeedbackDesk},
    mail::{Domain, InDoubt, LetterId},
    policy::{QuietHours, Retry, Shaping, StreamKind, StreamPolicy, warmup::Plans},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    smtp::Timeouts,
    token::{Addresses, Kind, TokenKey, Tokens},
};

/// The domain that writes.
pub(super) const DOMAIN: &str = "example.com";

/// The streams: of a letter in doubt one sends another copy, the other never does.
pub(super) const RETRYING: &str = "transactional";
pub(super) const HOLDING: &str = "marketing";

/// Their kinds, as the store knows them.
pub(super) const STREAMS: [(&str, StreamKind); 2] = [
    (RETRYING, StreamKind::Transactional),
    (HOLDING, StreamKind::Marketing),
];

/// No letter is older than this when it reaches its end.
pub(super) const GIVE_UP: Duration = Duration::from_mins(2);

/// How long a claim lasts.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// PKCS#8 around an Ed25519 seed (RFC 8410 §7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Secrets of a world that keeps none.
const SECRET: [u8; 32] = *b"a simulated world has no secrets";

/// The secret of somebody else, who numbers it as we do ours.
const FORGERS_SECRET: [u8; 32] = *b"what a forger takes for a secret";

/// A feedback loop whose signed reports are believed.
const REPORTER: &str = "reporter.example";

/// The engine's bounds: small, so that few letters meet all of them.
pub(super) fn limits() -> Limits {
    Limits {
        in_flight: 160,
        in_flight_per_lane: 14,
        connections_per_site: 2,
        letters_per_connection: 3,
        keep_warm: Duration::from_secs(2),
        lease: LEASE,
        dead_site_pause: Duration::from_secs(5),
        ..Limits::default()
    }
}

/// What an operator may have set otherwise.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// The pace of each provider.
    pub(super) shaping: Shaping,
    /// Every node calls from the same source.
    pub(super) has_one_source: bool,
    /// The age at which letters are given up.
    pub(super) give_up: Duration,
    /// A source beside the usual one that is warmed up, and how; nodes have no other than that when `is_alone`.
    pub(super) new_source: Option<NewSource>,
    /// When readers are left alone.
    pub(super) quiet: Option<QuietHours>,
}

/// A source that nobody knows.
#[derive(Clone, Debug)]
pub(super) struct NewSource {
    pub(super) warmups: Plans,
    pub(super) is_alone: bool,
}

/// Its name and address.
pub(super) const NEW: (&str, IpAddr) = ("new", IpAddr::V4(Ipv4Addr::new(198, 51, 100, 200)));

impl Default for Habits {
    fn default() -> Self {
        Self {
            shaping: Shaping::free(),
            has_one_source: false,
            give_up: GIVE_UP,
            new_source: None,
            quiet: None,
        }
    }
}

/// The desk of one node.
pub(super) fn desk(node: usize, limits: Limits, habits: &Habits) -> Result<Desk, SimError> {
    let place = if habits.has_one_source { 0 } else { node };
    let streams = STREAMS.into_iter().map(|(name, kind)| {
        let stream = Stream {
            policy: policy(name, kind, habits.give_up),
            style: style(name, kind)?,
            pool: Vec::new(),
            lint: Gate::Off,
            quiet: habits
                .quiet
                .clone()
                .filter(|_| kind != StreamKind::Transactional),
        };
        Ok((name.to_owned(), stream))
    });
    Ok(Desk {
        limits,
        streams: streams.collect::<Result<HashMap<_, _>, SimError>>()?,
        stray: policy("stray", StreamKind::Marketing, GIVE_UP),
        identity: identity()?,
        templates: TemplateSet::build(Vec::new(), None).map_err(faults)?.into(),
        keyring: keyring()?.into(),
        sources: sources(place, habits.new_source.as_ref())?,
        shaping: habits.shaping.clone().into(),
        warmups: habits
            .new_source
            .as_ref()
            .map(|new| new.warmups.clone())
            .unwrap_or_default(),
        brakes: None,
        node: format!("node{}", node + 1),
        fixed: FixedRoutes::default(),
        family: Family::Ipv4First,
        tls: TlsPolicy::Off,
        mta_sts: false,
        chunking: true,
        trust: trust()?,
        timeouts: timeouts(),
    })
}

/// What a node calls from.
fn sources(place: usize, new: Option<&NewSource>) -> Result<Vec<Source>, SimError> {
    let named = |name: String, address| -> Result<Source, SimError> {
        Ok(Source {
            name,
            address: Some(address),
            ehlo: Domain::parse("mail.example.com").map_err(SimError::crypto)?,
            weight: 1,
        })
    };
    let usual = new.is_none_or(|new| !new.is_alone);
    let usual = usual.then(|| named(format!("node{}", place + 1), source(place)));
    let new = new.map(|_| named(NEW.0.to_owned(), NEW.1));
    usual.into_iter().chain(new).collect()
}

/// Where a node calls from.
fn source(node: usize) -> IpAddr {
    let last = u8::try_from(node + 1).unwrap_or(u8::MAX);
    Ipv4Addr::new(198, 51, 100, last).into()
}

/// The letter that a return path belongs to, by our own token.
pub(super) fn letter_of(identity: &Identity, return_path: &str) -> Option<LetterId> {
    let local = return_path.split('@').next()?;
    let named = identity.tokens().decode_local(Kind::ReturnPath, local)?;
    Some(named.id)
}

/// What receivers must know to verify our signatures.
pub(super) fn key_record() -> Result<DnsRecord, SimError> {
    let ring = keyring()?;
    let key = ring.public_keys().next().map(dkim::dns_record);
    key.ok_or_else(|| SimError::crypto("the key is not in its ring"))
}

fn keyring() -> Result<Keyring, SimError> {
    let der = [&PKCS8_HEAD[..], &SECRET[..]].concat();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(&der)
    );
    let file = KeyFile {
        domain: DOMAIN.to_owned(),
        selector: "sim".to_owned(),
        pem,
    };
    Keyring::new([file], &BTreeMap::new()).map_err(faults)
}

fn faults(faults: impl IntoIterator<Item = impl std::fmt::Display>) -> SimError {
    let words: Vec<String> = faults.into_iter().map(|fault| fault.to_string()).collect();
    SimError::crypto(words.join("; "))
}

pub(super) fn identity() -> Result<Identity, SimError> {
    let domain = |name| Domain::parse(name).map_err(SimError::crypto);
    let domains = Domains {
        return_path: domain("bounce.example.com")?,
        message_id: domain("mail.example.com")?,
        unsubscribe_url: "https://u.example.com/o/".to_owned(),
        unsubscribe_mail: domain("unsub.example.com")?,
        feedback: domain("fbl.example.com")?,
    };
    Identity::new(domains, "postrider", tokens(false)).map_err(SimError::crypto)
}

/// Our tokens; who is gullible reads the forger's too.
fn tokens(is_gullible: bool) -> Tokens {
    let key = |secret| TokenKey { id: 1, secret };
    let foreign = is_gullible.then(|| key(FORGERS_SECRET));
    Tokens::new(key(SECRET), foreign.into_iter().collect())
}

/// Tokens that look like ours.
pub(super) fn forgers_tokens() -> Tokens {
    let (id, secret) = (1, FORGERS_SECRET);
    Tokens::new(TokenKey { id, secret }, Vec::new())
}

/// Our addresses.
fn addresses(is_gullible: bool) -> Result<Addresses, SimError> {
    let domain = |name| Domain::parse(name).map_err(SimError::crypto);
    Ok(Addresses {
        domains: vec![
            (domain("bounce.example.com")?, Kind::ReturnPath),
            (domain("fbl.example.com")?, Kind::Feedback),
            (domain("unsub.example.com")?, Kind::Unsubscribe),
        ],
        mailboxes: vec!["postmaster".to_owned(), "fbl".to_owned()],
        tokens: tokens(is_gullible),
    })
}

/// The desk of the reading.
pub(super) fn feedback(is_gullible: bool) -> Result<FeedbackDesk, SimError> {
    let streams = STREAMS.map(|(name, kind)| (name.to_owned(), policy(name, kind, GIVE_UP)));
    Ok(FeedbackDesk {
        addresses: addresses(is_gullible)?,
        streams: streams.into(),
        stray: policy("stray", StreamKind::Marketing, GIVE_UP),
        reporters: vec![Domain::parse(REPORTER).map_err(SimError::crypto)?],
    })
}

/// Where the reporter's key is published; it is ours, which no forger has either.
pub(super) fn reporters_key() -> Result<(String, String), SimError> {
    let record = key_record()?;
    Ok((format!("sim._domainkey.{REPORTER}"), record.text))
}

/// Handshakes have real chance in them, so nobody shakes hands here; the engine wants a configuration all the same.
fn trust() -> Result<Trust, SimError> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(SimError::crypto)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let config = Arc::new(config);
    Ok(Trust {
        anyone: Arc::clone(&config),
        public_roots: config,
        roots: Arc::new(RootCertStore::empty()),
    })
}

fn style(name: &str, kind: StreamKind) -> Result<Style, SimError> {
    let under = Domain::parse("list.example.com").map_err(SimError::crypto)?;
    let list = List::new(None, name, &under).map_err(SimError::crypto)?;
    Ok(match kind {
        StreamKind::Transactional => Style::transactional(name),
        StreamKind::Trigger => Style::trigger(name, list),
        StreamKind::Marketing => Style::marketing(name, list),
    })
}

fn policy(name: &str, kind: StreamKind, give_up_age: Duration) -> StreamPolicy {
    let retry = Retry {
        waits: [2, 4, 8, 16, 32].map(Duration::from_secs).to_vec(),
        jitter: 0.2,
        give_up_age,
        greylist: (Duration::from_millis(2_500), Duration::from_secs(4)),
        wait_min: Duration::from_secs(1),
    };
    let in_doubt = if name == RETRYING {
        InDoubt::Retry
    } else {
        InDoubt::Hold
    };
    StreamPolicy {
        retry,
        in_doubt,
        ..StreamPolicy::standard(name, kind)
    }
}

/// Longer than the slowest healthy line needs, as the real ones are.
fn timeouts() -> Timeouts {
    let short = Duration::from_secs(5);
    Timeouts {
        connect: Duration::from_secs(4),
        banner: short,
        ehlo: short,
        mail_from: short,
        rcpt_to: short,
        data: short,
        block: short,
        final_dot: Duration::from_secs(12),
        leave: Duration::from_secs(3),
        ..Timeouts::default()
    }
}
