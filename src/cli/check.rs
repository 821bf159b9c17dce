//! `postrider check`: everything that makes receivers refuse or junk our letters, with the exact fix.
//!
//! Owns the form: a table by gravity, the fixes below it, and exit codes. Leaves the rules to `check`, asking to `app::check`.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{
    failure::advice,
    out::{Out, say},
    session::{self, now},
    settings::Settings,
    words::{Since, moment, plain},
};
use crate::{
    app::check::{self, Checked},
    check::{Finding, Fix, Level, report, zone_line},
    config::{Config, Period},
    mail::Domain,
    store::{ChangeFilter, CheckChange},
};

const AFTER: &str = "\
Exit codes: 0 nothing graver than a note; 1 the check could not be made; 2 the command line is wrong; 3 warnings; 4 failures.

docs/check.md lists every finding. `postrider dns DOMAIN` prints all records at once.";

/// Check DNS, keys, addresses and endpoints of the sending domains, and print the exact fix of each fault.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct Check {
    /// The domains of From [default: every domain with a signing key]
    #[arg(value_parser = Domain::parse)]
    domains: Vec<Domain>,
    /// Show also what is good.
    #[arg(long)]
    all: bool,
    /// Check again and again, and print what changes.
    #[arg(long)]
    watch: bool,
    /// Time between two checks with --watch, such as 10m [default: `check.every`]
    #[arg(long, value_parser = period, requires = "watch")]
    every: Option<Duration>,
    /// Show which faults came and went at the rounds of running nodes, instead of checking.
    #[arg(long, conflicts_with_all = ["watch", "all"])]
    history: bool,
    /// With --history: since this moment, or for so long [default: everything that is kept]
    #[arg(long, value_name = "MOMENT|SPAN", requires = "history")]
    since: Option<Since>,
}

fn period(text: &str) -> Result<Duration, String> {
    let told = toml::Value::String(text.to_owned()).try_into::<Period>();
    told.map(|period| period.0)
        .map_err(|error| error.message().to_owned())
}

/// No terminal shows more, and no program should need it at once.
const HISTORY_MAX: u32 = 10_000;
/// Exit code for warnings.
const WARNINGS: u8 = 3;
/// Exit code for failures.
const FAILURES: u8 = 4;

impl Check {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        if self.watch {
            return self.watch(&config, out).await;
        }
        if self.history {
            return self.history(settings, out).await;
        }
        let mut worst = Level::Ok;
        for (domain, checked) in self.round(&config).await? {
            worst = worst.max(checked.worst());
            tell(&domain, &checked, self.all, out)?;
        }
        Ok(code(worst))
    }

    async fn round(&self, config: &Config) -> Result<Vec<(Domain, Checked)>> {
        let domains = self.named(config)?;
        let world = check::inquirer(config)?;
        let mut all = Vec::new();
        for domain in domains {
            let subject = check::subject(config, &domain)?;
            all.push((domain, check::check(&subject, &world, now()).await));
        }
        Ok(all)
    }

    fn named(&self, config: &Config) -> Result<Vec<Domain>> {
        if !self.domains.is_empty() {
            return Ok(self.domains.clone());
        }
        let domains = check::domains(config)?;
        if domains.is_empty() {
            return Err(advice(
                "no domain has a signing key",
                "name a domain, or make a key with `postrider dkim new DOMAIN`",
            ));
        }
        Ok(domains)
    }

    /// Prints the first round, then only what came and went; ends when it is stopped.
    async fn watch(&self, config: &Config, out: &mut Out) -> Result<ExitCode> {
        let mut before: Option<Vec<(Domain, Checked)>> = None;
        loop {
            let round = self.round(config).await?;
            match &before {
                None => {
                    for (domain, checked) in &round {
                        tell(domain, checked, self.all, out)?;
                    }
                }
                Some(before) => changes(before, &round, out)?,
            }
            out.flush()?;
            before = Some(round);
            tokio::time::sleep(self.every.unwrap_or(config.check.every.0)).await;
        }
    }
}

