//! `postrider queue brakes`: how campaigns fare at providers, and what was stopped.
//!
//! Owns the command. Promises: it shows what the running nodes look at, and changes nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{
        out::{Out, say},
        session::{self, now},
        settings::Settings,
        table::Table,
        words::moment,
    },
    hold::name,
};
use crate::{
    mail::{Figures, Measure},
    policy::{brake::percent, proportion::seen},
    store::{BrakeChange, BrakeView},
};

#[derive(Debug, Args)]
pub(in super::super) struct Brakes {
    /// Show so many campaigns, and so many warnings and stops.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

impl Brakes {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let days = settings.config()?.brakes.days;
        let days = u16::try_from(days).unwrap_or(u16::MAX);
        let (views, changes) = session::with(settings, async |session| {
            let views = session.store.brakes(now(), days, self.limit).await?;
            Ok((views, session.store.brake_changes(self.limit).await?))
        })
        .await?;
        if out.is_json() {
            let campaigns: Vec<Value> = views.iter().map(wire).collect();
            let changes: Vec<Value> = changes.iter().map(wire_change).collect();
            out.json(&json!({"days": days, "campaigns": campaigns, "changes": changes}))?;
        } else if views.is_empty() && changes.is_empty() {
            say("No letter was answered by a provider lately.");
        } else {
            show(out, &views, &changes)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(out: &mut Out, views: &[BrakeView], changes: &[BrakeChange]) -> Result<()> {
    let mut table = Table::new(&[
        "letters of",
        "answered",
        "delivered",
        "complaints",
        "hard bounces",
        "spam",
        "hold",
    ]);
    for BrakeView { on, figures, hold } in views {
        let rate = |measure: Measure| {
            let (count, among) = measure.of(figures);
            format!("{count} ({})", percent(seen(count, among)))
        };
        let [complaints, hard, spam] = Measure::ALL.map(rate);
        table.row([
            name(on),
            figures.answered.to_string(),
            figures.delivered.to_string(),
            complaints,
            hard,
            spam,
            hold.map_or_else(|| "-".to_owned(), |hold| hold.0.to_string()),
        ]);
    }
    if !views.is_empty() {
        out.line(table)?;
    }
    for change in changes.iter().rev() {
        let did = change
            .hold
            .map_or_else(|| "warning".to_owned(), |hold| format!("hold {}", hold.0));
        let (at, on) = (moment(change.at), name(&change.on));
        out.line(format!("{at}  {did}: {on}: {}", change.words))?;
    }
    Ok(())
}

fn wire(view: &BrakeView) -> Value {
    let Figures {
        answered,
        delivered,
        complaints,
        hard_bounces,
        spam,
    } = view.figures;
    json!({"on": view.on.kind(), "value": view.on.value(), "answered": answered, "delivered": delivered,
        "complaints": complaints, "hard_bounces": hard_bounces, "spam": spam, "hold": view.hold.map(|hold| hold.0)})
}

fn wire_change(change: &BrakeChange) -> Value {
    json!({"at": change.at.to_string(), "on": change.on.kind(), "value": change.on.value(), "level": change.level.name(),
        "words": change.words, "hold": change.hold.map(|hold| hold.0)})
}
