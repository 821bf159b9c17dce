//! `postrider lint`: what is wrong with a letter before anybody gets it.
//!
//! Owns the choice of what is looked at: a message file, a ready letter's file, or every language of a template with its
//! `sample.json`. Leaves the rules to `compose::lint`, writing to `compose`.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{
    failure::advice,
    out::{Out, say},
    settings::Settings,
    template,
    words::count,
};
use crate::{
    compose::lint::{Draft, Flaw, Gravity, lint},
    config::Config,
};

const AFTER: &str = "\
Exit codes: 0 nothing grave (gravity `refuse`); 1 something grave, or the letter could not be written; 2 the command line is wrong.

docs/lint.md lists every rule.";

/// Look at a template in all its languages, or at a message file, and name what readers and filters hold against it.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct Lint {
    /// A template's name, or a file with a whole message (.eml).
    #[arg(value_name = "TEMPLATE|FILE")]
    what: String,
    /// The letter needs no way to leave its list.
    #[arg(long)]
    transactional: bool,
    /// The reader's locale, for a message file.
    #[arg(long)]
    locale: Option<String>,
}

impl Lint {
    pub(super) fn run(&self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let file = Path::new(&self.what);
        let grave = if file.is_file() {
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let draft = self.draft(&bytes, self.locale.as_deref());
            tell(&self.what, &lint(&draft), out)?
        } else {
            self.template(&config, out)?
        };
        say(format!("{} found.", count(grave, "grave flaw")));
        Ok(ExitCode::from(u8::from(grave > 0)))
    }

    fn draft<'a>(&self, message: &'a [u8], locale: Option<&'a str>) -> Draft<'a> {
        Draft {
            message,
            wants_unsubscribe: !self.transactional,
            return_path: None,
            signer: None,
            locale,
        }
    }

    fn template(&self, config: &Config, out: &mut Out) -> Result<u64> {
        let written = template::write_all(config, &self.what)?;
        if written.is_empty() {
            return Err(advice(
                format!(
                    "{} is neither a file nor a template with a sample.json",
                    self.what
                ),
                "`postrider template list` shows the templates",
            ));
        }
        let mut grave = 0;
        for (locale, message) in &written {
            let name = format!("{}/{locale}", self.what);
            let flaws = lint(&self.draft(message, Some(locale)));
            // The trial's own addresses are those of documentation.
            let flaws: Vec<Flaw> = flaws
                .into_iter()
                .filter(|flaw| !is_of_trial(flaw))
                .collect();
            grave += tell(&name, &flaws, out)?;
        }
        Ok(grave)
    }
}

fn is_of_trial(flaw: &Flaw) -> bool {
    flaw.rule.id == "link.desk" && flaw.found.starts_with("https://example.com/")
}

/// Prints, and counts what would be refused.
fn tell(name: &str, flaws: &[Flaw], out: &mut Out) -> Result<u64> {
    let mut grave = 0;
    for flaw in flaws {
        let rule = flaw.rule;
        grave += u64::from(rule.gravity == Gravity::Refuse);
        let wire = json!({
            "letter": name, "id": rule.id, "gravity": rule.gravity.name(), "found": flaw.found,
            "why": rule.why, "source": rule.source, "fix": rule.fix,
        });
        let text = format!(
            "{name}: {}  {}\n  found  {}\n  why    {}\n  source {}\n  fix    {}\n",
            rule.gravity.name(),
            rule.id,
            flaw.found,
            rule.why,
            rule.source,
            rule.fix
        );
        out.thing(&wire, text)?;
    }
    Ok(grave)
}
