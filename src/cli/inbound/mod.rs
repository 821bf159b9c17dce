//! `postrider inbound`: what came back, and what it changed.
//!
//! Owns the commands. Promises: a file goes the same way as a mail that came through a socket; nothing is shown that steers
//! the terminal. Leaves the way to `engine::feedback`. Read [`read`] for files, [`show`] for looking.

mod read;
mod show;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{failure::advice, out::Out, settings::Settings};

/// Read bounces, complaints and unsubscribe letters from files, or look at those that came in.
///
/// A file is one mail, `-` is standard input. It goes the same way as a mail that comes through a socket: kept, read, and
/// acted upon if it bears a token of ours (docs/inbound.md). The same mail twice changes nothing.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Inbound {
    #[command(subcommand)]
    look: Option<Look>,
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files are Maildirs: pick up what lies in their `new`, as `inbound.maildir_after` says.
    #[arg(long)]
    maildir: bool,
    /// The address that the mails were sent to, where their head does not say so in Delivered-To.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "maildir")]
    to: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Look {
    List(show::List),
    Show(show::Show),
}

impl Inbound {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self.look {
            Some(Look::List(list)) => list.run(settings, out).await,
            Some(Look::Show(show)) => show.run(settings, out).await,
            None if self.maildir => read::maildirs(settings, out, &self.files).await,
            None => {
                let stdin = self.files.iter().filter(|file| file.as_os_str() == "-");
                if stdin.count() > 1 {
                    return Err(advice(
                        "standard input can be read once",
                        "name `-` only once, or give files",
                    ));
                }
                read::files(settings, out, &self.files, self.to.as_deref()).await
            }
        }
    }
}
