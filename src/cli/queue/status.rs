//! `postrider queue status`: what waits, for what, and since when.
//!
//! Owns its form. Pure: what the store counted, the routes and this moment go in, a text or JSON comes out.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        out::Out,
        pace,
        session::{self, now},
        settings::Settings,
        table::Table,
        words::span,
    },
    mail::{RouteState, Timestamp},
    policy::waits::Cause,
    store::{RouteView, Waiting, Waits},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Show so many recipient domains, the longest lines first.
    #[arg(long, default_value_t = 10, value_name = "N")]
    domains: u32,
    /// Show so many sites, the most letters first.
    #[arg(long, default_value_t = 10, value_name = "N")]
    sites: u32,
}

impl Status {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<()> {
        let (waits, routes) = session::with(settings, async |session| {
            let waits = session.store.waits(self.sites, self.domains).await?;
            Ok((waits, session.store.routes(None, None, now()).await?))
        })
        .await?;
        if out.is_json() {
            out.json(&wire(&waits, &routes, now()))
        } else {
            out.line(text(&waits, &routes, now()))
        }
    }
}

/// Letters in the four states that a person asks for first.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    ready: i64,
    waiting: i64,
    held: i64,
    leased: i64,
    due_at: Option<Timestamp>,
}

impl Counts {
    fn add(mut self, waiting: &Waiting) -> Self {
        let place = match waiting.cause {
            Cause::Queue | Cause::Pace => &mut self.ready,
            Cause::Hold => &mut self.held,
            Cause::Work => &mut self.leased,
            _ => &mut self.waiting,
        };
        *place += waiting.letters;
        self.due_at = [self.due_at, waiting.due_at].into_iter().flatten().min();
        self
    }
}

fn text(waits: &Waits, routes: &[RouteView], now: Timestamp) -> String {
    let all = waits.providers.iter().fold(Counts::default(), Counts::add);
    let mut states = Table::new(&["letters", "state"]);
    states.row([&all.ready.to_string(), "ready to go"]);
    states.row([
        &all.waiting.to_string(),
        "waiting for their time or a retry",
    ]);
    states.row([
        &all.held.to_string(),
        "held back: see `postrider queue list`",
    ]);
    states.row([&all.leased.to_string(), "in the hands of a worker"]);
    let mut parts = vec![states.to_string()];
    let groups = [
        group("provider", &waits.providers, routes, now),
        group("site", &waits.sites, routes, now),
    ];
    parts.extend(
        groups
            .into_iter()
            .filter(|table| !table.is_empty())
            .map(|table| table.to_string()),
    );
    let lines = domains(waits, now);
    if !lines.is_empty() {
        parts.push(lines.to_string());
    }
    let slow = slow(waits, routes);
    if !slow.is_empty() {
        let said: Vec<String> = slow
            .iter()
            .map(|(view, state)| format!("pace: {}", pace::sentence(view, state)))
            .collect();
        parts.push(said.join("\n"));
    }
    parts.join("\n\n")
}

fn group(name: &'static str, lines: &[Waiting], routes: &[RouteView], now: Timestamp) -> Table {
    let mut table = Table::new(&[name, "waits for", "class", "letters", "oldest", "due"]);
    for line in lines {
        table.row([
            line.name.as_deref().unwrap_or("not known yet"),
            cause(line, routes).name(),
            line.class.as_deref().unwrap_or("-"),
            &line.letters.to_string(),
            &age(line, now),
            &due(line.due_at, now),
        ]);
    }
    table
}

/// Letters that could go wait for the pace where their routes are slow.
fn cause(line: &Waiting, routes: &[RouteView]) -> Cause {
    match line.cause {
        Cause::Queue if !slow_for(line, routes).is_empty() => Cause::Pace,
        cause => cause,
    }
}

fn slow_for<'a>(line: &Waiting, routes: &'a [RouteView]) -> Vec<(&'a RouteView, &'a RouteState)> {
    let (provider, site) = match &line.provider {
        Some(provider) => (Some(provider.as_str()), line.name.as_deref()),
        None => (line.name.as_deref(), None),
    };
    pace::slow(routes, provider, site)
}

/// The slow routes that letters of any group wait for, each once.
fn slow<'a>(waits: &Waits, routes: &'a [RouteView]) -> Vec<(&'a RouteView, &'a RouteState)> {
    let ready = waits.providers.iter().chain(&waits.sites);
    let ready = ready.filter(|line| line.cause == Cause::Queue);
    let each = ready.flat_map(|line| slow_for(line, routes));
    let each: BTreeMap<_, _> = each
        .map(|(view, state)| (&view.route, (view, state)))
        .collect();
    each.into_values().collect()
}

fn domains(waits: &Waits, now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "domain", "provider", "ready", "waiting", "held", "leased", "due",
    ]);
    for (domain, provider, counts) in pivot(waits) {
        let Counts {
            ready,
            waiting,
            held,
            leased,
            due_at,
        } = counts;
        let [ready, waiting, held, leased] =
            [ready, waiting, held, leased].map(|count| count.to_string());
        let provider = provider.unwrap_or("-");
        table.row([
            domain,
            provider,
            &ready,
            &waiting,
            &held,
            &leased,
            &due(due_at, now),
        ]);
    }
    table
}

