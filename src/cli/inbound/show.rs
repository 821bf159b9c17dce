//! Looking at what came in.
//!
//! Owns `list` and `show`. Promises: a mail's bytes are shown as they came, and only with `--raw`.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::Args;
use data_encoding::BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{
    out::{Out, say},
    session::{self, unknown},
    settings::Settings,
    table::Table,
    words::{moment, moment_or_dash, plain},
};
use crate::{
    mail::{Effect, IncomingId},
    store::{InboundFilter, InboundView},
};

const FIND: &str = "`postrider inbound list` shows the newest mails with their ids";

/// List what came in, newest first.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only mails that nobody understands: they changed nothing, and wait for you.
    #[arg(long, conflicts_with = "effect")]
    unrecognised: bool,
    /// Only mails that changed this: bounced, delivered, suppressed, noted, counted, duplicate, no-letter, unproven,
    /// ignored, unrecognised.
    #[arg(long, value_parser = effect)]
    effect: Option<Effect>,
    /// Only mails older than this one.
    #[arg(long, value_name = "ID", value_parser = incoming_id)]
    before: Option<IncomingId>,
    /// Show no more than this.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

/// Show one mail that came in: how it came, what it is, what it changed.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id.
    #[arg(value_parser = incoming_id)]
    id: IncomingId,
    /// Print the mail itself, byte by byte.
    #[arg(long)]
    raw: bool,
}

impl List {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let filter = InboundFilter {
            effect: self
                .effect
                .or(self.unrecognised.then_some(Effect::Unrecognised)),
            before: self.before,
            max: self.limit,
        };
        let views = session::with(settings, async |session| {
            Ok(session.store.inbound_list(filter).await?)
        })
        .await?;
        if out.is_json() {
            views
                .iter()
                .try_for_each(|view| out.json(&body(view, None)))?;
        } else if views.is_empty() {
            say("There are no such mails.");
        } else {
            out.line(table(&views))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(views: &[InboundView]) -> Table {
    let mut table = Table::new(&[
        "id", "received", "door", "kind", "effect", "proof", "detail",
    ]);
    for view in views {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            view.id.to_string(),
            moment(view.received_at),
            view.door.clone(),
            or_dash(&view.kind),
            or_dash(&view.effect),
            or_dash(&view.proof),
            short(view.detail.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

/// A line of a table is no place for a whole report.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

impl Show {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let (view, raw) = session::with(settings, async |session| {
            let raw = if self.raw {
                session.store.inbound_raw(self.id).await?
            } else {
                None
            };
            Ok((session.store.inbound(self.id).await?, raw))
        })
        .await?;
        let view = view.ok_or_else(|| unknown("mail", &self.id.to_string(), FIND))?;
        match raw {
            Some(raw) if !out.is_json() => out.bytes(&raw)?,
            raw => {
                let mut body = body(&view, None);
                if let Some(raw) = raw {
                    body["raw_base64"] = json!(BASE64.encode(&raw));
                }
                out.thing(&body, story(&view))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn story(view: &InboundView) -> String {
    let or_dash = |text: &Option<String>| plain(text.as_deref().unwrap_or("-"));
    let letter = view
        .letter
        .map_or_else(|| "-".to_owned(), |id| id.to_string());
    let lines = [
        ("mail", view.id.to_string()),
        ("received", moment(view.received_at)),
        ("read", moment_or_dash(view.read_at)),
        ("door", view.door.clone()),
        ("from host", or_dash(&view.remote)),
        ("mail from", plain(&format!("<{}>", view.mail_from))),
        ("to", plain(&view.rcpt_to.join(", "))),
        ("octets", view.octets.to_string()),
        ("kind", or_dash(&view.kind)),
        ("effect", or_dash(&view.effect)),
        ("proof", or_dash(&view.proof)),
        ("letter", letter),
        ("detail", or_dash(&view.detail)),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<10} {value}").trim_end().to_owned());
    lines.join("\n")
}

/// The JSON of a mail.
pub(super) fn body(view: &InboundView, file: Option<&Path>) -> Value {
    let mut body = json!({
        "id": view.id.to_string(),
        "received_at": view.received_at.to_string(),
        "read_at": view.read_at.map(|at| at.to_string()),
        "door": view.door,
        "remote": view.remote,
        "mail_from": view.mail_from,
        "rcpt_to": view.rcpt_to,
        "octets": view.octets,
        "kind": view.kind,
        "effect": view.effect,
        "proof": view.proof,
        "letter": view.letter.map(|id| id.to_string()),
        "detail": view.detail,
    });
    if let Some(file) = file {
        body["file"] = json!(file.display().to_string());
    }
    body
}

fn effect(text: &str) -> Result<Effect, String> {
    Effect::parse(text).ok_or_else(|| {
        let known = Effect::ALL.map(Effect::name).join(", ");
        format!("the effects are {known}")
    })
}

fn incoming_id(text: &str) -> Result<IncomingId, &'static str> {
    let id = Uuid::try_parse(text).map(IncomingId);
    id.map_err(|_| "a mail's id has 32 hexadecimal digits; `postrider inbound list` shows them")
}
