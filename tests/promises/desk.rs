//! The operator of these tests: three streams, one sending domain, waits of fractions of a second.

use std::{collections::BTreeMap, path::Path, time::Duration};

use postrider::{
    compose::{Domains, Identity, List, Style, lint::Gate},
    dkim::{self, DnsRecord, KeyFile, Keyring},
    engine::{Desk, Limits, Stream, Trust},
    mail::{Domain, InDoubt},
    net,
    policy::{Brakes, QuietHours, Retry, Shaping, StreamKind, StreamPolicy, warmup::Plans},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    smtp::Timeouts,
    store::{self, Registry},
    templates,
    token::{TokenKey, Tokens},
};

/// The domain that writes.
pub(crate) const SENDER: &str = "example.com";

/// The streams that letters of these tests may name. `ghost` is known to the door and not to the engine, as after a
/// configuration change.
const STREAMS: [(&str, StreamKind); 3] = [
    ("transactional", StreamKind::Transactional),
    ("trigger", StreamKind::Trigger),
    ("marketing", StreamKind::Marketing),
];

/// What a test may wish for.
#[derive(Clone)]
pub(crate) struct Wishes {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) give_up_age: Duration,
    pub(crate) in_doubt: InDoubt,
    /// The same for letters that somebody waits for.
    pub(crate) transactional_in_doubt: InDoubt,
    pub(crate) fixed: FixedRoutes,
    pub(crate) tls: TlsPolicy,
    /// Who stands behind good certificates; the public roots when nobody.
    pub(crate) root: Option<rustls_pki_types::CertificateDer<'static>>,
    /// The name of its source.
    pub(crate) source: &'static str,
    /// Addresses of this machine that it sends from, as sources `s1`, `s2` and so on; none is the one source, from anywhere.
    pub(crate) addresses: &'static [&'static str],
    /// The pace of each provider.
    pub(crate) shaping: Shaping,
    /// Sources that are warmed up.
    pub(crate) warmups: Plans,
    /// What happens to letters with flaws.
    pub(crate) lint: Gate,
    /// When readers are left alone.
    pub(crate) quiet: Option<QuietHours>,
    /// When campaigns are stopped.
    pub(crate) brakes: Option<Brakes>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            limits: Limits {
                lease: Duration::from_secs(20),
                dead_site_pause: Duration::from_secs(1),
                ..Limits::default()
            },
            timeouts: patience(Duration::from_secs(10)),
            give_up_age: Duration::from_secs(30),
            in_doubt: InDoubt::Hold,
            transactional_in_doubt: InDoubt::Retry,
            fixed: FixedRoutes::default(),
            tls: TlsPolicy::Opportunistic,
            root: None,
            source: "test",
            addresses: &[],
            shaping: Shaping::free(),
            warmups: Plans::default(),
            lint: Gate::Off,
            quiet: None,
            brakes: None,
        }
    }
}

/// The same patience at every stage.
pub(crate) fn patience(limit: Duration) -> Timeouts {
    Timeouts {
        connect: limit,
        banner: limit,
        ehlo: limit,
        tls: limit,
        auth: limit,
        mail_from: limit,
        rcpt_to: limit,
        data: limit,
        block: limit,
        final_dot: limit,
        leave: limit.min(Duration::from_secs(1)),
    }
}

pub(crate) fn desk(wishes: &Wishes) -> Desk {
    let trust = match &wishes.root {
        None => net::Trust::new(),
        Some(root) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root.clone()).unwrap();
            net::Trust::with_roots(roots)
        }
    };
    let trust = trust.unwrap();
    let stream = |(name, kind): (&str, StreamKind)| {
        let policy = policy(name, kind, wishes);
        let style = style(name, kind);
        let pool = Vec::new();
        (
            name.to_owned(),
            Stream {
                policy,
                style,
                pool,
                lint: wishes.lint,
                quiet: wishes.quiet.clone(),
            },
        )
    };
    Desk {
        limits: wishes.limits.clone(),
        streams: STREAMS.into_iter().map(stream).collect(),
        stray: policy("stray", StreamKind::Marketing, wishes),
        identity: identity(),
        templates: templates::load(&templates_folder(), Some("ru"))
            .unwrap()
            .into(),
        keyring: keyring().into(),
        sources: sources(wishes),
        shaping: wishes.shaping.clone().into(),
        warmups: wishes.warmups.clone(),
        brakes: wishes.brakes,
        node: wishes.source.to_owned(),
        fixed: wishes.fixed.clone(),
        family: Family::Ipv4First,
        tls: wishes.tls,
        mta_sts: true,
        chunking: true,
        trust: Trust {
            anyone: trust.any,
            public_roots: trust.verified,
            roots: trust.roots,
        },
        timeouts: wishes.timeouts,
    }
}

