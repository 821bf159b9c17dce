//! `postrider dns`: all records that a sending domain needs.
//!
//! Owns the form: a zone fragment that a name server reads as it stands, with the reasons as comments.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    out::{Out, say},
    settings::Settings,
};
use crate::{
    app::check,
    check::{KeyPhase, records},
    mail::Domain,
};

/// Print all DNS records to publish for a sending domain, as lines of a zone file with the reason of each.
#[derive(Debug, Args)]
pub(super) struct Dns {
    /// The domain of From.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
}

impl Dns {
    pub(super) fn run(&self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let subject = check::subject(&config, &self.domain)?;
        let mut last = String::new();
        for record in records(&subject) {
            if out.is_json() {
                out.json(&json!({
                    "name": record.name,
                    "type": record.kind,
                    "value": record.value,
                    "zone": record.zone_line(),
                    "why": record.why,
                }))?;
                continue;
            }
            if record.why != last {
                let gap = if last.is_empty() { "" } else { "\n" };
                out.line(format!("{gap}; {}", record.why))?;
                last.clone_from(&record.why);
            }
            out.line(record.zone_line())?;
        }
        if !subject
            .keys
            .iter()
            .any(|key| key.phase == KeyPhase::Signing)
        {
            say(format!(
                "note: there is no key for {}; make one with `postrider dkim new {}`",
                self.domain, self.domain
            ));
        }
        if subject.addresses().is_empty() {
            say("note: no address to send from is known; name them in smtp.sources");
        }
        say(format!(
            "Next: publish them, then `postrider check {}`.",
            self.domain
        ));
        Ok(ExitCode::SUCCESS)
    }
}
