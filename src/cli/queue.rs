//! `postrider queue`: what is still to be done.

mod brakes;
mod cancel;
mod hold;
mod status;
mod walk;

pub(super) use walk::{Author, words};

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::{out::Out, settings::Settings};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Count what waits by provider, site and recipient domain: what for, how many letters, and how old the oldest is.
    ///
    /// Reads the whole queue once: seconds when a million letters wait. Letters of a domain that nobody was spoken to about have no provider
    /// yet.
    Status(status::Status),
    /// Keep letters here: by provider, site, domain, campaign, stream, or all of them.
    ///
    /// Nodes that run stop within half a second; letters already on the wire go on. Held letters are not lost, do not count
    /// as attempts, and expire only by their own `valid_until`.
    Hold(hold::Hold),
    /// Let held letters go.
    Release(hold::Release),
    /// List the holds, by whom and why, with the letters under each.
    List(hold::List),
    /// Show how campaigns fare at each provider, and what the brakes warned of or stopped.
    Brakes(brakes::Brakes),
    /// Withdraw waiting letters for good: by domain, campaign, stream, hold, or all of them.
    Cancel(cancel::Cancel),
}

impl Queue {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::Status(status) => status.run(settings, out).await?,
            Self::Hold(hold) => return hold.run(settings, out).await,
            Self::Release(release) => return release.run(settings, out).await,
            Self::List(list) => return list.run(settings, out).await,
            Self::Brakes(brakes) => return brakes.run(settings, out).await,
            Self::Cancel(cancel) => return cancel.run(settings, out).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}
