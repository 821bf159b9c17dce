//! `postrider dkim`: signing keys and their DNS records.
//!
//! Owns the commands and the choice of a selector. Promises: an existing key is never overwritten. Leaves making keys to
//! `dkim`, their files to `keys`.

mod life;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use aws_lc_rs::rsa::PublicEncryptingKey;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    failure::advice,
    out::{Out, say},
    session::{self, now},
    settings::Settings,
    table::Table,
    words::moment,
};
use crate::{
    app::check::{KeyState, key_states},
    check::KeyPhase,
    config::Config,
    dkim::{self, Algorithm, DnsRecord, KeyFile, Keyring, PublicKey},
    keys,
    mail::{Domain, Timestamp},
    store::Registry,
};

#[derive(Debug, Subcommand)]
pub(super) enum Dkim {
    /// Make a key for a domain, print its DNS record, and let letters come from that domain.
    New(New),
    /// List the keys with their state, dates and DNS records.
    List,
    /// Show the records of a domain's keys and look whether DNS shows them.
    Publish(life::Publish),
    /// Let the next key of a domain take over; makes one where there is none.
    ///
    /// The next key signs only once DNS shows it. From then on keys of this domain change only by this command.
    Rotate(life::Rotate),
    /// Say that a key never signs again, and from when its record may be emptied.
    Retire(life::Retire),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The domain that letters come from.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
    /// The key's name in DNS [default: year, quarter and a letter, as in 2026q4a]
    #[arg(long)]
    selector: Option<String>,
    /// Make an Ed25519 key for a second signature; receivers that do not know it need an RSA key beside it.
    #[arg(long)]
    ed25519: bool,
}

impl Dkim {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::New(new) => new.run(settings, out).await,
            Self::List => list(&settings.config()?, out),
            Self::Publish(publish) => publish.run(settings, out).await,
            Self::Rotate(rotate) => rotate.run(settings, out).await,
            Self::Retire(retire) => retire.run(settings, out),
        }
    }
}

impl New {
    /// A key with the next free name.
    const fn next(domain: Domain) -> Self {
        Self {
            domain,
            selector: None,
            ed25519: false,
        }
    }

