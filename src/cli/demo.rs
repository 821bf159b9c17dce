//! `postrider demo`: the whole machine, watched.
//!
//! Owns options, progress and what to try next. Leaves the demonstration to `app::demo`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    out::{Out, say},
    route, serve,
    settings::Settings,
};
use crate::app::demo::{Demo as Machine, DemoOptions};

const NEXT: &str = "
Next: `postrider demo --keep` leaves all of it running to look at; `postrider --help` shows the way to a first real letter.";

/// What to try while everything goes on.
fn kept(database_url: &str, listen: SocketAddr, key: &str, letter: &str) -> String {
    format!(
        "
Everything goes on; Ctrl-C ends it. In another terminal:
  export DATABASE_URL='{database_url}'
  postrider letter show {letter}
  postrider letter list --state bounced
  postrider queue status
  postrider suppression list
  curl -s http://{listen}/v1/letters -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{\"stream\":\"transactional\",\"to\":\"unknown-anna@mail.ru\",\"from\":\"news@example.com\",\"subject\":\"Hello\",\"text\":\"Hello\"}}'
  curl -s 'http://{listen}/v1/events' -H 'Authorization: Bearer {key}'"
    )
}

/// Watch letters leave for a small internet of simulated mailbox providers. Nothing leaves this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Send so many letters [default: 5000, with --pace 500]
    #[arg(long, value_name = "N")]
    letters: Option<usize>,
    /// Let big providers count the letters of each minute and punish bursts, and watch the governor find its pace: takes some
    /// eight minutes, and tells the story of each route at the end.
    #[arg(long)]
    pace: bool,
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
            letters: self.letters(),
            seed: self.seed,
            templates: self.templates.clone().unwrap_or(config.templates.folder),
            database_url: config.database.url.map(|url| url.expose().to_owned()),
            paced: self.pace,
        };
        let stop = CancellationToken::new();
        let mut ears = JoinSet::new();
        serve::listen(&mut ears, &stop)?;
        let mut machine = Machine::start(options).await?;
        let done = self
            .watch(&mut machine, config.http.listen, out, &stop)
            .await;
        machine.stop().await?;
        done
    }

    fn letters(&self) -> usize {
        let usual = if self.pace { 500 } else { 5_000 };
        self.letters.unwrap_or(usual)
    }

    async fn watch(
        &self,
        machine: &mut Machine,
        listen: SocketAddr,
        out: &mut Out,
        stop: &CancellationToken,
    ) -> Result<ExitCode> {
        let progress = ProgressBar::new(self.letters() as u64);
        let Some(report) = stop.run_until_cancelled(machine.run(&progress)).await else {
            say("Stopped before the end; there is no report.");
            return Ok(ExitCode::FAILURE);
        };
        let report = report?;
        let text = report.to_string();
        out.thing(&report, text.trim_end())?;
        if self.pace {
            route::tell_all(out, &machine.store, &machine.shaping()).await?;
        }
        out.flush()?;
        let example = report.example_id.as_deref().unwrap_or("ID");
        if self.keep {
            let key = machine.open_door(listen).await?;
            say(kept(&machine.database_url, listen, &key, example));
            stop.cancelled().await;
        } else {
            say(NEXT);
        }
        // Two ends that disagree are a fault of ours, and this is how a script notices.
        Ok(if report.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
