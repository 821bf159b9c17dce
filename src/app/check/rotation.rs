//! Which key of a domain signs, which comes next, which is done.
//!
//! Owns the reading of keys and dates together. Promises: a key with a date of signing goes before one without; a retired one
//! never signs; among the others the last by name does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::SystemTime,
};

use anyhow::{Result, anyhow};

use crate::{
    check::KeyPhase,
    config::Config,
    dkim::{self, KeyFile, Keyring, PublicKey},
    keys::{self, KeyDates},
    mail::{Domain, Timestamp},
};

/// A key with its place in life.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// The public half.
    pub key: PublicKey,
    /// Where it stands.
    pub phase: KeyPhase,
    /// Its dates; `made` is the file's where nobody wrote one down.
    pub dates: KeyDates,
}

impl KeyState {
    /// The record that shows it.
    pub fn record(&self) -> dkim::DnsRecord {
        dkim::dns_record(&self.key)
    }
}

/// The keys of a domain, by name.
pub fn key_states(config: &Config, domain: &Domain) -> Result<Vec<KeyState>> {
    let folder = &config.dkim.folder;
    let dates = keys::rotation(folder, domain)?;
    let mut states = Vec::new();
    for file in keys::read_all(folder)?
        .into_iter()
        .filter(|file| file.domain == *domain)
    {
        let mut dates = dates.get(&file.selector).copied().unwrap_or_default();
        dates.made = dates.made.or_else(|| {
            let changed = fs::metadata(&file.path).ok()?.modified().ok()?;
            let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_micros())
                .ok()
                .map(Timestamp::from_micros)
        });
        let key = public(&file)?;
        let phase = KeyPhase::Next;
        states.push(KeyState { key, phase, dates });
    }
    assign(&mut states);
    Ok(states)
}

fn public(file: &keys::KeyFile) -> Result<PublicKey> {
    let pem = String::from_utf8(file.pem.clone())
        .map_err(|_| anyhow!("{} is not PEM text", file.path.display()))?;
    let file = KeyFile {
        domain: file.domain.to_string(),
        selector: file.selector.clone(),
        pem,
    };
    let ring = Keyring::new([file], &BTreeMap::new());
    let ring = ring.map_err(|mut faults| anyhow::Error::from(faults.remove(0)))?;
    let key = ring.public_keys().next().cloned();
    key.ok_or_else(|| anyhow!("the key is not in its ring"))
}

/// Keys of both algorithms sign side by side, so each has its own order.
fn assign(states: &mut [KeyState]) {
    for algorithm in [dkim::Algorithm::Rsa, dkim::Algorithm::Ed25519] {
        // What DNS was seen to show goes before what it may not show yet.
        let rank = |state: &KeyState| {
            let dates = &state.dates;
            (
                dates.signing,
                dates.published.is_some(),
                state.key.selector.clone(),
            )
        };
        let living = states
            .iter()
            .filter(|state| state.key.algorithm == algorithm);
        let living = living.filter(|state| state.dates.retired.is_none());
        let signing = living.max_by_key(|state| rank(state));
        let signing = signing.map(|state| (rank(state), age(state)));
        for state in states
            .iter_mut()
            .filter(|state| state.key.algorithm == algorithm)
        {
            state.phase = match &signing {
                _ if state.dates.retired.is_some() => KeyPhase::Retired,
                Some((best, _)) if rank(state) == *best => KeyPhase::Signing,
                // Older and never used: nobody waits for it.
                Some((_, signer)) if age(state) < *signer => KeyPhase::Retired,
                _ => KeyPhase::Next,
            };
        }
    }
}

/// Keys by age; of equal age by name.
fn age(state: &KeyState) -> (Option<Timestamp>, String) {
    (state.dates.made, state.key.selector.clone())
}

/// The selectors that sign when a node starts.
pub fn chosen(config: &Config) -> Result<BTreeMap<Domain, String>> {
    select(config, |states| {
        let rsa_first = |state: &&KeyState| state.key.algorithm != dkim::Algorithm::Rsa;
        let signing = states
            .iter()
            .filter(|state| state.phase == KeyPhase::Signing);
        signing
            .min_by_key(rsa_first)
            .map(|state| state.key.selector.clone())
    })
}

/// The selectors that should sign once DNS shows them: where keys change by command those that do, else the newest by name.
pub fn newest(config: &Config) -> Result<BTreeMap<Domain, String>> {
    let by_command = |states: &[KeyState]| states.iter().any(|state| state.dates.signing.is_some());
    let mut all = chosen(config)?;
    let free = select(config, |states| {
        let living = states.iter().filter(|state| state.dates.retired.is_none());
        let rsa = living.filter(|state| state.key.algorithm == dkim::Algorithm::Rsa);
        let newest = rsa.map(|state| state.key.selector.clone()).max();
        newest.filter(|_| !by_command(states))
    })?;
    all.extend(free);
    Ok(all)
}

/// One selector for each domain with a file of dates; the others go by name, as ever.
fn select(
    config: &Config,
    choose: impl Fn(&[KeyState]) -> Option<String>,
) -> Result<BTreeMap<Domain, String>> {
    let files = keys::read_all(&config.dkim.folder)?;
    let domains: BTreeSet<Domain> = files.into_iter().map(|file| file.domain).collect();
    let mut chosen = BTreeMap::new();
    for domain in domains {
        if !keys::rotation(&config.dkim.folder, &domain)?.is_empty() {
            let selector = choose(&key_states(config, &domain)?);
            chosen.extend(selector.map(|selector| (domain, selector)));
        }
    }
    Ok(chosen)
}
