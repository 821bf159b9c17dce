//! `postrider route`: the pace towards each provider, why it is so, and how to change it.
//!
//! Owns the commands. Promises: what a person sets has an author and a reason, is in force at every node within seconds, and
//! can be taken back with `reset`; nothing here makes a route faster than its profile. Leaves the words of the story to
//! [`story`].

mod story;

pub(super) use self::story::tell_all;

use std::{process::ExitCode, str::FromStr, time::Duration};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    failure::advice,
    out::{Out, say},
    queue::{Author, words},
    session::{self, now},
    settings::Settings,
    table::Table,
    words::moment_or_dash,
};
use crate::{
    config::Period,
    mail::{Phase, RouteKey, RouteState, Timestamp},
    policy::governor::pace,
    store::RouteView,
};

#[derive(Debug, Subcommand)]
pub(super) enum Route {
    /// List the routes that had letters today or whose pace was changed.
    List {
        /// Only from this source.
        #[arg(long)]
        source: Option<String>,
        /// Only to this provider or site.
        #[arg(long)]
        target: Option<String>,
    },
    /// Tell the story of a route: how it stands, why, what changed it, and what happens next.
    Explain {
        #[command(flatten)]
        which: Which,
        /// Show so many changes, the newest last.
        #[arg(long, default_value_t = 20, value_name = "N")]
        changes: u32,
    },
    /// Set the pace of a route, or pause it; the governor leaves it alone until it is reset.
    Set(Set),
    /// Forget what was learned or set: the route begins anew.
    Reset {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        why: Why,
    },
}

/// One route.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The source that letters leave from, as `smtp.sources` names it; `default` where none is named.
    #[arg(long, default_value = "default")]
    source: String,
    /// The provider of the shaping file, or the site where no rule has one, as `route list` shows it.
    target: String,
}

impl Which {
    fn key(self) -> RouteKey {
        RouteKey {
            source: self.source,
            target: self.target,
        }
    }
}

/// Who and why.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why, in words for your colleagues.
    #[arg(long, value_parser = words)]
    reason: String,
    #[command(flatten)]
    author: Author,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct What {
    /// Letters over all nodes together, such as 30/m, 2/s or 500/h.
    #[arg(long)]
    rate: Option<Rate>,
    /// Connections over all nodes together.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: Option<u32>,
    /// Send nothing for so long; then probes ask whether we are welcome.
    #[arg(long, conflicts_with_all = ["rate", "connections"])]
    pause: Option<Period>,
}

/// Letters per hour.
#[derive(Clone, Copy, Debug)]
struct Rate(u32);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a pace such as 30/m, 2/s or 500/h";
        let (count, unit) = text.split_once('/').ok_or(wrong)?;
        let factor = match unit {
            "s" => 3_600,
            "m" | "min" => 60,
            "h" => 1,
            _ => return Err(wrong),
        };
        let count: u32 = count.parse().map_err(|_| wrong)?;
        let rate = count
            .checked_mul(factor)
            .filter(|rate| (1..=1_000_000_000).contains(rate));
        rate.map(Self).ok_or(wrong)
    }
}

impl Route {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        match self {
            Self::List { source, target } => list(settings, out, source, target).await,
            Self::Explain { which, changes } => {
                story::explain(settings, out, which.key(), changes).await
            }
            Self::Set(set) => set.run(settings, out).await,
            Self::Reset { which, why } => reset(settings, out, which.key(), why).await,
        }
    }
}

