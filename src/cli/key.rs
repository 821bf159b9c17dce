//! `postrider key`: who may use the HTTP interface.
//!
//! Owns the commands. Promises: a secret is shown once, when it is made. Leaves hashing to `store::keys`.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use aws_lc_rs::rand;
use clap::Subcommand;
use serde_json::json;

use super::{
    failure::advice,
    out::{Out, say},
    session::{self, now, unknown},
    settings::Settings,
    table::Table,
    words::{moment, moment_or_dash},
};
use crate::store::ApiKey;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key and print it: the only time that it is shown.
    New {
        /// Who will use it, such as `shop-backend`.
        name: String,
    },
    /// List the keys; none is shown itself.
    List,
    /// Make a key stop working.
    Revoke {
        /// Its number, from `postrider key list`.
        id: i32,
    },
}

impl Key {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::New { name } => new(settings, out, &name).await?,
            Self::List => list(settings, out).await?,
            Self::Revoke { id } => revoke(settings, out, id).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn new(settings: &Settings, out: &mut Out, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(advice(
            "a key needs a name",
            "name who will use it, as in `postrider key new shop-backend`",
        ));
    }
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_| anyhow!("the system gives no random bytes"))?;
    let key = session::with(settings, async |session| {
        Ok(session.store.new_key(name, secret, now()).await?)
    })
    .await?;
    out.thing(&json!({"name": name, "key": key}), &key)?;
    if !out.is_json() {
        say(format!(
            "Keep it safe, it is not shown again. {name} sends it as `Authorization: Bearer KEY`."
        ));
    }
    Ok(())
}

async fn list(settings: &Settings, out: &mut Out) -> Result<()> {
    let keys = session::with(settings, async |session| Ok(session.store.keys().await?)).await?;
    if out.is_json() {
        return keys.iter().try_for_each(|key| out.json(&wire(key)));
    }
    let mut table = Table::new(&["id", "name", "made", "revoked"]);
    for key in &keys {
        let made = moment(key.created_at);
        let revoked = moment_or_dash(key.revoked_at);
        table.row([&key.id.to_string(), &key.name, &made, &revoked]);
    }
    if table.is_empty() {
        say("There are no keys. Make one with `postrider key new NAME`.");
        return Ok(());
    }
    out.line(table)
}

fn wire(key: &ApiKey) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}

async fn revoke(settings: &Settings, out: &mut Out, id: i32) -> Result<()> {
    let was_alive = session::with(settings, async |session| {
        Ok(session.store.revoke_key(id, now()).await?)
    })
    .await?
    .ok_or_else(|| {
        unknown(
            "key",
            &id.to_string(),
            "`postrider key list` shows their numbers",
        )
    })?;
    let text = if was_alive {
        format!("Key {id} no longer opens the HTTP interface.")
    } else {
        format!("Key {id} was revoked before.")
    };
    out.thing(&json!({"id": id, "revoked": was_alive}), text)
}
