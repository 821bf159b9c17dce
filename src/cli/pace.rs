//! Routes that keep letters waiting, in words.
//!
//! Owns the choice of them and the sentence about each. Promises: routes count only when all that are known for a way are slower
//! than their profiles, because a letter takes whichever has room. Leaves the pace itself to `postrider route`.

use serde_json::{Value, json};

use super::words::{moment, plain};
use crate::{
    mail::{Phase, RouteState, Timestamp},
    policy::governor::pace,
    store::RouteView,
};

/// The routes that keep letters to this provider or site waiting; none when one of them is open, or nothing is known.
pub(super) fn slow<'a>(
    routes: &'a [RouteView],
    provider: Option<&str>,
    site: Option<&str>,
) -> Vec<(&'a RouteView, &'a RouteState)> {
    let leads = |view: &&RouteView| {
        let target = Some(view.route.target.as_str());
        target == provider || target == site
    };
    let mut slow = Vec::new();
    for view in routes.iter().filter(leads) {
        match &view.state {
            Some(state) if state.phase != Phase::Open => slow.push((view, state)),
            Some(_) => return Vec::new(),
            None => {}
        }
    }
    slow
}

/// `s1 to mailru is paused until 2026-11-25 12:00:00: 421 too many messages`.
pub(super) fn sentence(view: &RouteView, state: &RouteState) -> String {
    let route = &view.route;
    format!(
        "{} to {} {}: {}",
        plain(&route.source),
        plain(&route.target),
        standing(state),
        plain(&state.cause)
    )
}

/// Whether nothing, or next to nothing, goes.
pub(super) const fn stands(state: &RouteState) -> bool {
    matches!(state.phase, Phase::Paused | Phase::Probing)
}

fn standing(state: &RouteState) -> String {
    let rate = state
        .rate
        .filter(|_| state.phase != Phase::Paused)
        .map_or_else(String::new, |rate| format!(" at {}", pace(rate)));
    let until = until(state).map_or_else(String::new, |until| format!(" until {}", moment(until)));
    format!("is {}{rate}{until}", state.phase.name())
}

fn until(state: &RouteState) -> Option<Timestamp> {
    let ends = matches!(state.phase, Phase::Paused | Phase::Holding);
    state.until.filter(|_| ends)
}

/// The same for programs.
pub(super) fn wire(view: &RouteView, state: &RouteState) -> Value {
    json!({
        "source": view.route.source, "target": view.route.target, "phase": state.phase.name(), "per_hour": state.rate,
        "until": until(state).map(|until| until.to_string()), "cause": state.cause,
    })
}
