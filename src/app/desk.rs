//! From the operator's file to the engine's desk.
//!
//! Owns the translation: words and periods of `postrider.toml` into policies, styles, routes and keys. Promises: what
//! cannot work is said here with the key's name, before the first letter. Leaves the meaning of every value to its room.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    sync::Arc,
    thread::available_parallelism,
};

use anyhow::{Context, Result, anyhow, bail};

use super::{
    check::chosen,
    memory,
    pacing::{brakes, warmups},
    preflight, secrets,
};
use crate::{
    compose::{Domains, Identity, List, Style, TemplateSet},
    config::{self, Config, sections::TlsMode, stream::InDoubtPolicy},
    dkim::{KeyFile, Keyring},
    engine::{Desk, Limits, Stream, Trust},
    keys,
    mail::{Domain, InDoubt},
    net,
    policy::{QuietHours, Retry, Shaping, StreamKind, StreamPolicy},
    route::{Family, FixedRoute, FixedRoutes, SmarthostLogin, Source, TlsPolicy},
    smtp::Timeouts,
    store::{self, Registry},
    templates,
};

/// Letters in flight to one recipient domain: enough for all connections of a site to have the next letter at hand.
const LETTERS_PER_CONNECTION_AHEAD: usize = 20;

/// Content in flight takes at most this part of the memory that the system grants: each letter is also composed, signed
/// and written, and the rest of the program wants some too.
const MEMORY_PART: u64 = 8;

/// Everything the engine needs to know from the operator.
pub fn desk(config: &Config) -> Result<Desk> {
    let keyring = keyring(config, &chosen(config)?)?.into();
    let templates = templates(config)?.into();
    Ok(Desk {
        limits: limits(config),
        streams: streams(config)?,
        stray: StreamPolicy::standard("stray", StreamKind::Marketing),
        identity: identity(config)?,
        templates,
        keyring,
        sources: sources(config)?,
        shaping: shaping(config)?.into(),
        warmups: warmups(config)?,
        brakes: brakes(config),
        node: config.node.clone(),
        fixed: fixed(config)?,
        family: match config.delivery.prefer {
            config::sections::Family::Ipv4 => Family::Ipv4First,
            config::sections::Family::Ipv6 => Family::Ipv6First,
        },
        tls: tls(config.tls.mode),
        mta_sts: config.tls.mta_sts,
        chunking: config.delivery.chunking,
        trust: trust()?,
        timeouts: timeouts(config),
    })
}

/// What letters may name, for the database.
pub fn registry(config: &Config) -> Result<Registry> {
    let keyring = keyring(config, &BTreeMap::new())?;
    Ok(registry_of(config, &templates(config)?, &keyring))
}

/// The same with these templates and keys.
pub(super) fn registry_of(config: &Config, templates: &TemplateSet, keyring: &Keyring) -> Registry {
    let streams = config.stream.iter().map(|stream| store::Stream {
        name: stream.name.clone(),
        transactional: stream.kind == config::StreamKind::Transactional,
        priority: stream.policy().priority,
    });
    let senders = keyring.public_keys().map(|key| key.domain.to_string());
    Registry {
        streams: streams.collect(),
        templates: templates.names().map(|(name, _)| name.to_owned()).collect(),
        // A domain with keys of both kinds is one sender.
        senders: senders.collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

/// The templates as they lie in their folder.
pub(super) fn templates(config: &Config) -> Result<TemplateSet> {
    let folder = &config.templates.folder;
    templates::load(folder, Some(&config.templates.default_locale))
        .with_context(|| format!("loading templates.folder {}", folder.display()))
}

/// The keys as they lie in their folder; `chosen` names the selector of a domain that shall not sign with its newest.
pub(super) fn keyring(config: &Config, chosen: &BTreeMap<Domain, String>) -> Result<Keyring> {
    let files = keys::read_all(&config.dkim.folder)?
        .into_iter()
        .map(|file| {
            let pem = String::from_utf8(file.pem)
                .with_context(|| format!("{} is not PEM text", file.path.display()))?;
            Ok(KeyFile {
                domain: file.domain.to_string(),
                selector: file.selector,
                pem,
            })
        });
    let files: Vec<KeyFile> = files.collect::<Result<_>>()?;
    let ring = Keyring::new(files, chosen).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })?;
    Ok(ring.with_second_signature(config.dkim.second_signature_ed25519))
}

