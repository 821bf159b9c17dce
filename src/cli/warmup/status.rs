//! `postrider warmup status`.

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
    },
    plan::date_text,
};
use crate::{
    app::pacing::day_of,
    mail::{RouteKey, WarmCap, WarmDay},
    policy::warmup::{Verdict, verdict},
    port::WarmupStore,
};

#[derive(Debug, Args)]
pub(in super::super) struct Status {
    /// Only from this source.
    #[arg(long)]
    source: Option<String>,
    /// Only to this provider or site.
    #[arg(long)]
    target: Option<String>,
    /// Show so many days of each route.
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=3_650))]
    days: i32,
}

impl Status {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let today = day_of(now());
        let routes = session::with(settings, async |session| {
            let (source, target) = (self.source.as_deref(), self.target.as_deref());
            let mut routes = Vec::new();
            for route in session.store.warm_routes(source, target).await? {
                let days = session
                    .store
                    .warm_days(&route, today + 1 - self.days)
                    .await?;
                routes.push((route, days));
            }
            Ok(routes)
        })
        .await?;
        if routes.is_empty() {
            say("No source has been warmed up yet. `postrider warmup plan` shows what is planned.");
        }
        for (number, (route, days)) in routes.iter().enumerate() {
            if out.is_json() {
                out.json(&wire(route, days, today))?;
            } else {
                let gap = if number > 0 { "\n" } else { "" };
                out.line(format!("{gap}{}", text(route, days, today)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn planned(days: &[WarmDay]) -> impl Iterator<Item = (&WarmDay, &WarmCap)> {
    days.iter().filter_map(|day| Some((day, day.cap.as_ref()?)))
}

fn text(route: &RouteKey, days: &[WarmDay], today: i32) -> String {
    let mut table = Table::new(&[
        "date",
        "cap",
        "sent",
        "accepted",
        "deferred",
        "spam",
        "unknown",
        "complaints",
        "the day was",
    ]);
    for (day, cap) in planned(days) {
        let counts = [
            day.attempted,
            day.accepted,
            day.deferred,
            day.spam + day.blocked,
            day.strangers,
            day.complaints,
        ];
        let [sent, accepted, deferred, spam, strangers, complaints] =
            counts.map(|count| count.to_string());
        table.row([
            date_text(day.day),
            cap.letters
                .map_or_else(|| "warm".to_owned(), |letters| letters.to_string()),
            sent,
            accepted,
            deferred,
            spam,
            strangers,
            complaints,
            said(day, cap, today),
        ]);
    }
    let now = planned(days).find(|(day, _)| day.day == today);
    let head = match now.map(|(day, cap)| (day, cap.letters, &cap.reason)) {
        Some((day, Some(letters), reason)) => {
            format!("{} of {letters} letters today; {reason}", day.attempted)
        }
        Some((_, None, reason)) => format!("warm; {reason}"),
        None => "no letter has come today yet".to_owned(),
    };
    format!(
        "From source {} to {}: {head}.\n\n{table}",
        route.source, route.target
    )
}

fn said(day: &WarmDay, cap: &WarmCap, today: i32) -> String {
    if day.day == today {
        return "not over".to_owned();
    }
    if day.attempted == 0 {
        return "idle".to_owned();
    }
    match verdict(cap, day) {
        Verdict::Good => "good".to_owned(),
        Verdict::Unused(why) => format!("unused: {why}"),
        Verdict::Bad(why) => format!("bad: {why}"),
    }
}

fn wire(route: &RouteKey, days: &[WarmDay], today: i32) -> Value {
    let days = planned(days).map(|(day, cap)| {
        json!({"date": date_text(day.day), "step": cap.step, "letters": cap.letters, "reason": cap.reason,
            "sent": day.attempted, "accepted": day.accepted, "deferred": day.deferred, "spam": day.spam,
            "blocked": day.blocked, "unknown": day.strangers, "complaints": day.complaints,
            "verdict": said(day, cap, today)})
    });
    json!({"source": route.source, "target": route.target, "days": days.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i32, letters: Option<u32>, reason: &str, attempted: u32) -> WarmDay {
        WarmDay {
            day,
            cap: Some(WarmCap {
                step: 1,
                letters,
                reason: reason.to_owned(),
            }),
            granted: attempted,
            attempted,
            accepted: attempted,
            ..WarmDay::default()
        }
    }

    #[test]
    fn each_day_says_what_it_was() {
        let route = RouteKey {
            source: "s2".to_owned(),
            target: "mailru".to_owned(),
        };
        let mut bad = day(20_002, Some(100), "the day before was good", 100);
        (bad.accepted, bad.deferred) = (60, 40);
        let days = [
            day(20_000, Some(50), "the first day of the warm-up", 50),
            day(20_001, Some(100), "the day before was good", 10),
            bad,
            day(20_003, Some(50), "a step back", 0),
            day(20_004, Some(50), "a step back", 7),
        ];
        insta::assert_snapshot!("status", text(&route, &days, 20_004));
    }
}