    async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let selector = match self.selector {
            Some(selector) => selector,
            None => free_selector(&config.dkim.folder, &self.domain, now())?,
        };
        let pem = if self.ed25519 {
            dkim::generate_ed25519()?
        } else {
            dkim::generate_rsa_2048()?
        };
        // Read before it is written: a key that cannot sign must not lie in the folder.
        let key = read(&self.domain, &selector, pem.clone())?;
        let file = keys::write_new(&config.dkim.folder, &self.domain, &selector, pem.as_bytes())?;
        keys::change_rotation(&config.dkim.folder, &self.domain, |dates| {
            dates.entry(selector.clone()).or_default().made = Some(now());
        })?;
        let record = dkim::dns_record(&key);
        out.thing(&wire(&key, &record, &file), words(&record, &file))?;
        out.flush()?;
        admit(settings, &self.domain).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// `2026q4a`, or the next letter that no key of the domain has.
fn free_selector(folder: &Path, domain: &Domain, now: Timestamp) -> Result<String> {
    let today = OffsetDateTime::from(now);
    let quarter = (u8::from(today.month()) - 1) / 3 + 1;
    let stem = format!("{}q{quarter}", today.year());
    let is_free = |selector: &String| {
        let file = folder.join(domain.as_str()).join(format!("{selector}.pem"));
        !file.exists()
    };
    ('a'..='z')
        .map(|letter| format!("{stem}{letter}"))
        .find(is_free)
        .ok_or_else(|| {
            advice(
                format!("{domain} has keys {stem}a to {stem}z already"),
                "name the new one with --selector",
            )
        })
}

fn read(domain: &Domain, selector: &str, pem: String) -> Result<PublicKey> {
    let file = KeyFile {
        domain: domain.to_string(),
        selector: selector.to_owned(),
        pem,
    };
    let ring = Keyring::new([file], &BTreeMap::new())
        .map_err(|mut faults| anyhow::Error::from(faults.remove(0)))?;
    let key = ring.public_keys().next().cloned();
    key.context("the key is not in its ring")
}

/// Lets enqueue take letters from that domain at once. A key without that is still a key.
async fn admit(settings: &Settings, domain: &Domain) {
    let registry = Registry {
        senders: vec![domain.to_string()],
        ..Registry::default()
    };
    let told = session::with(settings, async |session| {
        Ok(session.store.register(&registry).await?)
    })
    .await;
    if let Err(trouble) = told {
        say(format!(
            "note: the database was not told of {domain}; `postrider serve` tells it. The trouble was: {trouble:#}"
        ));
    }
}

fn words(record: &DnsRecord, file: &Path) -> String {
    format!(
        "Wrote the private key to {}.\n\n\
         Publish this record in DNS:\n  name   {}\n  type   TXT\n  value  {}\n\n\
         The same as a line of a zone file:\n  {}\n\n\
         Next: wait until `dig +short TXT {}` shows it before you send. A running `postrider serve` takes the key over by \
         itself; while a domain still has an older key, that one signs until DNS shows the new one.",
        file.display(),
        record.name,
        record.text,
        record.zone_line(),
        record.name,
    )
}

fn wire(key: &PublicKey, record: &DnsRecord, file: &Path) -> Value {
    json!({
        "domain": key.domain.as_str(),
        "selector": key.selector,
        "algorithm": kind(key),
        "bits": bits(key),
        "file": file,
        "name": record.name,
        "value": record.text,
        "zone": record.zone_line(),
    })
}

fn list(config: &Config, out: &mut Out) -> Result<ExitCode> {
    let mut table = Table::new(&[
        "domain", "selector", "kind", "bits", "state", "since", "file",
    ]);
    let mut records = Vec::new();
    let mut faults = Vec::new();
    for file in keys::read_all(&config.dkim.folder)? {
        let path: PathBuf = file.path;
        let pem = String::from_utf8_lossy(&file.pem).into_owned();
        match read(&file.domain, &file.selector, pem) {
            Ok(key) => {
                let states = key_states(config, &key.domain)?;
                let state = states.iter().find(|state| state.key == key);
                let (phase, since) = state.map_or(("", None), phase);
                if out.is_json() {
                    let mut wire = wire(&key, &dkim::dns_record(&key), &path);
                    wire["state"] = json!(phase);
                    wire["since"] = json!(since.map(|at| at.to_string()));
                    out.json(&wire)?;
                    continue;
                }
                let (bits, file) = (bits(&key).to_string(), path.display().to_string());
                let since = since.map_or_else(String::new, moment);
                let domain = key.domain.as_str();
                table.row([
                    domain,
                    &key.selector,
                    kind(&key),
                    &bits,
                    phase,
                    &since,
                    &file,
                ]);
                records.push(dkim::dns_record(&key).zone_line());
            }
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if !table.is_empty() {
        out.line(format!("{table}\n\nDNS records:\n{}", records.join("\n")))?;
    } else if faults.is_empty() && !out.is_json() {
        say(format!(
            "There are no keys in {}. Make one with `postrider dkim new DOMAIN`.",
            config.dkim.folder.display()
        ));
    }
    faults.iter().for_each(say);
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}

/// Where a key stands, and since when.
fn phase(state: &KeyState) -> (&'static str, Option<Timestamp>) {
    match state.phase {
        KeyPhase::Next => ("next", state.dates.made),
        KeyPhase::Signing => ("signs", state.dates.signing.or(state.dates.made)),
        KeyPhase::Retired => ("retired", state.dates.retired),
    }
}

const fn kind(key: &PublicKey) -> &'static str {
    match key.algorithm {
        Algorithm::Rsa => "rsa",
        Algorithm::Ed25519 => "ed25519",
    }
}

fn bits(key: &PublicKey) -> usize {
    match key.algorithm {
        Algorithm::Rsa => {
            PublicEncryptingKey::from_der(&key.octets).map_or(0, |k| k.key_size_bits())
        }
        Algorithm::Ed25519 => 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(date: &str, taken: &[&str], expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let domain = Domain::parse("example.com").unwrap();
        for selector in taken {
            keys::write_new(folder.path(), &domain, selector, b"").unwrap();
        }
        let now = Timestamp::parse(&format!("{date}T00:00:00Z")).unwrap();
        let found = free_selector(folder.path(), &domain, now).ok();
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_selector_tells_the_quarter_and_is_free() {
        check("2026-01-01", &[], Some("2026q1a"));
        check("2026-03-31", &[], Some("2026q1a"));
        check("2026-11-23", &["2026q4a", "2026q4b"], Some("2026q4c"));
        let letters: Vec<String> = ('a'..='z')
            .map(|letter| format!("2026q4{letter}"))
            .collect();
        let taken: Vec<&str> = letters.iter().map(String::as_str).collect();
        check("2026-12-31", &taken, None);
    }
}
