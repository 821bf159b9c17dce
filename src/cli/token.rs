//! `postrider token`: the secrets under return paths, unsubscribe links and Message-IDs.
//!
//! Owns the commands. Promises: no secret is ever shown; none is ever replaced. Leaves the files to `keys`.

use std::{process::ExitCode, time::SystemTime};

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use time::OffsetDateTime;

use super::{
    out::{Out, say},
    settings::Settings,
    table::Table,
    words::moment_or_dash,
};
use crate::{
    app::secrets::fresh_secret,
    keys::{self, TokenSecret},
    mail::Timestamp,
};

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// List the secrets by number; the newest signs, all of them are read. None is shown itself.
    List,
    /// Make a new secret, which a running node reads within seconds, and signs with where no other node lives.
    ///
    /// Of several nodes each signs with it after its next start. Copy the new file to the data folder of every node before:
    /// a node that lacks it takes bounces and unsubscribes of the others for strangers'. Remove an old file only when no letter that bears its tokens is on the way or in a
    /// mailbox any more: after `retention.events_days` nothing is lost.
    Rotate,
}

impl Token {
    pub(super) fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let folder = settings.config()?.data_folder;
        match self {
            Self::List => list(&keys::token_secrets(&folder, fresh_secret()?)?, out)?,
            Self::Rotate => {
                let made = keys::new_token_secret(&folder, fresh_secret()?)?;
                let path = made.path.display();
                let text = format!("Made token secret {} in {path}.", made.id);
                out.thing(&json!({"id": made.id, "path": made.path}), text)?;
                say(
                    "A node that runs alone signs with it within seconds. Of several, give every node the file, then start them again. Keep the old files.",
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(secrets: &[TokenSecret], out: &mut Out) -> Result<()> {
    let mut table = Table::new(&["id", "made", "use", "file"]);
    for (place, secret) in secrets.iter().enumerate() {
        let made = made(secret);
        let signs = place == 0;
        if out.is_json() {
            let at = made.map(|at| at.to_string());
            out.json(
                &json!({"id": secret.id, "made_at": at, "signs": signs, "path": secret.path}),
            )?;
        }
        table.row([
            secret.id.to_string(),
            moment_or_dash(made),
            if signs { "signs" } else { "read" }.to_owned(),
            secret.path.display().to_string(),
        ]);
    }
    if out.is_json() {
        return Ok(());
    }
    out.line(table)
}

fn made(secret: &TokenSecret) -> Option<Timestamp> {
    let modified: SystemTime = secret.path.metadata().ok()?.modified().ok()?;
    Some(OffsetDateTime::from(modified).into())
}
