//! `postrider template`: what templates there are and whether they work.
//!
//! Owns the trial: every language of every template is written with its `sample.json`, as a letter would be. Leaves
//! rendering to `compose`.

use std::{path::Path, process::ExitCode};

use anyhow::{Result, anyhow};
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{
    failure::advice_for,
    out::{Out, say},
    settings::Settings,
    table::Table,
    words::count,
};
use crate::{
    compose::{Domains, Identity, List, Style, TemplateFault, TemplateSet, compose},
    config::Config,
    mail::{Address, Content, Domain, Letter, LetterId, Mailbox, Recipient, Shard, Timestamp},
    templates::{self, LoadError},
    token::{TokenKey, Tokens},
};

#[derive(Debug, Subcommand)]
pub(super) enum Template {
    /// List the templates and their languages.
    List,
    /// Read every template and write it once with its sample.json; name each fault with file and line.
    Check,
}

impl Template {
    pub(super) fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        match self {
            Self::List => list(&config, out),
            Self::Check => check(&config, out),
        }
    }
}

fn load(config: &Config) -> Result<TemplateSet, LoadError> {
    let default_locale = Some(config.templates.default_locale.as_str());
    templates::load(&config.templates.folder, default_locale)
}

fn list(config: &Config, out: &mut Out) -> Result<ExitCode> {
    let folder = &config.templates.folder;
    let set = load(config).map_err(|error| unreadable(folder, error))?;
    let mut table = Table::new(&["template", "languages", "sample.json"]);
    for (name, locales) in set.names() {
        let has_sample = templates::sample(folder, name).is_some();
        if out.is_json() {
            out.json(&json!({"template": name, "locales": locales, "sample": has_sample}))?;
        } else {
            let sample = if has_sample { "yes" } else { "missing" };
            table.row([name, &locales.join(", "), sample]);
        }
    }
    if !table.is_empty() {
        out.line(table)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(config: &Config, out: &mut Out) -> Result<ExitCode> {
    let folder = &config.templates.folder;
    let faults = match load(config) {
        Ok(set) => return try_all(&set, folder, out),
        Err(LoadError::Faults(faults)) => faults,
        Err(error) => return Err(unreadable(folder, error)),
    };
    for TemplateFault { path, line, why } in &faults {
        let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
        out.thing(
            &json!({"file": path, "line": line, "why": why}),
            format!("{}/{place}: {why}", folder.display()),
        )?;
    }
    say(format!("{} found.", count(faults.len() as u64, "fault")));
    Ok(ExitCode::FAILURE)
}

fn unreadable(folder: &Path, error: LoadError) -> anyhow::Error {
    advice_for(
        error,
        format!("the templates in {} cannot be read", folder.display()),
        "`postrider template check` names each fault; `templates.folder` of the configuration says where templates are",
    )
}

/// Writes every language of every template.
fn try_all(set: &TemplateSet, folder: &Path, out: &mut Out) -> Result<ExitCode> {
    let identity = identity()?;
    let (mut written, mut faults) = (0, 0);
    for (name, locales) in set.names() {
        let Some(sample) = templates::sample(folder, name) else {
            say(format!("{name}: not tried, for want of {name}/sample.json"));
            continue;
        };
        for locale in locales {
            let letter = letter(name, locale, &sample)?;
            let style = Style::marketing("check", List::new(None, "check", &domain()?)?);
            match compose(&letter, &style, &identity, set, letter.enqueued_at) {
                Ok(_) => written += 1,
                Err(fault) => {
                    faults += 1;
                    let wire = json!({"template": name, "locale": locale, "field": fault.field, "why": fault.why});
                    out.thing(&wire, format!("{name}/{locale}: {fault}"))?;
                }
            }
        }
    }
    say(format!(
        "{} written without a fault, {} found.",
        count(written, "letter"),
        count(faults, "fault")
    ));
    Ok(ExitCode::from(u8::from(faults > 0)))
}

/// A template in each of its languages, written with its sample.
pub(super) fn write_all(config: &Config, template: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = &config.templates.folder;
    let set = load(config).map_err(|error| unreadable(folder, error))?;
    let Some(sample) = templates::sample(folder, template) else {
        return Ok(Vec::new());
    };
    let identity = identity()?;
    let mut written = Vec::new();
    for (_, locales) in set.names().filter(|(name, _)| *name == template) {
        for locale in locales {
            let letter = letter(template, locale, &sample)?;
            let style = Style::marketing("check", List::new(None, "check", &domain()?)?);
            let composed = compose(&letter, &style, &identity, &set, letter.enqueued_at);
            let composed = composed.map_err(|fault| anyhow!("{template}/{locale}: {fault}"))?;
            written.push(((*locale).to_owned(), composed.message().to_vec()));
        }
    }
    Ok(written)
}

fn domain() -> Result<Domain> {
    Ok(Domain::parse("example.com")?)
}

/// Names and tokens of a trial; the letter goes nowhere.
fn identity() -> Result<Identity> {
    let domains = Domains {
        return_path: domain()?,
        message_id: domain()?,
        unsubscribe_url: "https://example.com/".to_owned(),
        unsubscribe_mail: domain()?,
        feedback: domain()?,
    };
    let key = TokenKey {
        id: 1,
        secret: [0; 32],
    };
    let tokens = Tokens::new(key, Vec::new());
    Identity::new(domains, "postrider", tokens).map_err(|fault| anyhow!("{fault}"))
}

fn letter(template: &str, locale: &str, variables: &str) -> Result<Letter> {
    let mailbox = |address: &str| -> Result<Mailbox> {
        let address = Address::parse(address)?;
        Ok(Mailbox {
            address,
            name: None,
        })
    };
    Ok(Letter {
        id: LetterId(Uuid::nil()),
        shard: Shard(0),
        stream: "check".to_owned(),
        campaign: None,
        to: Recipient {
            mailbox: mailbox("reader@example.org")?,
            locale: Some(locale.to_owned()),
            time_zone: None,
        },
        from: mailbox("news@example.com")?,
        reply_to: None,
        content: Content::Template {
            name: template.to_owned(),
            variables: variables.to_owned(),
            parts: Vec::new(),
        },
        tags: Vec::new(),
        enqueued_at: Timestamp::from_seconds(0),
        send_at: None,
        valid_until: None,
    })
}
