//! What every command understands.
//!
//! Owns the options before or behind any command, and the finding of the configuration. Promises: the order of precedence
//! is command line, environment, file, default.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::failure::advice_for;
use crate::config::{Config, ConfigError, DatabaseUrl};

/// The file that is read when none is named.
const USUAL_FILE: &str = "postrider.toml";

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Settings {
    /// Read this configuration [default: ./postrider.toml where it exists, else built-in values]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Work on this PostgreSQL [default: `POSTRIDER_DATABASE_URL` or `DATABASE_URL` in the environment, else `database.url`]
    #[arg(long, global = true, value_name = "URL", hide_default_value = true)]
    database_url: Option<String>,
    /// Print data as JSON, one object per line.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Settings {
    /// The configuration in force.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = self.read()?;
        if let Some(url) = &self.database_url {
            config.database.url = Some(DatabaseUrl::new(url.clone()));
        }
        Ok(config)
    }

    /// The file in force; `None` where built-in values are.
    pub(super) fn file(&self) -> Option<&Path> {
        let usual = Path::new(USUAL_FILE);
        self.config
            .as_deref()
            .or_else(|| usual.exists().then_some(usual))
    }

    fn read(&self) -> Result<Config> {
        match self.file() {
            Some(file) => Config::load(file).map_err(|error| explain(file, error)),
            None => Config::parse("", Path::new("environment"), |name| {
                std::env::var(name).ok()
            })
            .context("reading the environment"),
        }
    }
}

fn explain(file: &Path, error: ConfigError) -> anyhow::Error {
    let file = file.display();
    let next = match &error {
        ConfigError::Unreadable { .. } => format!(
            "look whether {file} is the right name; `postrider config default > {file}` writes a new one"
        ),
        ConfigError::Misread(_) | ConfigError::Invalid(_) => {
            "`postrider config default` shows every key with its meaning".to_owned()
        }
        _ => return error.into(),
    };
    advice_for(
        error,
        format!("the configuration {file} cannot be used"),
        next,
    )
}
