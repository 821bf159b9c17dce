//! `postrider route explain`: the story of one route.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::{
    super::{
        failure::advice,
        out::Out,
        session::{self, now},
        settings::Settings,
        words::{moment, plain, span},
    },
    pace_of, wire,
};
use crate::{
    config::{self, Config},
    mail::{Phase, RouteKey, RouteState, Share, Timestamp, route::WHOLE},
    policy::{
        Shaping,
        governor::{self, pace},
        shaping::Profile,
    },
    store::{ChangeView, NodeView, PgStore, RouteView},
};

/// Changes of a route told when nobody says how many.
const CHANGES: u32 = 20;

pub(super) async fn explain(
    settings: &Settings,
    out: &mut Out,
    route: RouteKey,
    most: u32,
) -> Result<ExitCode> {
    let (view, changes, nodes) = session::with(settings, async |session| {
        gather(&session.store, &route, most).await
    })
    .await?;
    if view.is_none() && changes.is_empty() {
        return Err(advice(
            format!(
                "nothing is known of a route from {} to {}",
                route.source, route.target
            ),
            "`postrider route list` shows every route",
        ));
    }
    let view = view.unwrap_or(RouteView {
        route,
        state: None,
        today: crate::store::DayView::default(),
    });
    let profile = profile(&shaping(&settings.config()?)?, &view.route.target);
    if out.is_json() {
        let history: Vec<_> = changes.iter().rev().map(wire_change).collect();
        let parts: Vec<_> = nodes
            .iter()
            .map(|node| wire_node(node, &view.route.source))
            .collect();
        let mut all = wire(&view);
        all["changes"] = json!(history);
        all["nodes"] = json!(parts);
        all["profile"] = json!(limits(&profile));
        all["next"] = json!(next(view.state.as_ref()));
        out.json(&all)?;
    } else {
        tell(out, &view, &profile, &nodes, &changes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The stories of all routes whose pace was changed.
pub(in crate::cli) async fn tell_all(
    out: &mut Out,
    store: &PgStore,
    shaping: &Shaping,
) -> Result<()> {
    for listed in store.routes(None, None, now()).await? {
        let (view, changes, nodes) = gather(store, &listed.route, CHANGES).await?;
        let Some(view) = view.filter(|_| !changes.is_empty()) else {
            continue;
        };
        if out.is_json() {
            let history: Vec<_> = changes.iter().rev().map(wire_change).collect();
            let mut all = wire(&view);
            all["changes"] = json!(history);
            out.json(&all)?;
        } else {
            out.line("")?;
            let profile = profile(shaping, &view.route.target);
            tell(out, &view, &profile, &nodes, &changes)?;
        }
    }
    Ok(())
}

type Known = (Option<RouteView>, Vec<ChangeView>, Vec<NodeView>);

async fn gather(store: &PgStore, route: &RouteKey, most: u32) -> Result<Known> {
    let mut found = store
        .routes(Some(&route.source), Some(&route.target), now())
        .await?;
    let changes = store.route_changes(route, most).await?;
    Ok((found.pop(), changes, store.nodes().await?))
}

fn shaping(config: &Config) -> Result<Shaping> {
    match &config.delivery.shaping {
        Some(path) => Ok(config::shaping(path)?),
        None => Ok(Shaping::standard()),
    }
}

/// What the shaping says of a target: the rule of that name, or what is in force for everybody.
fn profile(shaping: &Shaping, target: &str) -> Profile {
    let named = shaping
        .providers()
        .find(|(name, ..)| *name == target)
        .map(|(.., profile)| profile);
    named.unwrap_or_else(|| shaping.default_profile().clone())
}

fn tell(
    out: &mut Out,
    view: &RouteView,
    profile: &Profile,
    nodes: &[NodeView],
    changes: &[ChangeView],
) -> Result<()> {
    let (route, today) = (&view.route, &view.today);
    out.line(format!("From {} to {}", route.source, plain(&route.target)))?;
    match &view.state {
        Some(state) => {
            out.line(format!(
                "  now       {}, {}",
                state.phase.name(),
                pace_of(state)
            ))?;
            out.line(format!("  because   {}", plain(&state.cause)))?;
            let since = format!("{} by {}", moment(state.changed_at), plain(&state.by));
            out.line(format!("  since     {since}"))?;
        }
        None => out.line("  now       as the profile says; the governor has changed nothing")?,
    }
    out.line(format!("  next      {}", next(view.state.as_ref())))?;
    out.line(format!("  profile   {}", limits(profile).join(", ")))?;
    out.line(format!(
        "  today     {} accepted, {} deferred, {} blocked, {} unknown, of {} handed over",
        today.accepted, today.deferred, today.blocked, today.strangers, today.attempted
    ))?;
    for node in nodes {
        let part = part(node, &route.source);
        let age = span(now().since(node.seen_at));
        out.line(format!(
            "  node      {} has {part} of every limit, seen {age} ago",
            plain(&node.name)
        ))?;
    }
    if !changes.is_empty() {
        out.line("\nWhat happened")?;
    }
    for change in changes.iter().rev() {
        out.line(line(change))?;
    }
    Ok(())
}

fn line(change: &ChangeView) -> String {
    let phase = change.phase.map_or("wiped", Phase::name);
    let rate = change.rate.map_or_else(|| "-".to_owned(), pace);
    format!(
        "  {}  {phase:<9} {rate:>9}  {} ({})",
        moment(change.at),
        plain(&change.cause),
        plain(&change.by)
    )
}

/// What happens next, if nothing else happens.
fn next(state: Option<&RouteState>) -> String {
    let at = |until: Option<Timestamp>| {
        until.map_or_else(
            || "soon".to_owned(),
            |until| format!("at {}", moment(until)),
        )
    };
    let Some(state) = state else {
        return "it goes on as it is".to_owned();
    };
    match state.phase {
        Phase::Starting => "it doubles every 15 s while letters go and nobody objects".to_owned(),
        Phase::Open => "it goes on as it is; a refusal for pace slows it down".to_owned(),
        Phase::Holding => format!("{} it goes up, if letters went at this pace and nobody objected", at(state.until)),
        Phase::Seeking => "every minute a larger step, while letters go and nobody objects".to_owned(),
        Phase::Paused => format!("{} a letter now and then asks whether we are welcome", at(state.until)),
        Phase::Probing => "three letters that are welcome end the probing; a refusal pauses it again".to_owned(),
        Phase::Fixed => "nothing: the operator has set it; `postrider route reset` gives it back to the governor".to_owned(),
    }
}

/// The limits of a profile in words.
fn limits(profile: &Profile) -> Vec<String> {
    let count = |value: Option<u32>, words: &str| value.map(|value| format!("{value} {words}"));
    let rates = [
        count(profile.connections, "connections"),
        count(profile.connections_per_minute, "new connections/min"),
        count(profile.messages_per_second, "letters/s"),
        count(profile.messages_per_minute, "letters/min"),
        count(profile.messages_per_hour, "letters/h"),
        count(profile.messages_per_day, "letters/day"),
        count(profile.letters_per_connection, "letters/connection"),
    ];
    let governed = governor::Rules::of(profile).adaptive;
    let governed = (!governed).then(|| "not adaptive".to_owned());
    rates.into_iter().flatten().chain(governed).collect()
}

fn part(node: &NodeView, source: &str) -> String {
    let share = node
        .shares
        .iter()
        .find(|(name, _)| name == source)
        .map_or(Share::NONE, |(_, share)| *share);
    format!(
        "{:.0} %",
        f64::from(share.width()) * 100.0 / f64::from(WHOLE)
    )
}

fn wire_node(node: &NodeView, source: &str) -> serde_json::Value {
    let share = node
        .shares
        .iter()
        .find(|(name, _)| name == source)
        .map_or(Share::NONE, |(_, share)| *share);
    json!({"name": node.name, "seen_at": node.seen_at.to_string(),
        "part": f64::from(share.width()) / f64::from(WHOLE)})
}

fn wire_change(change: &ChangeView) -> serde_json::Value {
    json!({"at": change.at.to_string(), "phase": change.phase.map(Phase::name), "per_hour": change.rate,
        "cause": change.cause, "by": change.by})
}
