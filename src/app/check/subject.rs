//! From the operator's file and folders to the subject of a check.
//!
//! Owns the translation. Promises: what is missing in the file becomes a finding, not an error; the probes are tokens under our
//! own secret that name no letter.

use std::collections::BTreeSet;

use anyhow::Result;
use uuid::Uuid;

use super::{super::secrets, rotation::key_states};
use crate::{
    check::{Inbound, Key, KeyPhase, Lists, Source, Subject},
    config::Config,
    keys,
    mail::{Domain, LetterId, Shard},
    token::{Kind, Named, Tokens},
};

/// No letter has this name.
const NOBODY: Named = Named {
    id: LetterId(Uuid::nil()),
    shard: Shard(0),
};

/// The sending domains: those with keys.
pub fn domains(config: &Config) -> Result<Vec<Domain>> {
    let files = keys::read_all(&config.dkim.folder)?;
    let each: BTreeSet<Domain> = files.into_iter().map(|file| file.domain).collect();
    Ok(each.into_iter().collect())
}

/// Everything that stands behind letters from a domain.
pub fn subject(config: &Config, domain: &Domain) -> Result<Subject> {
    let tokens = secrets::tokens(&config.data_folder)?;
    let signer = signer(config, domain)?;
    let check = &config.check;
    Ok(Subject {
        domain: domain.clone(),
        sources: sources(config),
        return_path: name(config.identity.return_path_domain.as_deref()),
        inbound: inbound(config, &tokens),
        inbound_host: config
            .inbound
            .host
            .clone()
            .or_else(|| config.smtp.ehlo.clone()),
        unsubscribe: config.identity.unsubscribe_url.clone().map(|url| {
            let token = tokens.encode(Kind::Unsubscribe, NOBODY);
            (url, token)
        }),
        keys: match &signer {
            Some(signer) => self::keys(config, signer)?,
            None => Vec::new(),
        },
        signing_domain: signer,
        key_age_days: check.key_age_days,
        lists: Lists {
            addresses: check.address_lists.clone(),
            domains: check.domain_lists.clone(),
        },
        time_server: Some(check.time_server.clone()).filter(|server| !server.is_empty()),
        reports_to: reports_to(config),
    })
}

fn name(text: Option<&str>) -> Option<Domain> {
    text.and_then(|text| Domain::parse(text).ok())
}

/// The domain itself or the closest parent with keys, as the keyring chooses.
fn signer(config: &Config, domain: &Domain) -> Result<Option<Domain>> {
    let with_keys = domains(config)?;
    let above = with_keys
        .into_iter()
        .filter(|signer| domain.is_within(signer.as_str()));
    Ok(above.max_by_key(|signer| signer.as_str().len()))
}

fn sources(config: &Config) -> Vec<Source> {
    let usual = config.smtp.ehlo.clone().unwrap_or_default();
    let each = config.smtp.sources.iter().map(|source| Source {
        name: source.name.clone(),
        address: source.public_address.or(source.address),
        ehlo: source.ehlo.clone().unwrap_or_else(|| usual.clone()),
    });
    each.collect()
}

/// Each domain once, with a probe where a listener of ours is meant to answer.
fn inbound(config: &Config, tokens: &Tokens) -> Vec<Inbound> {
    let identity = &config.identity;
    let mut list: Vec<Inbound> = Vec::new();
    for (text, kind) in [
        (&identity.return_path_domain, Kind::ReturnPath),
        (&identity.feedback_domain, Kind::Feedback),
        (&identity.unsubscribe_domain, Kind::Unsubscribe),
    ] {
        let Some(domain) = name(text.as_deref()) else {
            continue;
        };
        if list.iter().any(|old| old.domain == domain) {
            continue;
        }
        let probe = (!config.inbound.smtp.is_empty()).then(|| probe(tokens, kind, &domain));
        list.push(Inbound { domain, probe });
    }
    list
}

fn probe(tokens: &Tokens, kind: Kind, domain: &Domain) -> (String, String) {
    let genuine = tokens.local_part(kind, NOBODY);
    let mut forged = genuine.clone();
    let last = if forged.pop() == Some('a') { 'b' } else { 'a' };
    forged.push(last);
    (format!("{genuine}@{domain}"), format!("{forged}@{domain}"))
}

fn keys(config: &Config, signer: &Domain) -> Result<Vec<Key>> {
    let states = key_states(config, signer)?.into_iter();
    // A second signature that is switched off signs nothing.
    let has_rsa = |states: &[super::KeyState]| {
        states
            .iter()
            .any(|state| state.key.algorithm == crate::dkim::Algorithm::Rsa)
    };
    let states: Vec<_> = states.collect();
    let silent = has_rsa(&states) && !config.dkim.second_signature_ed25519;
    let used = states
        .into_iter()
        .filter(|state| !silent || state.key.algorithm == crate::dkim::Algorithm::Rsa);
    let each = used.map(|state| Key {
        selector: state.key.selector.clone(),
        text: state.record().text,
        octets: state.key.octets.clone(),
        phase: state.phase,
        since: match state.phase {
            KeyPhase::Signing => state.dates.signing.or(state.dates.made),
            _ => state.dates.made,
        },
        revoke_at: state.dates.revoke_at,
    });
    Ok(each.collect())
}

fn reports_to(config: &Config) -> Option<String> {
    let identity = &config.identity;
    let ours = identity
        .feedback_domain
        .as_ref()
        .or(identity.return_path_domain.as_ref());
    let usual = ours.map(|domain| format!("dmarc@{domain}"));
    config.check.reports_to.clone().or(usual)
}
