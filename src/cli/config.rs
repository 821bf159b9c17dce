//! `postrider config`: check, show, begin.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::{
    out::{Out, say},
    settings::Settings,
    words::count,
};
use crate::config;

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read the configuration and say what is wrong with it, and what it lacks to send real mail.
    Check,
    /// Print the configuration in force; secrets are masked.
    Show,
    /// Print every key with its meaning and the value in force without it.
    Default,
}

impl Config {
    pub(super) fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::Check => return check(settings, out),
            Self::Show => show(settings, out)?,
            Self::Default => out.line(config::Config::default_toml().trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn check(settings: &Settings, out: &mut Out) -> Result<ExitCode> {
    let config = settings.config()?;
    if let Some(shaping) = &config.delivery.shaping {
        config::shaping(shaping)?;
    }
    let missing = config.missing();
    let file = settings.file().map(|file| file.display().to_string());
    for fault in &missing {
        let text = format!("{}: {}", fault.key, fault.problem);
        out.thing(&json!({"key": fault.key, "problem": fault.problem}), text)?;
    }
    let name = file.as_deref().unwrap_or("The built-in configuration");
    if missing.is_empty() {
        say(format!("{name} is complete."));
        return Ok(ExitCode::SUCCESS);
    }
    say(format!(
        "{name} can be read, and lacks {} to send real mail. `postrider config default` explains them.",
        count(missing.len() as u64, "key")
    ));
    Ok(ExitCode::FAILURE)
}

fn show(settings: &Settings, out: &mut Out) -> Result<()> {
    let config = settings.config()?;
    if out.is_json() {
        out.json(&config)
    } else {
        out.line(config.to_toml().trim_end())
    }
}
