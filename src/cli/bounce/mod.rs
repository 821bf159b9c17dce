//! `postrider bounce`: what refusals mean.
//!
//! Owns the tree of commands. Leaves meaning to `bounce`, fate to `policy::judge`. Read [`explain`] first.

mod explain;
mod mails;
mod outcome;
mod replies;
mod reply;
mod talk;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Bounce {
    Explain(explain::Explain),
}

impl Bounce {
    pub(super) fn run(self, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::Explain(explain) => explain.run(out),
        }
    }
}