/// One row per domain, in the order of the store.
fn pivot(waits: &Waits) -> Vec<(&str, Option<&str>, Counts)> {
    let mut rows: Vec<(&str, Option<&str>, Counts)> = Vec::new();
    for line in &waits.domains {
        let domain = line.name.as_deref().unwrap_or_default();
        match rows.last_mut().filter(|row| row.0 == domain) {
            Some(row) => row.2 = row.2.add(line),
            None => rows.push((
                domain,
                line.provider.as_deref(),
                Counts::default().add(line),
            )),
        }
    }
    rows
}

fn age(line: &Waiting, now: Timestamp) -> String {
    line.oldest_at
        .map_or_else(|| "-".to_owned(), |at| span(now.since(at)))
}

fn due(at: Option<Timestamp>, now: Timestamp) -> String {
    match at {
        None => "-".to_owned(),
        Some(at) if at <= now => format!("{} ago", span(now.since(at))),
        Some(at) => format!("in {}", span(at.since(now))),
    }
}

fn wire(waits: &Waits, routes: &[RouteView], now: Timestamp) -> Value {
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let all = waits.providers.iter().fold(Counts::default(), Counts::add);
    let line = |line: &Waiting| {
        let slow: Vec<Value> = slow_for(line, routes)
            .into_iter()
            .filter(|_| line.cause == Cause::Queue)
            .map(|(view, state)| pace::wire(view, state))
            .collect();
        json!({"name": line.name, "provider": line.provider, "cause": cause(line, routes).name(), "class": line.class,
            "letters": line.letters, "oldest_at": moment(line.oldest_at),
            "oldest_seconds": line.oldest_at.map(|at| now.since(at).as_secs()), "due_at": moment(line.due_at), "routes": slow})
    };
    let domain = |(domain, provider, counts): &(&str, Option<&str>, Counts)| {
        json!({"domain": domain, "provider": provider, "ready": counts.ready, "waiting": counts.waiting, "held": counts.held,
            "leased": counts.leased, "head_due_at": moment(counts.due_at)})
    };
    json!({
        "ready": all.ready,
        "waiting": all.waiting,
        "held": all.held,
        "leased": all.leased,
        "providers": waits.providers.iter().map(line).collect::<Vec<_>>(),
        "sites": waits.sites.iter().map(line).collect::<Vec<_>>(),
        "domains": pivot(waits).iter().map(domain).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::{Phase, RouteKey},
        store::DayView,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_795_000_000 + seconds)
    }

    fn line(name: Option<&str>, cause: Cause, class: Option<&str>, letters: i64) -> Waiting {
        Waiting {
            name: name.map(str::to_owned),
            provider: None,
            site: None,
            cause,
            class: class.map(str::to_owned),
            letters,
            oldest_at: Some(at(-letters)),
            due_at: (cause != Cause::Hold).then(|| at(letters - 100)),
        }
    }

    fn route(phase: Phase) -> RouteView {
        RouteView {
            route: RouteKey {
                source: "s1".to_owned(),
                target: "mailru".to_owned(),
            },
            state: Some(RouteState {
                phase,
                rate: Some(1_800),
                ceiling: None,
                connections: None,
                until: Some(at(600)),
                quiet_until: None,
                steps: 0,
                pauses: 1,
                cause: "421 too many letters".to_owned(),
                changed_at: at(0),
                by: "governor".to_owned(),
            }),
            today: DayView::default(),
        }
    }

    fn waits() -> Waits {
        let with = |line: Waiting, provider: &str| Waiting {
            provider: Some(provider.to_owned()),
            ..line
        };
        Waits {
            providers: vec![
                line(Some("mailru"), Cause::Queue, None, 4_000),
                line(Some("mailru"), Cause::Throttle, Some("rate"), 120),
                line(Some("google"), Cause::Hold, None, 70),
                line(None, Cause::Schedule, None, 60),
                line(Some("other"), Cause::Greylist, Some("rate"), 5),
                line(Some("other"), Cause::Work, None, 2),
            ],
            sites: vec![with(
                line(Some("mxs.mail.ru"), Cause::Queue, None, 4_000),
                "mailru",
            )],
            domains: vec![
                with(line(Some("mail.ru"), Cause::Queue, None, 4_000), "mailru"),
                with(line(Some("mail.ru"), Cause::Throttle, None, 120), "mailru"),
                line(Some("new.example"), Cause::Schedule, None, 60),
            ],
        }
    }

    #[test]
    fn what_waits_is_told_by_provider_cause_and_class() {
        insta::assert_snapshot!(text(&waits(), &[route(Phase::Paused)], at(0)));
        insta::assert_json_snapshot!(wire(&waits(), &[route(Phase::Holding)], at(0)));
    }

    #[test]
    fn an_open_route_keeps_nobody_waiting() {
        let mut other = route(Phase::Open);
        other.route.source = "s2".to_owned();
        let told = text(&waits(), &[route(Phase::Paused), other], at(0));
        assert!(!told.contains("pace"), "{told}");
    }

    #[test]
    fn nothing_waits_in_an_empty_queue() {
        let told = text(&Waits::default(), &[], at(0));
        assert_eq!(told.lines().count(), 5, "{told}");
    }
}
