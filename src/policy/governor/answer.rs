//! What the governor makes of one answer.
//!
//! Owns the way down. Promises: letters that were under way when the pace was lowered lower it no further; one deferral of
//! unclear meaning among many good answers changes nothing.

use std::time::Duration;

use super::{FALL, RATE_MIN, Rules, SETTLES_AFTER, Seen, Told, changed, pace, percent, rate};
use crate::mail::{Class, Phase, RouteState, Timestamp};

/// Refusals in a row after which the route rests.
const IN_A_ROW: u32 = 3;

/// A refusal that does not speak of pace counts only when so many came in a row: hosts have troubles of their own.
const UNCLEAR_IN_A_ROW: u32 = 4;

/// The first rest; each further one in a row is twice as long, up to the last.
const REST: (Duration, Duration) = (Duration::from_mins(10), Duration::from_hours(1));

/// The same when our address or our name is refused.
const BLOCKED: (Duration, Duration) = (Duration::from_mins(30), Duration::from_hours(24));

/// A hint longer than this is a pause, not a moment's wait.
const HINT_PAUSES: Duration = Duration::from_mins(5);

/// The state after a refusal of an attempt that began at `began`; `None` leaves it as it is. `part` is our part of the pace.
pub fn heed(
    state: &RouteState,
    rules: &Rules,
    seen: &Seen,
    told: &Told,
    part: f64,
    (began, now): (Timestamp, Timestamp),
) -> Option<RouteState> {
    let Told::SlowDown {
        class,
        is_clear,
        hint,
        about_connections,
        words,
        ..
    } = told
    else {
        return None;
    };
    let is_old_news =
        began < state.changed_at && state.phase != Phase::Starting && state.phase != Phase::Open;
    if !rules.adaptive || state.phase == Phase::Fixed || state.phase == Phase::Paused || is_old_news
    {
        return None;
    }
    let row = seen.refused_in_a_row();
    match class {
        Class::Block | Class::Auth if row >= 2 => Some(rested(state, BLOCKED, *hint, now, words)),
        Class::Block | Class::Auth => None,
        _ if !is_clear && row < UNCLEAR_IN_A_ROW => None,
        _ if state.phase == Phase::Probing || hint.is_some_and(|hint| hint >= HINT_PAUSES) => {
            Some(rested(state, REST, *hint, now, words))
        }
        _ if row >= IN_A_ROW && state.phase == Phase::Holding => {
            Some(rested(state, REST, *hint, now, words))
        }
        _ if *about_connections => fewer_connections(state, rules, now, words),
        Class::Rate => Some(slower(state, rules, seen, part, *hint, now, words)),
        _ if row >= UNCLEAR_IN_A_ROW => Some(slower(state, rules, seen, part, *hint, now, words)),
        _ => None,
    }
}

fn rested(
    state: &RouteState,
    (shortest, longest): (Duration, Duration),
    hint: Option<Duration>,
    now: Timestamp,
    words: &str,
) -> RouteState {
    let doubled = shortest
        .saturating_mul(1 << state.pauses.min(10))
        .min(longest);
    let rest = hint.unwrap_or_default().max(doubled);
    let minutes = rest.as_secs().div_ceil(60);
    let cause = format!("refused, and not for the first time: a rest of {minutes} min ({words})");
    RouteState {
        until: Some(now.plus(rest)),
        pauses: state.pauses.saturating_add(1),
        steps: 0,
        ..changed(state, Phase::Paused, now, cause)
    }
}

/// Down to what the provider took in the last minute, a little less: that is its limit, or near it.
fn slower(
    state: &RouteState,
    rules: &Rules,
    seen: &Seen,
    part: f64,
    hint: Option<Duration>,
    now: Timestamp,
    words: &str,
) -> RouteState {
    let minute = Duration::from_mins(1);
    let taken = per_hour(seen.taken_within(minute, now), part);
    let before = rate(state, rules);
    let most = before
        .map_or(taken, |rate| percent(rate, FALL))
        .max(RATE_MIN);
    let least = before
        .map_or(RATE_MIN, |rate| percent(rate, 25))
        .clamp(RATE_MIN, most);
    let next = percent(taken, FALL).clamp(least, most);
    let ceiling = percent(next, 100 * 100 / FALL).max(next);
    // The letters of the last minute still count there: nothing goes until few enough of them are left.
    let allowance = f64::from(next) * part / 60.0;
    let wait = seen
        .until_fewer(allowance, now)
        .max(hint.unwrap_or_default());
    let cause = format!(
        "{} taken within the last minute, then refused: down to {} ({words})",
        seen.taken_within(minute, now),
        pace(next)
    );
    RouteState {
        rate: Some(next),
        ceiling: Some(ceiling),
        until: Some(now.plus(wait + SETTLES_AFTER)),
        quiet_until: Some(now.plus(wait)),
        steps: 0,
        ..changed(state, Phase::Holding, now, cause)
    }
}

fn fewer_connections(
    state: &RouteState,
    rules: &Rules,
    now: Timestamp,
    words: &str,
) -> Option<RouteState> {
    let before = state.connections.or(rules.connections).unwrap_or(2);
    let next = (before / 2).max(1);
    (next < before).then(|| RouteState {
        connections: Some(next),
        ..changed(
            state,
            state.phase,
            now,
            format!("connections refused: down to {next} ({words})"),
        )
    })
}

fn per_hour(in_a_minute: u32, part: f64) -> u32 {
    let whole = f64::from(in_a_minute) * 60.0 / part.max(0.01);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by the clamp"
    )]
    let whole = whole.clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
}