fn sources(wishes: &Wishes) -> Vec<Source> {
    let source = |name: String, address: Option<&str>| Source {
        name,
        address: address.map(|address| address.parse().unwrap()),
        ehlo: domain("mail.example.com"),
        weight: 1,
    };
    if wishes.addresses.is_empty() {
        return vec![source(wishes.source.to_owned(), None)];
    }
    let numbered = wishes.addresses.iter().enumerate();
    numbered
        .map(|(at, address)| source(format!("s{}", at + 1), Some(address)))
        .collect()
}

fn policy(name: &str, kind: StreamKind, wishes: &Wishes) -> StreamPolicy {
    let retry = Retry {
        waits: [200, 400, 800].map(Duration::from_millis).to_vec(),
        jitter: 0.2,
        give_up_age: wishes.give_up_age,
        greylist: (Duration::from_millis(700), Duration::from_secs(1)),
        wait_min: Duration::from_millis(100),
    };
    let in_doubt = match kind {
        StreamKind::Transactional => wishes.transactional_in_doubt,
        StreamKind::Trigger | StreamKind::Marketing => wishes.in_doubt,
    };
    StreamPolicy {
        retry,
        in_doubt,
        ..StreamPolicy::standard(name, kind)
    }
}

fn style(name: &str, kind: StreamKind) -> Style {
    let list = List::new(None, name, &domain("list.example.com")).unwrap();
    match kind {
        StreamKind::Transactional => Style::transactional(name),
        StreamKind::Trigger => Style::trigger(name, list),
        StreamKind::Marketing => Style::marketing(name, list),
    }
}

pub(crate) fn identity() -> Identity {
    let domains = Domains {
        return_path: domain("bounce.example.com"),
        message_id: domain("mail.example.com"),
        unsubscribe_url: "https://u.example.com/o/".to_owned(),
        unsubscribe_mail: domain("unsub.example.com"),
        feedback: domain("fbl.example.com"),
    };
    let key = TokenKey {
        id: 1,
        secret: [7; 32],
    };
    Identity::new(domains, "postrider", Tokens::new(key, Vec::new())).unwrap()
}

/// One key for all tests and processes, so that a letter signed before a crash verifies after it.
fn keyring() -> Keyring {
    let file = KeyFile {
        domain: SENDER.to_owned(),
        selector: "test".to_owned(),
        pem: include_str!("../../src/dkim/testdata/rsa-2048-pkcs1.pem").to_owned(),
    };
    Keyring::new([file], &BTreeMap::new()).unwrap()
}

/// What receivers find in DNS to verify our letters.
pub(crate) fn dkim_record() -> DnsRecord {
    let ring = keyring();
    dkim::dns_record(ring.public_keys().next().unwrap())
}

pub(crate) fn registry() -> Registry {
    let stream = |name: &str, kind: StreamKind| store::Stream {
        name: name.to_owned(),
        transactional: kind == StreamKind::Transactional,
        priority: 5,
    };
    let known = STREAMS.into_iter().map(|(name, kind)| stream(name, kind));
    let ghost = stream("ghost", StreamKind::Marketing);
    let loaded = templates::load(&templates_folder(), Some("ru")).unwrap();
    Registry {
        streams: known.chain([ghost]).collect(),
        templates: loaded.names().map(|(name, _)| name.to_owned()).collect(),
        senders: vec![SENDER.to_owned()],
    }
}

pub(crate) fn templates_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")
}

pub(crate) fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}