fn limits(config: &Config) -> Limits {
    let delivery = &config.delivery;
    let wished = usize::try_from(delivery.in_flight_size.0).unwrap_or(usize::MAX);
    let bearable = memory::limit().map_or(usize::MAX, |limit| {
        usize::try_from(limit / MEMORY_PART).unwrap_or(usize::MAX)
    });
    let connections_per_site = delivery.connections_per_site as usize;
    Limits {
        in_flight: delivery.in_flight as usize,
        in_flight_octets: wished.min(bearable),
        in_flight_per_lane: connections_per_site * LETTERS_PER_CONNECTION_AHEAD,
        connections_per_site,
        letters_per_connection: delivery.letters_per_connection as usize,
        keep_warm: delivery.idle_connection.0,
        processors: available_parallelism().map_or(1, usize::from),
        lease: delivery.lease.0,
        ..Limits::default()
    }
}

fn timeouts(config: &Config) -> Timeouts {
    let delivery = &config.delivery;
    Timeouts {
        connect: delivery.timeout_connect.0,
        banner: delivery.timeout_greeting.0,
        ehlo: delivery.timeout_hello.0,
        tls: delivery.timeout_hello.0,
        auth: delivery.timeout_hello.0,
        mail_from: delivery.timeout_mail.0,
        rcpt_to: delivery.timeout_recipient.0,
        data: delivery.timeout_data.0,
        block: delivery.timeout_block.0,
        final_dot: delivery.timeout_final_dot.0,
        ..Timeouts::default()
    }
}

fn trust() -> Result<Trust> {
    let trust = net::Trust::new().context("preparing TLS")?;
    Ok(Trust {
        anyone: trust.any,
        public_roots: trust.verified,
        roots: trust.roots,
    })
}

const fn tls(mode: TlsMode) -> TlsPolicy {
    match mode {
        TlsMode::Off => TlsPolicy::Off,
        TlsMode::Opportunistic => TlsPolicy::Opportunistic,
        TlsMode::Required => TlsPolicy::Verified,
    }
}

fn streams(config: &Config) -> Result<HashMap<String, Stream>> {
    let named = config.stream.iter().map(|stream| {
        let made = Stream {
            policy: policy(stream)?,
            style: style(config, stream)?,
            pool: pool(config, stream),
            lint: preflight::gate(stream),
            quiet: quiet(stream)?,
        };
        Ok((stream.name.clone(), made))
    });
    named.collect()
}

pub(super) fn policy(stream: &config::Stream) -> Result<StreamPolicy> {
    let wanted = stream.policy();
    let kind = match stream.kind {
        config::StreamKind::Transactional => StreamKind::Transactional,
        config::StreamKind::Trigger => StreamKind::Trigger,
        config::StreamKind::Marketing => StreamKind::Marketing,
    };
    let standard = StreamPolicy::standard(&stream.name, kind);
    let retry = Retry {
        waits: wanted.retry.iter().map(|wait| wait.0).collect(),
        jitter: wanted.jitter,
        give_up_age: wanted.give_up_after.0,
        ..standard.retry.clone()
    };
    let retry = retry
        .checked()
        .map_err(|fault| anyhow!("stream {}: {fault}", stream.name))?;
    let in_doubt = match wanted.in_doubt {
        InDoubtPolicy::Retry => InDoubt::Retry,
        InDoubtPolicy::Hold => InDoubt::Hold,
    };
    Ok(StreamPolicy {
        retry,
        in_doubt,
        ..standard
    })
}

/// When readers of the stream are left alone.
pub(crate) fn quiet(stream: &config::Stream) -> Result<Option<QuietHours>> {
    let hours = stream.quiet_hours.as_ref();
    let hours = hours.map(config::quiet::QuietHours::policy).transpose();
    hours.map_err(|(key, problem)| anyhow!("stream {}: quiet_hours.{key}: {problem}", stream.name))
}

fn style(config: &Config, stream: &config::Stream) -> Result<Style> {
    let wanted = stream.policy();
    Ok(Style {
        stream: stream.name.clone(),
        unsubscribe: wanted.unsubscribe,
        list: list(config, stream)?,
        precedence_bulk: wanted.bulk,
        auto_submitted: wanted.auto_submitted,
        cfbl: wanted.complaint_address,
        mail_type: stream.message_type.clone().filter(|word| !word.is_empty()),
    })
}