impl Check {
    /// What running nodes noted, the oldest first.
    async fn history(&self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let filter = ChangeFilter {
            domains: self.domains.iter().map(ToString::to_string).collect(),
            since: self.since.map(|since| since.before(now())),
            max: HISTORY_MAX,
        };
        let changes = session::with(settings, async |session| {
            Ok(session.store.check_changes(&filter).await?)
        })
        .await?;
        if changes.is_empty() {
            say("Nothing came or went; running nodes note it at each of their rounds.");
        }
        for change in &changes {
            out.thing(&wire_change(change), past(change))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

const fn word(change: &CheckChange) -> &'static str {
    if change.appeared { "appeared" } else { "went" }
}

fn past(change: &CheckChange) -> String {
    format!(
        "{}  {:<8}  {:<7}  {}  {}  {}  {}",
        moment(change.at),
        word(change),
        change.level,
        change.domain,
        change.finding,
        plain(&change.about),
        plain(&change.found)
    )
}

fn wire_change(change: &CheckChange) -> Value {
    json!({
        "at": change.at.to_string(), "change": word(change), "domain": change.domain, "id": change.finding,
        "level": change.level, "about": change.about, "found": change.found,
    })
}

fn code(worst: Level) -> ExitCode {
    match worst {
        Level::Ok | Level::Note => ExitCode::SUCCESS,
        Level::Warning => ExitCode::from(WARNINGS),
        Level::Failure => ExitCode::from(FAILURES),
    }
}

fn changes(before: &[(Domain, Checked)], round: &[(Domain, Checked)], out: &mut Out) -> Result<()> {
    for ((domain, old), (_, new)) in before.iter().zip(round) {
        for (from, to, change) in [(new, old, "appeared"), (old, new, "went")] {
            let is_new = |finding: &&Finding| {
                let same = |other: &Finding| {
                    other.rule.id == finding.rule.id && other.about == finding.about
                };
                finding.rule.level > Level::Ok && !to.findings.iter().any(same)
            };
            for finding in from.findings.iter().filter(is_new) {
                let text = format!(
                    "{change}  {}  {}  {}",
                    finding.rule.id,
                    plain(&finding.about),
                    plain(&finding.found)
                );
                let mut value = wire(domain, finding);
                value["change"] = json!(change);
                value["at"] = json!(now().to_string());
                out.thing(&value, text)?;
            }
        }
    }
    Ok(())
}

fn tell(domain: &Domain, checked: &Checked, all: bool, out: &mut Out) -> Result<()> {
    let is_shown = |finding: &&Finding| all || finding.rule.level > Level::Ok;
    if out.is_json() {
        return checked
            .findings
            .iter()
            .try_for_each(|finding| out.json(&wire(domain, finding)));
    }
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    out.line(summary(domain, checked))?;
    for finding in checked.findings.iter().filter(is_shown) {
        out.line(paragraph(finding, colour))?;
    }
    if checked.worst() <= Level::Note {
        say(format!(
            "{domain}: nothing stands in the way of its letters."
        ));
    }
    Ok(())
}

fn summary(domain: &Domain, checked: &Checked) -> String {
    let count = |level: Level| {
        let of_level = checked
            .findings
            .iter()
            .filter(|finding| finding.rule.level == level);
        of_level.count()
    };
    format!(
        "{domain}: {} failures, {} warnings, {} notes, {} ok ({} questions in {} rounds)",
        count(Level::Failure),
        count(Level::Warning),
        count(Level::Note),
        count(Level::Ok),
        checked.questions,
        checked.rounds,
    )
}

/// A finding with its fixes, its level in colour where a person looks.
fn paragraph(finding: &Finding, colour: bool) -> String {
    let text = report::paragraph(finding);
    let level = finding.rule.level;
    match text.strip_prefix(level.name()).filter(|_| colour) {
        Some(rest) => format!("\n{}{rest}", painted(level)),
        None => format!("\n{text}"),
    }
}

fn painted(level: Level) -> String {
    let code = match level {
        Level::Ok => 32,
        Level::Note => 36,
        Level::Warning => 33,
        Level::Failure => 31,
    };
    format!("\u{1b}[{code}m{}\u{1b}[0m", level.name())
}

fn wire(domain: &Domain, finding: &Finding) -> Value {
    let fixes: Vec<Value> = finding.fixes.iter().map(fix_wire).collect();
    json!({
        "domain": domain.as_str(),
        "id": finding.rule.id,
        "level": finding.rule.level.name(),
        "about": finding.about,
        "found": finding.found,
        "why": finding.rule.why,
        "whom": finding.rule.whom,
        "fixes": fixes,
    })
}

fn fix_wire(fix: &Fix) -> Value {
    match fix {
        Fix::Publish { name, kind, value } => json!({
            "do": "publish", "name": name, "type": kind, "value": value, "zone": zone_line(name, kind, value),
        }),
        Fix::Remove { name, kind, value } => json!({
            "do": "remove", "name": name, "type": kind, "value": value, "zone": zone_line(name, kind, value),
        }),
        Fix::Run(command) => json!({"do": "run", "command": command}),
        Fix::Do(what) => json!({"do": "other", "words": what}),
    }
}
