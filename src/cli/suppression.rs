//! `postrider suppression`: who is not written to.
//!
//! Owns the commands. Promises: what a person adds has the reason `manual`; the other reasons need evidence of their own.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    failure::advice,
    out::{Out, say},
    session::{self, now},
    settings::Settings,
    table::Table,
    words::{moment, moment_or_dash},
};
use crate::{
    http::SuppressionBody,
    mail::{Address, Reason, Scope, Suppression as Entry, Timestamp},
    store::SuppressionFilter,
};

#[derive(Debug, Subcommand)]
pub(super) enum Suppression {
    /// List suppressed addresses, newest first.
    List {
        /// Only with this reason: hard-bounce, complaint, unsubscribe, manual.
        #[arg(long, value_parser = reason)]
        reason: Option<Reason>,
        /// Show no more than this.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// Show the entries of one address.
    Show {
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// Write no more to an address.
    Add(Add),
    /// Write to an address again.
    Remove {
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Only this scope [default: all of them]
        #[arg(long, value_parser = scope)]
        scope: Option<Scope>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    #[arg(value_parser = Address::parse)]
    address: Address,
    /// What is not sent any more: everything, marketing, or stream:NAME.
    #[arg(long, default_value = "everything", value_parser = scope)]
    scope: Scope,
    /// Why, in words for your colleagues.
    #[arg(long, default_value = "")]
    note: String,
    /// Until when, in RFC 3339 [default: for ever]
    #[arg(long, value_name = "MOMENT", value_parser = end)]
    until: Option<Timestamp>,
}

impl Suppression {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::List { reason, limit } => {
                let filter = SuppressionFilter {
                    reason,
                    max: limit,
                    ..SuppressionFilter::default()
                };
                list(settings, out, &filter, "Nobody is suppressed.").await
            }
            Self::Show { address } => show(settings, out, address).await,
            Self::Add(add) => add.run(settings, out).await,
            Self::Remove { address, scope } => remove(settings, out, &address, scope).await,
        }
    }
}

async fn list(
    settings: &Settings,
    out: &mut Out,
    filter: &SuppressionFilter,
    nobody: &str,
) -> Result<ExitCode> {
    let entries = session::with(settings, async |session| {
        Ok(session.store.suppressions(filter).await?)
    })
    .await?;
    if entries.is_empty() {
        say(nobody);
    } else if out.is_json() {
        for entry in entries {
            out.json(&SuppressionBody::from(entry))?;
        }
    } else {
        out.line(table(&entries))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(entries: &[Entry]) -> Table {
    let mut table = Table::new(&["address", "scope", "reason", "since", "until", "evidence"]);
    for entry in entries {
        table.row([
            entry.address.to_string(),
            entry.scope.name(),
            entry.reason.name().to_owned(),
            moment(entry.since),
            moment_or_dash(entry.until),
            entry.evidence.clone(),
        ]);
    }
    table
}

async fn show(settings: &Settings, out: &mut Out, address: Address) -> Result<ExitCode> {
    let nobody = format!("{address} is not suppressed.");
    let filter = SuppressionFilter {
        address: Some(address),
        max: 100,
        ..SuppressionFilter::default()
    };
    list(settings, out, &filter, &nobody).await
}

impl Add {
    async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let now = now();
        if self.until.is_some_and(|until| until <= now) {
            return Err(advice(
                "the suppression would be over before it begins",
                "give --until a moment ahead, or leave it out",
            ));
        }
        let entry = Entry {
            address: self.address,
            scope: self.scope,
            reason: Reason::Manual,
            evidence: self.note,
            letter: None,
            since: now,
            until: self.until,
        };
        session::with(settings, async |session| {
            Ok(session.store.suppress(&entry).await?)
        })
        .await?;
        let to = &entry.address;
        let text = match &entry.scope {
            Scope::Everything => format!("{to} is not written to any more."),
            Scope::Marketing => format!("{to} gets no marketing any more."),
            Scope::Stream(stream) => format!("{to} gets nothing of stream {stream} any more."),
        };
        out.thing(&SuppressionBody::from(entry), text)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn remove(
    settings: &Settings,
    out: &mut Out,
    address: &Address,
    scope: Option<Scope>,
) -> Result<ExitCode> {
    let removed = session::with(settings, async |session| {
        Ok(session.store.unsuppress(address, scope.as_ref()).await?)
    })
    .await?;
    let text = match removed {
        0 => format!("{address} was not suppressed."),
        1 => format!("Removed the one entry of {address}."),
        _ => format!("Removed the {removed} entries of {address}."),
    };
    out.thing(&json!({"removed": removed}), text)?;
    Ok(ExitCode::SUCCESS)
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).ok_or_else(|| {
        let known = Reason::ALL.map(Reason::name).join(", ");
        format!("the reasons are {known}")
    })
}

fn scope(text: &str) -> Result<Scope, &'static str> {
    let is_named = |scope: &Scope| !matches!(scope, Scope::Stream(name) if name.is_empty());
    Scope::parse(text)
        .filter(is_named)
        .ok_or("a scope is everything, marketing, or stream:NAME")
}

fn end(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("not a moment such as 2027-01-01T00:00:00Z")
}
