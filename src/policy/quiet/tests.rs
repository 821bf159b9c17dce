//! The hours of readers around the world.

use proptest::prelude::*;

use super::*;

fn hours(from: &str, to: &str, weekend: bool) -> QuietHours {
    let time = |text: &str| Time::strptime("%H:%M", text).unwrap();
    let zone = Zone::parse("Europe/Moscow").unwrap();
    QuietHours::new(time(from), time(to), weekend, zone).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

/// `expected` is when it opens; empty where it is open.
fn check(hours: &QuietHours, zone: &str, now: &str, expected: &str) {
    let now = at(now);
    let end = hours.end(&Zone::parse(zone).unwrap(), now);
    let told = end
        .filter(|end| *end > now)
        .map_or_else(String::new, |end| end.to_string());
    assert_eq!(told, expected, "{zone} {now}");
}

#[test]
fn a_night_ends_by_the_clock_of_the_reader() {
    let night = hours("21:00", "08:00", false);
    check(&night, "Europe/Moscow", "2026-11-26T20:59:59+03:00", "");
    check(
        &night,
        "Europe/Moscow",
        "2026-11-26T21:00:00+03:00",
        "2026-11-27T05:00:00Z",
    );
    check(
        &night,
        "Europe/Moscow",
        "2026-11-27T07:59:59.999999+03:00",
        "2026-11-27T05:00:00Z",
    );
    check(&night, "Europe/Moscow", "2026-11-27T08:00:00+03:00", "");
    check(
        &night,
        "Asia/Kamchatka",
        "2026-11-26T12:00:00Z",
        "2026-11-26T20:00:00Z",
    );
    check(&night, "Europe/Kaliningrad", "2026-11-26T12:00:00Z", "");
    // A zone with a quarter of an hour.
    check(
        &night,
        "Asia/Kathmandu",
        "2026-11-26T16:00:00Z",
        "2026-11-27T02:15:00Z",
    );
}

#[test]
fn a_pause_at_noon_ends_on_the_same_day() {
    let noon = hours("12:00", "14:30", false);
    check(&noon, "UTC", "2026-11-26T11:59:59Z", "");
    check(&noon, "UTC", "2026-11-26T12:00:00Z", "2026-11-26T14:30:00Z");
    check(&noon, "UTC", "2026-11-26T14:30:00Z", "");
    check(&noon, "UTC", "2026-11-26T00:00:00Z", "");
}

#[test]
fn a_weekend_ends_on_monday_morning() {
    let night = hours("21:00", "08:00", true);
    check(&night, "Europe/Moscow", "2026-11-27T20:59:59+03:00", "");
    check(
        &night,
        "Europe/Moscow",
        "2026-11-27T21:00:00+03:00",
        "2026-11-30T05:00:00Z",
    );
    check(
        &night,
        "Europe/Moscow",
        "2026-11-28T12:00:00+03:00",
        "2026-11-30T05:00:00Z",
    );
    let noon = hours("12:00", "14:00", true);
    check(&noon, "UTC", "2026-11-29T13:00:00Z", "2026-11-30T00:00:00Z");
    check(&noon, "UTC", "2026-11-27T13:00:00Z", "2026-11-27T14:00:00Z");
}

#[test]
fn a_clock_that_is_put_forward_skips_quiet_time() {
    // Berlin, 29 March 2026: 02:00 becomes 03:00.
    let hours = hours("23:00", "02:30", false);
    check(
        &hours,
        "Europe/Berlin",
        "2026-03-29T01:30:00+01:00",
        "2026-03-29T01:00:00Z",
    );
    let night = self::hours("21:00", "08:00", false);
    check(
        &night,
        "Europe/Berlin",
        "2026-03-28T22:00:00+01:00",
        "2026-03-29T06:00:00Z",
    );
}

#[test]
fn a_clock_that_is_put_back_may_show_an_open_hour_again() {
    // Berlin, 25 October 2026: 03:00 becomes 02:00.
    let hours = hours("02:30", "08:00", false);
    check(
        &hours,
        "Europe/Berlin",
        "2026-10-25T02:45:00+02:00",
        "2026-10-25T01:00:00Z",
    );
    check(
        &hours,
        "Europe/Berlin",
        "2026-10-25T02:45:00+01:00",
        "2026-10-25T07:00:00Z",
    );
    // The hour that quiet time ends at comes twice: the first one counts.
    let hours = self::hours("22:00", "02:30", false);
    check(
        &hours,
        "Europe/Berlin",
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T00:30:00Z",
    );
}

#[test]
fn a_letter_never_stays_longer_than_it_is_valid() {
    let night = hours("21:00", "08:00", false);
    let now = at("2026-11-26T22:00:00+03:00");
    let told = |reader, valid: Option<&str>| {
        let kept = night.keeps(reader, valid.map(at), now);
        kept.map_or_else(String::new, |kept| format!("{} {}", kept.until, kept.why))
    };
    let own = "2026-11-27T05:00:00Z quiet hours in Europe/Moscow";
    assert_eq!(told(None, None), own);
    assert_eq!(told(None, Some("2026-11-27T05:00:00Z")), own);
    assert_eq!(
        told(None, Some("2026-11-26T23:00:00Z")),
        "2026-11-26T23:00:00Z quiet hours in Europe/Moscow until 2026-11-27T05:00:00Z; it is not valid as long"
    );
    assert_eq!(told(Some("America/New_York"), None), "");
    // Written before anybody looked at names.
    assert_eq!(told(Some("Mars/Phobos"), None), own);
}

#[test]
fn the_longest_quiet_time_is_known() {
    let check = |from, to, weekend, expected: u64| {
        assert_eq!(
            hours(from, to, weekend).longest(),
            Duration::from_hours(expected),
            "{from} {to}"
        );
    };
    check("21:00", "08:00", false, 11);
    check("21:00", "08:00", true, 59);
    check("12:00", "14:00", false, 2);
    check("12:00", "14:00", true, 48);
    check("00:00", "06:00", true, 54);
}

#[test]
fn no_hours_and_no_zones_that_do_not_exist() {
    let time = Time::midnight();
    let zone = Zone::parse("Asia/Yekaterinburg").unwrap();
    assert_eq!(zone.name(), "Asia/Yekaterinburg");
    assert_eq!(QuietHours::new(time, time, true, zone), None);
    for name in ["", "Mars/Phobos", "../etc", "Europe/Moscow ", "MSK+3"] {
        assert_eq!(Zone::parse(name), None, "{name}");
    }
    let names = Zone::names();
    assert!(names.len() > 500, "{} zones", names.len());
    assert!(names.iter().all(|name| Zone::parse(name).is_some()));
}

fn any_hours() -> impl Strategy<Value = QuietHours> {
    let minutes = || (0_i8..24, 0_i8..60);
    (minutes(), minutes(), any::<bool>()).prop_filter_map("one time", |(from, to, weekend)| {
        let time = |(hour, minute)| Time::new(hour, minute, 0, 0).unwrap();
        let zone = Zone::parse("UTC").unwrap();
        QuietHours::new(time(from), time(to), weekend, zone)
    })
}

proptest! {
    /// By looking at each minute on the way: all changes of clocks since 1972 fall on whole minutes.
    #[test]
    fn the_end_is_open_and_nothing_before_it(
        hours in any_hours(),
        zone in proptest::sample::select(Zone::names()),
        minute in 0_i64..40_000_000,
    ) {
        let zone = Zone::parse(&zone).unwrap();
        let now = Timestamp::from_seconds(100_000_020 + minute * 60);
        let end = hours.end(&zone, now).unwrap();
        let is_open = |at: Timestamp| {
            let at = jiff::Timestamp::from_second(at.seconds()).unwrap();
            hours.is_open(zone.0.to_datetime(at))
        };
        prop_assert!(is_open(end));
        let mut at = now;
        while at < end {
            prop_assert!(!is_open(at), "{} is open before {}", at, end);
            at = at.plus(Duration::from_mins(1));
        }
        prop_assert!(end.since(now) <= hours.longest() + Duration::from_hours(26));
    }

    #[test]
    fn nobody_stays_beyond_validity(
        hours in any_hours(),
        now in 0_i64..250_000_000_000,
        valid in proptest::option::of(-400_000_i64..400_000),
    ) {
        let valid = valid.map(|later| Timestamp::from_seconds(now + later));
        let now = Timestamp::from_seconds(now);
        if let Some(kept) = hours.keeps(Some("Asia/Tokyo"), valid, now) {
            prop_assert!(valid.is_none_or(|valid| kept.until <= valid));
        }
    }
}
