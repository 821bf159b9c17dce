//! `postrider serve`: a node, from its configuration to its last settled letter.
//!
//! Owns signals and the log. Leaves everything else to `app::serve`.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::settings::Settings;
use crate::{
    app,
    config::sections::{Log, LogFormat},
};

/// Run a node: take letters over HTTP and deliver the queue, until SIGINT or SIGTERM.
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) async fn run(self, settings: &Settings) -> Result<ExitCode> {
        let config = settings.config()?;
        begin_log(&config.log)?;
        let stop = CancellationToken::new();
        let mut ears = JoinSet::new();
        listen(&mut ears, &stop)?;
        app::serve::serve(config, stop).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Either signal asks for the orderly end.
pub(super) fn listen(ears: &mut JoinSet<()>, stop: &CancellationToken) -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut asked = signal(kind).context("listening for signals")?;
        let stop = stop.clone();
        ears.spawn(async move {
            asked.recv().await;
            stop.cancel();
        });
    }
    Ok(())
}

fn begin_log(log: &Log) -> Result<()> {
    // PostgreSQL's notices about what a migration found are no news, and forged DNS answers must not fill a disk.
    let level = format!(
        "sqlx::postgres::notice=warn,hickory_net=error,{}",
        log.level
    );
    let filter = EnvFilter::try_new(level).context("reading log.level")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let begun = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!("beginning the log: {error}"))
}
