//! Where a letter's time went, for people and programs.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    cli::{
        pace,
        session::now,
        table::Table,
        words::{moment, plain, span},
    },
    mail::{Event, Phase, RouteKey, RouteState, State, Timestamp},
    policy::waits::{Cause, Slow, Wait, by_cause, slow, waits},
    store::{ChangeView, HistoryLine, LetterView, PgStore, RouteView},
};

/// What the pace of a letter's ways was, and is.
#[derive(Debug, Default)]
pub(super) struct Ways {
    provider: Option<String>,
    site: Option<String>,
    changes: Vec<(RouteKey, ChangeView)>,
    routes: Vec<RouteView>,
}

impl Ways {
    /// Where it went when it was tried last, else where its domain's letters went last.
    pub(super) async fn of(
        store: &PgStore,
        view: &LetterView,
        history: &[HistoryLine],
    ) -> Result<Self> {
        let Ok(letter) = &view.letter else {
            return Ok(Self::default());
        };
        let tried = history.iter().rev().find_map(|line| {
            let site = line.site.clone()?;
            Some((site, line.provider.clone().unwrap_or_default()))
        });
        let domain = letter.to.mailbox.address.domain();
        let known = match &tried {
            Some(_) => None,
            None => store.way_of(domain.as_str()).await?,
        };
        let Some((site, provider)) = tried.or(known) else {
            return Ok(Self::default());
        };
        let targets = [site.clone(), provider.clone()];
        Ok(Self {
            changes: store.changes_towards(&targets, letter.enqueued_at).await?,
            routes: store.routes(None, None, now()).await?,
            provider: Some(provider),
            site: Some(site),
        })
    }

    fn slow(&self, until: Timestamp) -> Vec<Slow> {
        let phases: Vec<_> = self
            .changes
            .iter()
            .map(|(route, change)| (route, change.at, change.phase))
            .collect();
        slow(&phases, until)
    }

    /// The changes that a wait for pace met, and the one that began it.
    fn during(&self, part: &Wait) -> Vec<&(RouteKey, ChangeView)> {
        let before = self.changes.iter().rposition(|(_, it)| it.at <= part.from);
        let until = self.changes.partition_point(|(_, it)| it.at < part.until);
        self.changes[before.unwrap_or(0)..until.max(before.unwrap_or(0))]
            .iter()
            .collect()
    }

    /// The routes that keep it now.
    fn now(&self, state: State) -> Vec<(&RouteView, &RouteState)> {
        if state == State::Queued {
            pace::slow(&self.routes, self.provider.as_deref(), self.site.as_deref())
        } else {
            Vec::new()
        }
    }
}

/// The parts of its time; none where the letter itself cannot be read.
pub(super) fn divided(
    view: &LetterView,
    history: &[HistoryLine],
    ways: &Ways,
    now: Timestamp,
) -> Vec<Wait> {
    let Ok(letter) = &view.letter else {
        return Vec::new();
    };
    let until = match view.state {
        State::Queued | State::Leased => now,
        _ => view.finished_at.unwrap_or(now),
    };
    let worked = |line: &HistoryLine| {
        let micros = |us: Option<i32>| u64::try_from(us.unwrap_or(0)).unwrap_or(0);
        Duration::from_micros(micros(line.prepare_us) + micros(line.talk_us))
    };
    let lines: Vec<(&Event, Duration)> = history
        .iter()
        .map(|line| (&line.event, worked(line)))
        .collect();
    let slow = ways.slow(until);
    waits(letter.enqueued_at, letter.send_at, &lines, &slow, until)
}

/// Sums by cause, and the parts in order.
pub(super) fn tell(parts: &[Wait], ways: &Ways, state: State) -> String {
    let mut sums = Table::new(&["time", "cause"]);
    for (cause, time) in by_cause(parts) {
        sums.row([span(time), meaning(cause).to_owned()]);
    }
    let mut steps = Table::new(&["from", "time", "cause"]);
    for part in parts {
        steps.row([
            moment(part.from),
            span(part.span()),
            part.cause.name().to_owned(),
        ]);
    }
    let whole: Duration = parts.iter().map(Wait::span).sum();
    let mut text = format!("its time: {} in all\n{sums}\n\n{steps}", span(whole));
    let slow = parts.iter().filter(|part| part.cause == Cause::Pace);
    let why: BTreeSet<String> = slow.flat_map(|part| ways.during(part)).map(past).collect();
    if !why.is_empty() {
        text.push_str("\n\nwhat the pace was");
        text.extend(why.iter().map(|line| format!("\n  {line}")));
    }
    for (view, state) in ways.now(state) {
        text.push_str("\n\nnow its way is slow: ");
        text.push_str(&pace::sentence(view, state));
    }
    text
}

fn past((route, change): &(RouteKey, ChangeView)) -> String {
    format!(
        "{}  {} to {}  {}  {} ({})",
        moment(change.at),
        plain(&route.source),
        plain(&route.target),
        change.phase.map_or("wiped", Phase::name),
        plain(&change.cause),
        plain(&change.by)
    )
}

const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Schedule => "schedule: its caller asked for a later moment",
        Cause::Queue => {
            "queue: no worker had room, or the limits of its provider let nothing through"
        }
        Cause::Pace => {
            "pace: all its ways were slower than their profiles (`postrider route explain`)"
        }
        Cause::Hold => "hold: a person held it (`postrider queue list`)",
        Cause::QuietHours => "quiet hours: its reader was left alone at that time",
        Cause::Greylist => "greylist: the receiver lets newcomers wait",
        Cause::Throttle => "throttle: the receiver said that we are too fast",
        Cause::Retry => "retry: the receiver refused it for now, or was not reached",
        Cause::Lease => "lost lease: the node that had it was gone",
        Cause::Work => "work: composing, signing, talking",
    }
}

pub(super) fn wire(parts: &[Wait], ways: &Ways) -> Value {
    let each = parts.iter().map(|part| {
        let mut wire = json!({
            "cause": part.cause.name(),
            "from": part.from.to_string(),
            "until": part.until.to_string(),
            "seconds": part.span().as_secs_f64(),
        });
        if part.cause == Cause::Pace {
            let routes = ways.during(part).into_iter().map(|(route, change)| {
                json!({"at": change.at.to_string(), "source": route.source, "target": route.target,
                    "phase": change.phase.map(Phase::name), "per_hour": change.rate, "cause": change.cause, "by": change.by})
            });
            wire["routes"] = json!(routes.collect::<Vec<_>>());
        }
        wire
    });
    json!(each.collect::<Vec<_>>())
}

/// The routes that keep it now, for programs.
pub(super) fn wire_now(ways: &Ways, state: State) -> Value {
    let slow = ways.now(state).into_iter();
    json!(
        slow.map(|(view, state)| pace::wire(view, state))
            .collect::<Vec<_>>()
    )
}
