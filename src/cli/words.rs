//! Moments, spans and foreign texts as people like to read them.
//!
//! Owns their form on the terminal. Promises: nothing that came from outside can steer the terminal.

use std::{str::FromStr, time::Duration};

use crate::{config::Period, mail::Timestamp};

/// `2026-11-23 22:52:41`, always UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = Timestamp::from_seconds(at.seconds()).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

/// The same, or a dash.
pub(super) fn moment_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), moment)
}

/// The two largest units: `4m 58s`, `35ms`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `1 letter`, `2 letters`.
pub(super) fn count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// A text from outside with its control characters taken out.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// A moment given as RFC 3339, or as how long ago: `2h`, `3d`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Since {
    Moment(Timestamp),
    Ago(Duration),
}

impl Since {
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(at) => at,
            Self::Ago(span) => {
                let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.micros().saturating_sub(micros))
            }
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (Timestamp::parse(text), Period::from_str(text)) {
            (Some(at), _) => Ok(Self::Moment(at)),
            (None, Ok(period)) => Ok(Self::Ago(period.0)),
            (None, Err(_)) => {
                Err("neither a moment such as 2026-11-23T08:00:00Z nor a span such as 90s, 2h, 3d")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u64, expected: &str) {
        assert_eq!(span(Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn a_span_shows_its_two_largest_units() {
        assert_eq!(span(Duration::from_millis(35)), "35ms");
        check(1, "1s");
        check(59, "59s");
        check(60, "1m 0s");
        check(3_599, "59m 59s");
        check(3_600, "1h 0m");
        check(90_000, "1d 1h");
    }

    #[test]
    fn since_is_a_moment_or_a_span() {
        let now = Timestamp::from_seconds(1_000_000);
        let read = |text: &str| text.parse::<Since>().map(|since| since.before(now));
        assert_eq!(read("10s"), Ok(Timestamp::from_seconds(999_990)));
        assert_eq!(
            read("1970-01-02T00:00:00Z"),
            Ok(Timestamp::from_seconds(86_400))
        );
        assert!(read("yesterday").is_err());
    }

    #[test]
    fn a_moment_reads_without_its_fractions() {
        let at = Timestamp::from_micros(1_795_000_000_123_456);
        assert_eq!(moment(at), "2026-11-18 11:06:40");
    }
}
