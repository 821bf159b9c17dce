//! A walk over the whole queue, and who takes it.
//!
//! Owns the progress bar and the author of what a person does to waiting letters.

use std::env;

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use super::super::{failure::advice, session::Session};
use crate::{port::StoreError, store::Page};

#[derive(Debug, Args)]
pub(in super::super) struct Author {
    /// Who does this [default: the user's name]
    #[arg(long, value_name = "NAME", value_parser = words)]
    author: Option<String>,
}

impl Author {
    /// Whoever became root is still the one who does it.
    pub(in super::super) fn name(self) -> Result<String> {
        let user = || {
            ["SUDO_USER", "USER", "LOGNAME"]
                .into_iter()
                .find_map(|name| env::var(name).ok())
        };
        let name = self.author.or_else(user).filter(|name| !name.is_empty());
        name.ok_or_else(|| advice("nobody's name is known", "say who you are with --author"))
    }
}

/// Walks over the whole queue; letters moved, and letters in the hands of workers.
pub(super) async fn walk(
    session: &Session,
    page: impl AsyncFn(Uuid) -> Result<Page, StoreError>,
) -> Result<(u64, u64)> {
    let progress = bar(session.store.queue_size().await?);
    let (mut after, mut moved, mut leased) = (Uuid::nil(), 0, 0);
    loop {
        let page = page(after).await?;
        let counts = [page.seen, page.moved, page.leased].map(|n| u64::try_from(n).unwrap_or(0));
        progress.inc(counts[0]);
        (moved, leased) = (moved + counts[1], leased + counts[2]);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    progress.finish_and_clear();
    Ok((moved, leased))
}

pub(super) fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // The form is a constant; if it were wrong, the usual one would do.
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// Words that fit into a history line.
pub(in super::super) fn words(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("some words on one line");
    }
    Ok(text.to_owned())
}
