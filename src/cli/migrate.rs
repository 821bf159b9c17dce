//! `postrider migrate`: the schema alone.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{out::Out, session, settings::Settings, words::count};
use crate::store::operator::known_migrations;

/// Bring the database's schema up to date and say what was done.
#[derive(Debug, Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let made = session::with(settings, async |session| Ok(session.migrated.clone())).await?;
        if out.is_json() {
            for step in &made {
                out.json(&json!({"version": step.version, "description": step.description}))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        for step in &made {
            out.line(format!("{:04} {}", step.version, step.description))?;
        }
        let known = count(known_migrations().len() as u64, "step");
        let text = if made.is_empty() {
            format!("The schema is up to date: {known}.")
        } else {
            format!(
                "Made {}; the schema is up to date: {known}.",
                count(made.len() as u64, "step")
            )
        };
        out.line(text)?;
        Ok(ExitCode::SUCCESS)
    }
}
