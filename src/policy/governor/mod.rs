//! The governor: finds the pace that a provider likes, holds it, and says why.
//!
//! Owns the next state of a route from what it is, what was seen, and the time. Promises: a refusal for pace lowers it and a
//! clean stretch raises it; a pace that was refused is approached and not passed until it has held for [`PLATEAU`], and is
//! then tried in growing steps, so that one refusal in hundreds of letters is the price of knowing; refusals in a row end in
//! a pause, then probes, then a slow return; a receiver's own "in 10 minutes" is honoured; every change has its cause in
//! words. Never faster than the profile. Pure. Leaves counting to [`seen`] and sharing to `engine::pace`.

mod answer;
pub mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use answer::heed;
pub use seen::Seen;

use super::shaping::Profile;
use crate::mail::{Class, Phase, RouteState, Timestamp};

/// The name under which it writes.
pub const GOVERNOR: &str = "governor";

/// A new route doubles its pace after so long without an objection ...
const DOUBLES_AFTER: Duration = Duration::from_secs(15);

/// ... and one below its ceiling goes up to it after this.
const SETTLES_AFTER: Duration = Duration::from_mins(2);

/// How long a pace that was refused is left alone.
pub const PLATEAU: Duration = Duration::from_mins(10);

/// Between two steps beyond it.
const STEP: Duration = Duration::from_mins(1);

/// The steps, in per cent: small at first, because the limit is probably still there; then larger.
const STEPS: [u32; 5] = [105, 110, 120, 140, 150];

/// How near a route stays to the ceiling, and how far it falls from it, in per cent.
const NEAR: u32 = 95;
const FALL: u32 = 90;

/// A pace counts as tried when so many per cent of it were used.
const TRIED: u64 = 60;

/// No pace is slower, in letters per hour: slower is a pause.
const RATE_MIN: u32 = 12;

/// Letters per hour while asking whether we are welcome again, and how many have to be.
const PROBES_PER_HOUR: u32 = 120;
const PROBES_WELCOME: u32 = 3;

/// One connection more after so long, when there are fewer than the profile allows.
const CONNECTION_AFTER: Duration = Duration::from_mins(10);

/// What the profile allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Letters per hour at most; `None` without limit.
    pub limit: Option<u32>,
    /// Connections at most; `None` without limit.
    pub connections: Option<u32>,
    /// Letters per hour at first; `None` for all that is allowed.
    pub start: Option<u32>,
    /// Whether the pace is changed at all.
    pub adaptive: bool,
}

impl Rules {
    /// Those of a profile.
    pub fn of(profile: &Profile) -> Self {
        Self {
            limit: profile.per_hour(),
            connections: profile.connections,
            start: profile
                .start_per_minute
                .map(|start| start.saturating_mul(60)),
            adaptive: profile.adaptive.unwrap_or(false),
        }
    }
}

/// What an attempt says about the route, as the judge and the classifier put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The provider took it, or refused it for the recipient's sake.
    Good,
    /// Nobody is known at that address.
    BadMailbox,
    /// It refused the letter's content for good: about the letter, not the pace.
    Spam,
    /// The provider asks for less, or refuses us.
    SlowDown {
        /// What kind of refusal it is.
        class: Class,
        /// Whether it surely speaks of us and our pace; else it counts only when it comes again and again.
        is_clear: bool,
        /// Whether it is final for the letter.
        permanent: bool,
        /// The wait that its text asks for.
        hint: Option<Duration>,
        /// Before any letter was named: it is about connections.
        about_connections: bool,
        /// The reply in short, for the operator.
        words: String,
    },
}

/// The state of a route of which nothing is known.
pub fn first(rules: &Rules, now: Timestamp) -> RouteState {
    let start = rules
        .start
        .filter(|start| rules.adaptive && rules.limit.is_none_or(|limit| *start < limit));
    RouteState {
        phase: if start.is_some() {
            Phase::Starting
        } else {
            Phase::Open
        },
        rate: start,
        ceiling: None,
        connections: None,
        until: None,
        quiet_until: None,
        steps: 0,
        pauses: 0,
        cause: match start {
            Some(start) => format!(
                "nothing is known of this route: it begins with {}",
                pace(start)
            ),
            None => "the profile's pace".to_owned(),
        },
        changed_at: now,
        by: GOVERNOR.to_owned(),
    }
}

