//! `postrider demo`: the whole machine, watched.
//!
//! Owns options, progress and what to try next. Leaves the demonstration to `app::demo`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    out::{Out, say},
    serve,
    settings::Settings,
};
use crate::app::demo::{Demo as Machine, DemoOptions};

/// Watch letters leave for a small internet of simulated mailbox providers. Nothing leaves this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Send so many letters.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    letters: usize,
    /// The same seed writes to the same people at providers of the same tempers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep everything running after the report, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Take templates from here [default: `templates.folder` of the configuration]
    #[arg(long, value_name = "FOLDER")]
    templates: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let options = DemoOptions {
            letters: self.letters,
            seed: self.seed,
            templates: self.templates.clone().unwrap_or(config.templates.folder),
            database_url: config.database.url.map(|url| url.expose().to_owned()),
        };
        let stop = CancellationToken::new();
        let mut ears = JoinSet::new();
        serve::listen(&mut ears, &stop)?;
        let machine = Machine::start(options).await?;
        let done = self.watch(&machine, out, &stop).await;
        machine.stop().await?;
        done
    }

    async fn watch(
        &self,
        machine: &Machine,
        out: &mut Out,
        stop: &CancellationToken,
    ) -> Result<ExitCode> {
        let progress = ProgressBar::new(self.letters as u64);
        let Some(report) = stop.run_until_cancelled(machine.run(&progress)).await else {
            say("Stopped before the end; there is no report.");
            return Ok(ExitCode::FAILURE);
        };
        let report = report?;
        let text = report.to_string();
        out.thing(&report, text.trim_end())?;
        out.flush()?;
        if self.keep {
            say("Everything goes on; Ctrl-C ends it.");
            stop.cancelled().await;
        }
        Ok(ExitCode::SUCCESS)
    }
}
