//! `postrider warmup`: how new sources are brought to their volume.
//!
//! Owns the commands. Promises: `plan` needs no database and sends nothing; `status` shows what nodes go by, and why each past
//! day counted as it did. Leaves the schedule and the verdicts to `policy::warmup`.

mod plan;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::{out::Out, settings::Settings};

#[derive(Debug, Subcommand)]
pub(super) enum Warmup {
    /// Show how the volume will grow, day by day, if every day is good: for each `[[warmup]]`, or for a wish.
    Plan(plan::PlanCommand),
    /// Show each route that is warmed up: today's cap, what was used of it, and what each day said.
    Status(status::Status),
}

impl Warmup {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::Plan(plan) => plan.run(settings, out),
            Self::Status(status) => status.run(settings, out).await,
        }
    }
}
