//! Dates as reports write them.
//!
//! Owns the reading of RFC 5322 dates with the zones of the wild (`-0500 (EST)`, `PDT`). Promises: a moment only where the
//! zone is certain; a weekday that does not fit costs nothing.

use mail_parser::DateTime;

use crate::mail::Timestamp;

/// Zone names of RFC 5322 §4.3 and the few others that reporters write.
const ZONES: [(&str, &str); 14] = [
    ("UTC", "+0000"),
    ("GMT", "+0000"),
    ("UT", "+0000"),
    ("EST", "-0500"),
    ("EDT", "-0400"),
    ("CST", "-0600"),
    ("CDT", "-0500"),
    ("MST", "-0700"),
    ("MDT", "-0600"),
    ("PST", "-0800"),
    ("PDT", "-0700"),
    ("JST", "+0900"),
    ("MSK", "+0300"),
    ("CET", "+0100"),
];

/// The moment that a date names.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let date = text.split('(').next()?.trim();
    let (rest, zone) = date.rsplit_once(' ')?;
    let numeric = zone.len() == 5 && zone.starts_with(['+', '-']);
    let zone = if numeric {
        zone
    } else {
        ZONES.iter().find(|(name, _)| *name == zone)?.1
    };
    let moment = DateTime::parse_rfc822(&format!("{rest} {zone}"))?;
    moment
        .is_valid()
        .then(|| Timestamp::from_seconds(moment.to_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seconds: Option<i64>) {
        assert_eq!(read(text).map(Timestamp::seconds), seconds, "{text}");
    }

    #[test]
    fn zones_of_the_wild_are_read() {
        check("Thu, 01 Jan 1970 00:00:10 +0000", Some(10));
        check("Thu, 1 Jan 1970 00:00:10 -0500 (EST)", Some(18_010));
        check("Mon, 1 Jan 1970 00:00:10 PST", Some(28_810));
        check("1 Jan 1970 03:00:10 MSK", Some(10));
    }

    #[test]
    fn what_is_no_certain_moment_is_none() {
        check("Thu, 01 Jan 1970 00:00:10", None);
        check("Thu, 01 Jan 1970 00:00:10 XYZ", None);
        check("yesterday", None);
        check("", None);
    }
}
