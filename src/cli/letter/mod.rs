//! `postrider letter`: look at letters and withdraw them.
//!
//! Owns the commands. Promises: texts and variables of a letter are not shown, because a password reset link is one of
//! them; the JSON of a letter is that of `GET /v1/letters/{id}`. Read [`story`] for how a history reads.

mod explain;
mod list;
mod story;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use self::explain::Ways;
use super::{
    failure::advice,
    out::Out,
    session::{self, now, unknown},
    settings::Settings,
};
use crate::{http::LetterBody, mail::LetterId, store::Cancel};

const FIND: &str = "`postrider letter list` shows the newest letters with their ids";

#[derive(Debug, Subcommand)]
pub(super) enum Letter {
    /// Tell the whole story of a letter: what was asked, each attempt with its reply, what happens next.
    Show {
        /// Its id.
        #[arg(value_parser = letter_id)]
        id: LetterId,
    },
    /// Explain where a letter's time went: the whole story, each wait by cause to the second, what happens next.
    Explain {
        /// Its id.
        #[arg(value_parser = letter_id)]
        id: LetterId,
    },
    /// List letters, newest first.
    List(list::List),
    /// Withdraw a letter that has not left.
    Cancel {
        /// Its id.
        #[arg(value_parser = letter_id)]
        id: LetterId,
    },
}

impl Letter {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::Show { id } => show(settings, out, id, false).await?,
            Self::Explain { id } => show(settings, out, id, true).await?,
            Self::List(list) => list.run(settings, out).await?,
            Self::Cancel { id } => cancel(settings, out, id).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn show(settings: &Settings, out: &mut Out, id: LetterId, with_waits: bool) -> Result<()> {
    let (view, history, ways) = session::with(settings, async |session| {
        let store = &session.store;
        let view = store.letter(id).await?;
        let view = view.ok_or_else(|| unknown("letter", &id.to_string(), FIND))?;
        let history = store.history(id).await?;
        let ways = if with_waits {
            Ways::of(store, &view, &history).await?
        } else {
            Ways::default()
        };
        Ok((view, history, ways))
    })
    .await?;
    let parts = if with_waits {
        explain::divided(&view, &history, &ways, now())
    } else {
        Vec::new()
    };
    if !out.is_json() {
        out.line(story::tell(&view, &history, now()))?;
        return match parts.as_slice() {
            [] => Ok(()),
            parts => out.line(format!("\n{}", explain::tell(parts, &ways, view.state))),
        };
    }
    let state = view.state;
    let body = LetterBody::new(view, history);
    if !with_waits {
        return out.json(&body);
    }
    let mut wire = serde_json::to_value(body)?;
    wire["waits"] = explain::wire(&parts, &ways);
    wire["slow_routes"] = explain::wire_now(&ways, state);
    out.json(&wire)
}

async fn cancel(settings: &Settings, out: &mut Out, id: LetterId) -> Result<()> {
    let done = session::with(settings, async |session| {
        Ok(session.store.cancel(id, now()).await?)
    })
    .await?;
    match done {
        Cancel::Cancelled => out.thing(
            &json!({"id": id.to_string(), "state": "cancelled"}),
            format!("Letter {id} is withdrawn."),
        ),
        Cancel::Leased => Err(advice(
            format!("letter {id} is in the hands of a worker and may be leaving this moment"),
            "try again in a minute: if it comes back for a retry, it can be withdrawn then",
        )),
        Cancel::Finished => Err(advice(
            format!("letter {id} has left the queue already"),
            format!("`postrider letter show {id}` tells what became of it"),
        )),
        Cancel::Unknown => Err(unknown("letter", &id.to_string(), FIND)),
    }
}

fn letter_id(text: &str) -> Result<LetterId, &'static str> {
    let id = Uuid::try_parse(text).map(LetterId);
    id.map_err(|_| "a letter's id has 32 hexadecimal digits; `postrider letter list` shows them")
}