/// Letters per hour that the state allows under these rules; `None` without limit, 0 in a pause.
pub fn rate(state: &RouteState, rules: &Rules) -> Option<u32> {
    match state.phase {
        Phase::Paused => Some(0),
        Phase::Probing => Some(PROBES_PER_HOUR.min(rules.limit.unwrap_or(u32::MAX))),
        _ => match (state.rate, rules.limit) {
            (Some(rate), Some(limit)) => Some(rate.min(limit)),
            (rate, limit) => rate.or(limit),
        },
    }
}

/// Connections that the state allows under these rules; `None` without limit.
pub fn connections(state: &RouteState, rules: &Rules) -> Option<u32> {
    let most = match (state.connections, rules.connections) {
        (Some(learned), Some(limit)) => Some(learned.min(limit)),
        (learned, limit) => learned.or(limit),
    };
    match state.phase {
        Phase::Paused => Some(0),
        Phase::Probing => Some(1),
        _ => most,
    }
}

/// What time brings: the end of a pause, a step up. `part` is our part of the pace, in 0..=1.
pub fn tend(
    state: &RouteState,
    rules: &Rules,
    seen: &Seen,
    part: f64,
    now: Timestamp,
) -> Option<RouteState> {
    let age = now.since(state.changed_at);
    let has_come = state.until.is_none_or(|until| until <= now);
    match state.phase {
        Phase::Paused if has_come => Some(RouteState {
            until: None,
            steps: 0,
            ..changed(
                state,
                Phase::Probing,
                now,
                "the pause is over: a letter now and then asks whether we are welcome",
            )
        }),
        Phase::Probing if seen.good_since_change() >= PROBES_WELCOME => {
            Some(welcome_back(state, now))
        }
        _ if !rules.adaptive || seen.refused_since_change() > 0 => None,
        Phase::Starting if age >= DOUBLES_AFTER && tried(state, rules, seen, part, now) => {
            Some(doubled(state, rules, now))
        }
        Phase::Holding if has_come && tried(state, rules, seen, part, now) => {
            risen(state, rules, now)
        }
        Phase::Seeking if age >= STEP && tried(state, rules, seen, part, now) => {
            Some(sought(state, rules, now))
        }
        _ => more_connections(state, rules, age, now),
    }
}

/// Whether the pace was used, so that its success says something, and nothing else speaks against going faster.
fn tried(state: &RouteState, rules: &Rules, seen: &Seen, part: f64, now: Timestamp) -> bool {
    let Some(rate) = rate(state, rules) else {
        return false;
    };
    let span = now.since(state.changed_at).min(Duration::from_mins(1));
    let due = f64::from(rate) * part * span.as_secs_f64() / 3_600.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few thousand letters a minute"
    )]
    let used = f64::from(seen.taken_within(span, now)) * 100.0 >= due.floor() * TRIED as f64;
    used && due >= 1.0 && !seen.is_slow() && !seen.is_full_of_strangers()
}

fn changed(
    state: &RouteState,
    phase: Phase,
    now: Timestamp,
    cause: impl Into<String>,
) -> RouteState {
    RouteState {
        phase,
        quiet_until: None,
        cause: cause.into(),
        changed_at: now,
        by: GOVERNOR.to_owned(),
        ..state.clone()
    }
}

fn doubled(state: &RouteState, rules: &Rules, now: Timestamp) -> RouteState {
    let rate = state.rate.unwrap_or(RATE_MIN).saturating_mul(2);
    if rules.limit.is_some_and(|limit| rate >= limit) {
        return open(state, now);
    }
    RouteState {
        rate: Some(rate),
        steps: state.steps.saturating_add(1),
        ..changed(
            state,
            Phase::Starting,
            now,
            format!("nobody objects: on to {}", pace(rate)),
        )
    }
}

