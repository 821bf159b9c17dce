//! The gate of quiet hours.

use anyhow::Result;

use super::Gate;
use crate::{
    app::desk,
    cli::{
        session::now,
        words::{moment, span},
    },
    config,
    mail::Timestamp,
    policy::{QuietHours, Zone},
};

/// Whether letters of the stream may reach a reader in that zone now.
pub(super) fn gate(stream: &config::Stream, zone: Option<&Zone>) -> Result<Gate> {
    Ok(told(desk::quiet(stream)?.as_ref(), zone, now()))
}

fn told(hours: Option<&QuietHours>, zone: Option<&Zone>, now: Timestamp) -> Gate {
    let name = "quiet hours";
    let Some(hours) = hours else {
        return Gate::open(name, "none".to_owned());
    };
    match hours.keeps(zone.map(Zone::name), None, now) {
        None => Gate::open(name, "its reader may be written to".to_owned()),
        Some(quiet) => {
            let (until, wait) = (moment(quiet.until), span(quiet.until.since(now)));
            Gate::shut(name, format!("{} until {until} (in {wait})", quiet.why))
        }
    }
}

/// A zone as an argument.
pub(super) fn parse(name: &str) -> Result<Zone, &'static str> {
    Zone::parse(name).ok_or("no zone of the tz database such as Europe/Moscow")
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn the_gate_is_shut_by_the_clock_of_the_reader() {
        let zone = |name: &str| Zone::parse(name).unwrap();
        let (from, to) = (time(21, 0, 0, 0), time(8, 0, 0, 0));
        let hours = QuietHours::new(from, to, false, zone("Europe/Moscow"));
        let now = Timestamp::parse("2026-11-26T19:30:00Z").unwrap();
        let gate = |zone: Option<&Zone>| {
            let gate = told(hours.as_ref(), zone, now);
            (gate.is_open, gate.says)
        };
        let shut = "quiet hours in Europe/Moscow until 2026-11-27 05:00:00 (in 9h 30m)";
        assert_eq!(gate(None), (false, shut.to_owned()));
        let open = "its reader may be written to";
        assert_eq!(gate(Some(&zone("Europe/London"))), (true, open.to_owned()));
        assert_eq!(told(None, None, now).says, "none");
    }
}
