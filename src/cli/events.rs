//! `postrider events`: the history of all letters as a feed.
//!
//! Owns the command. Promises: whoever goes on from the last `cursor` sees every event exactly once; the form is that of
//! `GET /v1/events` with the cursor in every line.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::{out::Out, session, settings::Settings};
use crate::{
    http::EventBody,
    store::{Cursor, FeedEvent, PgStore},
};

/// Events read at once.
const PAGE: u32 = 1_000;
/// How often a follower looks for more.
const LOOK: Duration = Duration::from_millis(500);

/// Print the history of all letters, one JSON object per line.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Begin behind this cursor, the last one that you have seen [default: at the beginning]
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true, value_parser = cursor)]
    after: Cursor,
    /// Stop after so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Go on with what happens, until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

#[derive(Serialize)]
struct Line {
    cursor: String,
    letter: String,
    #[serde(flatten)]
    event: EventBody,
}

impl Events {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        session::with(settings, async |session| {
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c(), if self.follow => Ok(()),
                done = self.print(&session.store, out) => done,
            }
        })
        .await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn print(&self, store: &PgStore, out: &mut Out) -> Result<()> {
        let mut after = self.after;
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let page = PAGE.min(u32::try_from(left).unwrap_or(PAGE));
            let events = store.events_after(after, page).await?;
            left -= events.len() as u64;
            match events.last() {
                Some(last) => after = last.cursor,
                None if self.follow => tokio::time::sleep(LOOK).await,
                None => break,
            }
            for event in events {
                out.json(&Line::from(event))?;
            }
            out.flush()?;
        }
        Ok(())
    }
}

impl From<FeedEvent> for Line {
    fn from(fed: FeedEvent) -> Self {
        Self {
            cursor: fed.cursor.to_string(),
            letter: fed.letter.to_string(),
            event: fed.event.into(),
        }
    }
}

fn cursor(text: &str) -> Result<Cursor, &'static str> {
    Cursor::parse(text).ok_or("not a cursor; take the `cursor` of the last line that you have seen")
}
