//! Where a letter's time went, for people and programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cli::{
        table::Table,
        words::{moment, span},
    },
    mail::{Event, State, Timestamp},
    policy::waits::{Cause, Wait, by_cause, waits},
    store::{HistoryLine, LetterView},
};

/// The parts of its time; none where the letter itself cannot be read.
pub(super) fn divided(view: &LetterView, history: &[HistoryLine], now: Timestamp) -> Vec<Wait> {
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
    waits(letter.enqueued_at, letter.send_at, &lines, until)
}

/// Sums by cause, and the parts in order.
pub(super) fn tell(parts: &[Wait]) -> String {
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
    format!("its time: {} in all\n{sums}\n\n{steps}", span(whole))
}

const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Schedule => "schedule: its caller asked for a later moment",
        Cause::Queue => "queue: no worker had room, or its site's pace let nothing through",
        Cause::Hold => "hold: a person held it (`postrider queue list`)",
        Cause::Greylist => "greylist: the receiver lets newcomers wait",
        Cause::Throttle => "throttle: the receiver said that we are too fast",
        Cause::Retry => "retry: the receiver refused it for now, or was not reached",
        Cause::Lease => "lost lease: the node that had it was gone",
        Cause::Work => "work: composing, signing, talking",
    }
}

pub(super) fn wire(parts: &[Wait]) -> Value {
    let each = parts.iter().map(|part| {
        json!({
            "cause": part.cause.name(),
            "from": part.from.to_string(),
            "until": part.until.to_string(),
            "seconds": part.span().as_secs_f64(),
        })
    });
    json!(each.collect::<Vec<_>>())
}
