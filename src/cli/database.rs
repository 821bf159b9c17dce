//! `postrider database run`: a private PostgreSQL for one command, for people who work on Postrider.

use std::{
    path::PathBuf,
    process::{ExitCode, ExitStatus},
};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use tokio::process::Command;

use super::settings::Settings;
use crate::{
    cluster::{Cluster, ClusterOptions},
    store::PgStore,
};

#[derive(Debug, Subcommand)]
pub(super) enum Database {
    /// Run a command with `DATABASE_URL` set to a migrated private PostgreSQL that goes when the command ends.
    Run(Run),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Keep the data in this folder [default: a temporary one, removed at the end]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The command and its arguments, behind `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Database {
    pub(super) async fn run(self, settings: &Settings) -> Result<ExitCode> {
        let Self::Run(run) = self;
        let config = settings.config()?;
        let mut options = match &run.folder {
            Some(folder) => ClusterOptions::durable(folder),
            None => ClusterOptions::throw_away()?,
        };
        options.binaries = config.database.server_programs;
        options.account = config.database.server_account;
        let cluster = Cluster::start(&options).await?;
        let status = run.serve(&cluster.url()).await;
        cluster.stop().await?;
        Ok(code(status?))
    }
}

impl Run {
    async fn serve(&self, url: &str) -> Result<ExitStatus> {
        let options = url.parse().context("reading the address of the server")?;
        PgStore::migrate(&options).await?;
        let (program, arguments) = self.command.split_first().context("a command is needed")?;
        Command::new(program)
            .args(arguments)
            .env("DATABASE_URL", url)
            .env_remove("POSTRIDER_DATABASE_URL")
            .kill_on_drop(true)
            .status()
            .await
            .with_context(|| format!("running {program}"))
    }
}

/// The command's own code; a shell says 128 and more for signals, a plain failure says enough here.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
