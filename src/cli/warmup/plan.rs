//! `postrider warmup plan`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::super::{failure::advice, out::Out, session::now, settings::Settings, table::Table};
use crate::{
    app::pacing::{day_of, warmups},
    mail::Timestamp,
    policy::warmup::{Plan, schedule, schedules},
};

const DAY_SECONDS: i64 = 86_400;

#[derive(Debug, Args)]
pub(in super::super) struct PlanCommand {
    /// Plan for so many letters a day to one provider, instead of what is configured.
    #[arg(long, value_name = "LETTERS", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    target_per_day: Option<u32>,
    /// How the volume grows: standard, gentle or quick.
    #[arg(long, default_value = "standard", requires = "target_per_day", value_parser = known)]
    schedule: String,
    /// The first day, such as 2026-12-01 [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    start: Option<i32>,
}

impl PlanCommand {
    pub(super) fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let start = self.start.unwrap_or_else(|| day_of(now()));
        let plans: Vec<Plan> = match (self.target_per_day, schedule(&self.schedule)) {
            (Some(per_day), Some(schedule)) => vec![Plan {
                source: "any".to_owned(),
                target: None,
                per_day,
                starts: None,
                schedule,
            }],
            _ => warmups(&settings.config()?)?.iter().cloned().collect(),
        };
        if plans.is_empty() {
            return Err(advice(
                "no [[warmup]] is configured",
                "plan a wish with --target-per-day LETTERS, or add a [[warmup]]: docs/warmup.md",
            ));
        }
        for (number, plan) in plans.iter().enumerate() {
            let first = self.start.or(plan.starts).unwrap_or(start);
            if out.is_json() {
                out.json(&wire(plan, first))?;
            } else {
                let gap = if number > 0 { "\n" } else { "" };
                out.line(format!("{gap}{}", text(plan, first)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The days of a ramp on which everything goes well.
fn days(plan: &Plan, first: i32) -> impl Iterator<Item = (i32, u32)> {
    (0..=plan.top()).filter_map(move |step| Some((first + i32::from(step), plan.at(step)?)))
}

fn text(plan: &Plan, first: i32) -> String {
    let mut table = Table::new(&["day", "date", "letters at most"]);
    for (number, (day, letters)) in (1..).zip(days(plan, first)) {
        let number: u32 = number;
        table.row([number.to_string(), date_text(day), letters.to_string()]);
    }
    let whom = plan.target.as_deref().unwrap_or("each provider");
    format!(
        "From source {} to {whom}, schedule {}: {}.\n\n{table}\nWarm on {} at the earliest: from then on {} letters a day and more, \
         as far as the profile allows. A day that is not good costs a day or two.",
        plan.source,
        plan.schedule.name,
        plan.schedule.about,
        date_text(first + i32::from(plan.top()) + 1),
        plan.per_day,
    )
}

fn wire(plan: &Plan, first: i32) -> Value {
    let days =
        days(plan, first).map(|(day, letters)| json!({"date": date_text(day), "letters": letters}));
    json!({"source": plan.source, "provider": plan.target, "schedule": plan.schedule.name,
        "target_per_day": plan.per_day, "days": days.collect::<Vec<_>>(),
        "warm_on": date_text(first + i32::from(plan.top()) + 1)})
}

/// A day counted from 1970-01-01, as a date of UTC.
pub(super) fn date_text(day: i32) -> String {
    let midnight = Timestamp::from_seconds(i64::from(day) * DAY_SECONDS).to_string();
    midnight.split('T').next().unwrap_or_default().to_owned()
}

fn known(name: &str) -> Result<String, String> {
    let names = || schedules().iter().map(|known| known.name.as_str());
    let is_known = names().any(|known| known == name);
    is_known.then(|| name.to_owned()).ok_or_else(|| {
        format!(
            "the schedules are {}",
            names().collect::<Vec<_>>().join(", ")
        )
    })
}

fn date(text: &str) -> Result<i32, String> {
    let moment = Timestamp::parse(&format!("{text}T00:00:00Z"));
    moment
        .map(day_of)
        .ok_or_else(|| "must be a date such as 2026-12-01".to_owned())
}