fn open(state: &RouteState, now: Timestamp) -> RouteState {
    RouteState {
        rate: None,
        until: None,
        steps: 0,
        pauses: 0,
        ..changed(
            state,
            Phase::Open,
            now,
            "nobody objects: the profile's own pace is reached",
        )
    }
}

/// From below the ceiling up to it, and from there, much later, beyond.
fn risen(state: &RouteState, rules: &Rules, now: Timestamp) -> Option<RouteState> {
    let (rate, ceiling) = (state.rate?, state.ceiling.or(state.rate)?);
    let near = percent(ceiling, NEAR);
    if rate < near {
        // A ceiling far above is come to in halves, so that a provider who forgave us is not tried at once.
        let next = if rate < near / 2 { rate * 2 } else { near };
        let cause = format!(
            "calm: up to {}, below the {} that were the most",
            pace(next),
            pace(ceiling)
        );
        return Some(RouteState {
            rate: Some(next),
            until: Some(now.plus(if next == near { PLATEAU } else { SETTLES_AFTER })),
            ..changed(state, Phase::Holding, now, cause)
        });
    }
    let cause = "calm for long: perhaps more is allowed by now";
    let begun = RouteState {
        steps: 0,
        pauses: 0,
        ..changed(state, Phase::Seeking, now, cause)
    };
    Some(sought(&begun, rules, now))
}

fn sought(state: &RouteState, rules: &Rules, now: Timestamp) -> RouteState {
    let step = STEPS[usize::from(state.steps).min(STEPS.len() - 1)];
    let rate = state.rate.unwrap_or(RATE_MIN);
    let next = percent(rate, step).max(rate + 1);
    if rules.limit.is_some_and(|limit| next >= limit) {
        return open(state, now);
    }
    RouteState {
        rate: Some(next),
        until: None,
        steps: state.steps.saturating_add(1),
        ..changed(
            state,
            Phase::Seeking,
            now,
            format!("nobody objects: trying {}", pace(next)),
        )
    }
}

fn welcome_back(state: &RouteState, now: Timestamp) -> RouteState {
    let known = state.ceiling.or(state.rate).unwrap_or(PROBES_PER_HOUR);
    let rate = percent(known, 50).clamp(RATE_MIN, known.max(RATE_MIN));
    let cause = format!(
        "{PROBES_WELCOME} letters were welcome: back to half of what went before, {}",
        pace(rate)
    );
    RouteState {
        rate: Some(rate),
        ceiling: Some(known),
        connections: Some(1),
        until: Some(now.plus(SETTLES_AFTER)),
        steps: 0,
        ..changed(state, Phase::Holding, now, cause)
    }
}

fn more_connections(
    state: &RouteState,
    rules: &Rules,
    age: Duration,
    now: Timestamp,
) -> Option<RouteState> {
    let connections = state.connections?;
    if age < CONNECTION_AFTER
        || matches!(state.phase, Phase::Paused | Phase::Probing | Phase::Fixed)
    {
        return None;
    }
    let next = connections + 1;
    let is_all = rules.connections.is_some_and(|most| next >= most);
    Some(RouteState {
        connections: (!is_all).then_some(next),
        ..changed(state, state.phase, now, format!("calm: {next} connections"))
    })
}

fn percent(rate: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(rate) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

/// A pace in words: `18/min`, `2.5/s`, `40/h`.
pub fn pace(per_hour: u32) -> String {
    let tenths = |count: u32, unit: u32, word: &str| {
        let tenths = u64::from(count) * 10 / u64::from(unit);
        match tenths % 10 {
            0 => format!("{}/{word}", tenths / 10),
            rest => format!("{}.{rest}/{word}", tenths / 10),
        }
    };
    match per_hour {
        0..60 => format!("{per_hour}/h"),
        60..7_200 => tenths(per_hour, 60, "min"),
        _ => tenths(per_hour, 3_600, "s"),
    }
}