async fn list(
    settings: &Settings,
    out: &mut Out,
    source: Option<String>,
    target: Option<String>,
) -> Result<ExitCode> {
    let routes = session::with(settings, async |session| {
        Ok(session
            .store
            .routes(source.as_deref(), target.as_deref(), now())
            .await?)
    })
    .await?;
    if routes.is_empty() {
        say("No route had letters today, and no pace was changed.");
    } else if out.is_json() {
        for route in &routes {
            out.json(&wire(route))?;
        }
    } else {
        out.line(table(&routes))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(routes: &[RouteView]) -> Table {
    let mut table = Table::new(&[
        "source", "target", "phase", "pace", "until", "accepted", "deferred", "blocked", "unknown",
        "why",
    ]);
    for view in routes {
        let today = &view.today;
        let counts = [
            today.accepted,
            today.deferred,
            today.blocked,
            today.strangers,
        ]
        .map(|count| count.to_string());
        let [accepted, deferred, blocked, strangers] = counts;
        let state = view.state.as_ref();
        table.row([
            view.route.source.clone(),
            view.route.target.clone(),
            state.map_or("-", |state| state.phase.name()).to_owned(),
            state.map_or_else(|| "-".to_owned(), pace_of),
            moment_or_dash(state.and_then(|state| state.until)),
            accepted,
            deferred,
            blocked,
            strangers,
            state.map_or_else(String::new, |state| super::words::plain(&state.cause)),
        ]);
    }
    table
}

/// The pace in words.
fn pace_of(state: &RouteState) -> String {
    match (state.phase, state.rate) {
        (Phase::Paused, _) => "none".to_owned(),
        (_, Some(rate)) => pace(rate),
        (_, None) => "the profile's".to_owned(),
    }
}

/// What programs read.
fn wire(view: &RouteView) -> Value {
    let today = &view.today;
    json!({
        "source": view.route.source,
        "target": view.route.target,
        "state": view.state.as_ref().map(wire_state),
        "today": {"attempted": today.attempted, "accepted": today.accepted, "deferred": today.deferred,
            "blocked": today.blocked, "unknown": today.strangers, "granted": today.granted},
    })
}

fn wire_state(state: &RouteState) -> Value {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "phase": state.phase.name(),
        "per_hour": state.rate,
        "ceiling_per_hour": state.ceiling,
        "connections": state.connections,
        "until": text(state.until),
        "cause": state.cause,
        "changed_at": state.changed_at.to_string(),
        "changed_by": state.by,
    })
}

impl Set {
    async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let (author, now) = (self.why.author.name()?, now());
        let route = self.which.key();
        let state = ordered(&self.what, self.why.reason, author, now);
        session::with(settings, async |session| {
            Ok(session.store.set_route(&route, &state).await?)
        })
        .await?;
        let done = match self.what.pause {
            Some(_) => format!(
                "Nothing goes from {} to {} until {}.",
                route.source,
                route.target,
                moment_or_dash(state.until)
            ),
            None => format!(
                "The pace from {} to {} is set; nodes follow within seconds.",
                route.source, route.target
            ),
        };
        let text = format!(
            "{done} `postrider route reset {}` takes it back.",
            arguments(&route)
        );
        out.thing(
            &json!({"source": route.source, "target": route.target, "state": wire_state(&state)}),
            text,
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn arguments(route: &RouteKey) -> String {
    format!("--source {} '{}' --reason …", route.source, route.target)
}

fn ordered(what: &What, reason: String, author: String, now: Timestamp) -> RouteState {
    let pause: Option<Duration> = what.pause.map(|period| period.0);
    RouteState {
        phase: if pause.is_some() {
            Phase::Paused
        } else {
            Phase::Fixed
        },
        rate: what.rate.map(|rate| rate.0),
        ceiling: None,
        connections: what.connections,
        until: pause.map(|pause| now.plus(pause)),
        quiet_until: None,
        steps: 0,
        pauses: 0,
        cause: reason,
        changed_at: now,
        by: author,
    }
}

async fn reset(settings: &Settings, out: &mut Out, route: RouteKey, why: Why) -> Result<ExitCode> {
    let author = why.author.name()?;
    let reason = why.reason;
    let is_known = session::with(settings, async |session| {
        Ok(session
            .store
            .reset_route(&route, now(), &reason, &author)
            .await?)
    })
    .await?;
    if !is_known {
        return Err(advice(
            format!(
                "nothing was learned or set of the route from {} to {}",
                route.source, route.target
            ),
            "`postrider route list` shows every route",
        ));
    }
    let text = format!(
        "The route from {} to {} begins anew.",
        route.source, route.target
    );
    out.thing(
        &json!({"source": route.source, "target": route.target, "reset": true}),
        text,
    )?;
    Ok(ExitCode::SUCCESS)
}
