//! The life of a key: published, taken into use, retired.
//!
//! Owns `dkim publish`, `rotate` and `retire`. Promises: a key is never taken into use before DNS shows it, and the record of
//! one that signed stays until the last letter with it can have been read. Leaves dates to `keys`, who signs to `app::check`.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::New;
use crate::{
    app::check::{KeyState, inquirer, key_states},
    check::{KeyPhase, zone_line},
    cli::{
        failure::advice,
        out::{Out, say},
        session::now,
        settings::Settings,
    },
    config::Config,
    dkim::{Algorithm, is_published},
    keys::{Rotation, change_rotation},
    mail::{Domain, Timestamp},
};

/// Receivers that deferred a letter, and people who forward, verify days later (M3AAWG DKIM Key Rotation).
const AFTERLIFE: Duration = Duration::from_hours(7 * 24);

#[derive(Debug, Args)]
pub(in crate::cli) struct Publish {
    /// The domain that signs.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
    /// One key only [default: the one that signs and the next one]
    selector: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    /// The domain that signs.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Retire {
    /// The domain that signs.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
    /// The key.
    selector: String,
}

impl Publish {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let states = states(&config, &self.domain)?;
        let is_meant = |state: &&KeyState| match &self.selector {
            Some(selector) => state.key.selector == *selector,
            None => state.phase != KeyPhase::Retired,
        };
        let meant: Vec<&KeyState> = states.iter().filter(is_meant).collect();
        if meant.is_empty() {
            return Err(no_such(
                &self.domain,
                self.selector.as_deref().unwrap_or(""),
            ));
        }
        let mut hidden = 0;
        for state in meant {
            let is_there = is_shown(&config, state).await?;
            if is_there {
                note(&config, &self.domain, &state.key.selector, |dates| {
                    dates.published = dates.published.or(Some(now()));
                })?;
            } else {
                hidden += 1;
            }
            let record = state.record();
            let line = zone_line(&record.name, "TXT", &record.text);
            let word = if is_there {
                "DNS shows it"
            } else {
                "DNS does not show it"
            };
            let wire = json!({
                "domain": self.domain.as_str(), "selector": state.key.selector, "published": is_there,
                "name": record.name, "value": record.text, "zone": line,
            });
            out.thing(&wire, format!("{line}\n; {word}"))?;
        }
        if hidden > 0 {
            say("Next: publish what DNS does not show, and run this again.");
        }
        Ok(ExitCode::from(u8::from(hidden > 0)))
    }
}

impl Rotate {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let states = states(&config, &self.domain)?;
        let rsa = || {
            states
                .iter()
                .filter(|state| state.key.algorithm == Algorithm::Rsa)
        };
        let old = rsa().find(|state| state.phase == KeyPhase::Signing);
        let Some(next) = rsa().rfind(|state| state.phase == KeyPhase::Next) else {
            say(format!("{} has no next key; here is one.", self.domain));
            return New::next(self.domain).run(settings, out).await;
        };
        if !is_shown(&config, next).await? {
            let record = next.record();
            let line = zone_line(&record.name, "TXT", &record.text);
            return Err(advice(
                format!(
                    "DNS does not show {} yet, so the key is not taken into use",
                    record.name
                ),
                format!(
                    "publish this record, wait until it is seen everywhere, and rotate again:\n{line}"
                ),
            ));
        }
        let (at, revoke_at) = (now(), now().plus(afterlife(&config)));
        let (selector, before) = (
            next.key.selector.clone(),
            old.map(|old| old.key.selector.clone()),
        );
        change_rotation(&config.dkim.folder, &self.domain, |dates| {
            take_over(dates, &selector, before.as_deref(), at, revoke_at);
        })?;
        let wire = json!({
            "domain": self.domain.as_str(), "signing": selector, "retired": before,
            "revoke_at": revoke_at.to_string(),
        });
        let mut text = format!("{selector} signs for {} from now on.", self.domain);
        if let Some(before) = before {
            // Writing into a String cannot fail.
            let _ = write!(
                text,
                " Keep the record of {before} until {revoke_at}; `postrider check` then says how to revoke it."
            );
        }
        out.thing(&wire, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn take_over(
    dates: &mut Rotation,
    next: &str,
    before: Option<&str>,
    at: Timestamp,
    revoke_at: Timestamp,
) {
    let entry = dates.entry(next.to_owned()).or_default();
    entry.published = entry.published.or(Some(at));
    entry.signing = Some(at);
    if let Some(before) = before {
        let entry = dates.entry(before.to_owned()).or_default();
        entry.retired = Some(at);
        entry.revoke_at = Some(revoke_at);
    }
}

impl Retire {
    pub(super) fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let states = states(&config, &self.domain)?;
        let found = states
            .iter()
            .find(|state| state.key.selector == self.selector);
        let state = found.ok_or_else(|| no_such(&self.domain, &self.selector))?;
        if state.phase == KeyPhase::Signing {
            return Err(advice(
                format!("{} signs for {}", self.selector, self.domain),
                format!(
                    "let another key take over first: `postrider dkim rotate {}`",
                    self.domain
                ),
            ));
        }
        let record = state.record();
        let empty = zone_line(&record.name, "TXT", "v=DKIM1; p=");
        let revoke_at = state
            .dates
            .revoke_at
            .unwrap_or_else(|| now().plus(afterlife(&config)));
        note(&config, &self.domain, &self.selector, |dates| {
            dates.retired = dates.retired.or(Some(now()));
            dates.revoke_at = Some(revoke_at);
        })?;
        let wire = json!({
            "domain": self.domain.as_str(), "selector": self.selector,
            "revoke_at": revoke_at.to_string(), "zone": empty,
        });
        let text = format!(
            "{} never signs again. Keep its record until {revoke_at}, then publish this in its place:\n{empty}",
            self.selector
        );
        out.thing(&wire, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn states(config: &Config, domain: &Domain) -> Result<Vec<KeyState>> {
    let states = key_states(config, domain)?;
    if states.is_empty() {
        return Err(advice(
            format!(
                "there are no keys of {domain} in {}",
                config.dkim.folder.display()
            ),
            format!("make one with `postrider dkim new {domain}`"),
        ));
    }
    Ok(states)
}

fn no_such(domain: &Domain, selector: &str) -> anyhow::Error {
    advice(
        format!("{domain} has no key {selector}"),
        "`postrider dkim list` shows the keys",
    )
}

/// A letter that was signed last is given up so much later, and read some days after.
fn afterlife(config: &Config) -> Duration {
    let ages = config
        .stream
        .iter()
        .map(|stream| stream.policy().give_up_after.0);
    ages.max().unwrap_or_default() + AFTERLIFE
}

async fn is_shown(config: &Config, state: &KeyState) -> Result<bool> {
    let world = inquirer(config)?;
    let texts = world.dns.texts(&state.record().name).await;
    Ok(texts.len() == 1 && is_published(&state.key, &texts))
}

fn note(
    config: &Config,
    domain: &Domain,
    selector: &str,
    change: impl FnOnce(&mut crate::keys::KeyDates),
) -> Result<()> {
    let write = |dates: &mut Rotation| change(dates.entry(selector.to_owned()).or_default());
    Ok(change_rotation(&config.dkim.folder, domain, write)?)
}