/// An explicit List-Id wins; without one, streams that can be left are lists below `identity.list_domain`.
fn list(config: &Config, stream: &config::Stream) -> Result<Option<List>> {
    let title = stream.list_name.clone();
    if let Some(id) = &stream.list_id {
        let id = Domain::parse(id).with_context(|| format!("stream {}: list_id", stream.name))?;
        return Ok(Some(List { title, id }));
    }
    match (&config.identity.list_domain, stream.policy().unsubscribe) {
        (Some(domain), true) => {
            let under = Domain::parse(domain).context("identity.list_domain")?;
            Ok(Some(List::new(title.as_deref(), &stream.name, &under)?))
        }
        _ => Ok(None),
    }
}

fn identity(config: &Config) -> Result<Identity> {
    let missing = config.missing();
    if !missing.is_empty() {
        let lines: Vec<String> = missing
            .iter()
            .map(|fault| format!("  {}: {}", fault.key, fault.problem))
            .collect();
        bail!(
            "the configuration lacks what real mail needs:\n{}",
            lines.join("\n")
        );
    }
    let names = &config.identity;
    let domains = Domains {
        return_path: domain("return_path_domain", names.return_path_domain.as_deref())?,
        message_id: domain("message_id_domain", names.message_id_domain.as_deref())?,
        unsubscribe_url: names.unsubscribe_url.clone().unwrap_or_default(),
        unsubscribe_mail: domain("unsubscribe_domain", names.unsubscribe_domain.as_deref())?,
        feedback: domain("feedback_domain", names.feedback_domain.as_deref())?,
    };
    let tokens = secrets::tokens(&config.data_folder)?;
    let sender_id = names.sender_id.clone().unwrap_or_default();
    Identity::new(domains, sender_id, tokens).context("identity")
}

pub(super) fn domain(key: &str, text: Option<&str>) -> Result<Domain> {
    Domain::parse(text.unwrap_or_default()).with_context(|| format!("identity.{key}"))
}

/// The compiled-in profiles, and the operator's over them.
pub(crate) fn shaping(config: &Config) -> Result<Shaping> {
    match &config.delivery.shaping {
        Some(path) => config::shaping(path).map_err(Into::into),
        None => Ok(Shaping::standard()),
    }
}

/// The sources of the stream's pool.
pub(crate) fn pool(config: &Config, stream: &config::Stream) -> Vec<String> {
    let pool = config
        .smtp
        .pools
        .iter()
        .find(|pool| Some(&pool.name) == stream.pool.as_ref());
    pool.map_or_else(Vec::new, |pool| pool.sources.clone())
}

fn sources(config: &Config) -> Result<Vec<Source>> {
    let usual = config.smtp.ehlo.as_deref();
    if config.smtp.sources.is_empty() {
        return Ok(vec![Source {
            name: "default".to_owned(),
            address: None,
            ehlo: ehlo(usual)?,
            weight: 1,
        }]);
    }
    let sources = config.smtp.sources.iter().map(|source| {
        let ehlo = ehlo(source.ehlo.as_deref().or(usual))?;
        Ok(Source {
            name: source.name.clone(),
            address: source.address,
            ehlo,
            weight: source.weight,
        })
    });
    sources.collect()
}

fn ehlo(name: Option<&str>) -> Result<Domain> {
    let name = name.context("smtp.ehlo is not set: the name this host gives itself in EHLO")?;
    Domain::parse(name).context("smtp.ehlo")
}

/// The routes that the operator has fixed.
pub(crate) fn fixed(config: &Config) -> Result<FixedRoutes> {
    let mut routes = FixedRoutes::default();
    for route in &config.route {
        let made = FixedRoute {
            host: route.host.clone(),
            port: route.port,
            tls: tls(route.tls),
            login: login(route)?,
        };
        if route.domain == "*" {
            routes.default = Some(made);
        } else {
            routes
                .by_domain
                .insert(Domain::parse(&route.domain).context("route.domain")?, made);
        }
    }
    Ok(routes)
}

fn login(route: &config::sections::Route) -> Result<Option<SmarthostLogin>> {
    let Some(user) = route.user.clone() else {
        return Ok(None);
    };
    let secret = match (&route.password, &route.password_file) {
        (Some(secret), _) => secret.expose().to_owned(),
        (None, Some(path)) => fs::read_to_string(path)
            .with_context(|| format!("reading route.password_file {}", path.display()))?
            .trim_end()
            .to_owned(),
        (None, None) => bail!("route to {}: a user without a password", route.host),
    };
    Ok(Some(SmarthostLogin {
        user,
        secret,
        in_clear: route.tls == TlsMode::Off,
    }))
}

/// The desk, ready to be shared.
pub fn shared(config: &Config) -> Result<Arc<Desk>> {
    desk(config).map(Arc::new)
}
