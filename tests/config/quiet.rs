//! Quiet hours of streams, well and badly.

use super::{check, parse, told};

fn stream(kind: &str, more: &str) -> String {
    format!("[[stream]]\nname = \"digest\"\nkind = \"{kind}\"\n{more}\n")
}

fn hours(from: &str, to: &str, zone: &str, more: &str) -> String {
    format!("quiet_hours = {{ from = \"{from}\", to = \"{to}\", time_zone = \"{zone}\"{more} }}")
}

#[test]
fn hours_are_written_in_one_line_or_as_a_table() {
    let line = stream("marketing", &hours("21:00", "08:00", "Europe/Moscow", ""));
    let table = stream(
        "marketing",
        "[stream.quiet_hours]\nfrom = \"21:00\"\nto = \"08:00\"\ntime_zone = \"Europe/Moscow\"\nweekend = false",
    );
    let (line, table) = (parse(&line).unwrap(), parse(&table).unwrap());
    assert_eq!(line, table);
    assert_eq!(parse(&line.to_toml()).unwrap().stream, line.stream);
    assert!(line.stream[0].quiet_hours.is_some());
}

#[test]
fn hours_that_cannot_be_are_named() {
    let told_of = |hours: &str, expected: &str| check(&stream("marketing", hours), expected);
    told_of(
        &hours("21:00", "08:00", "Mars/Phobos", ""),
        "postrider.toml:4: stream[0].quiet_hours.time_zone: must be a zone of the tz database such as Europe/Moscow",
    );
    told_of(
        &hours("08:00", "08:00", "UTC", ""),
        "postrider.toml:4: stream[0].quiet_hours.to: must be another time than from",
    );
    told_of(
        &hours("9pm", "08:00", "UTC", ""),
        "postrider.toml:4: stream[0].quiet_hours.from: `9pm` is not a time of the day such as \"08:00\" or \"21:30\"",
    );
    let lacks = told(&stream(
        "marketing",
        "quiet_hours = { from = \"21:00\", to = \"08:00\" }",
    ));
    assert!(lacks.contains("missing field `time_zone`"), "{lacks}");
    let odd = told(&stream(
        "marketing",
        &hours("21:00", "08:00", "UTC", ", sunday = true"),
    ));
    assert!(odd.contains("unknown field `sunday`"), "{odd}");
}

#[test]
fn letters_that_are_awaited_have_no_quiet_hours() {
    let night = hours("21:00", "08:00", "Europe/Moscow", "");
    check(
        &stream("transactional", &night),
        "postrider.toml:4: stream[0].quiet_hours: cannot be: readers wait for transactional letters; such letters go at any time",
    );
    assert_eq!(told(&stream("trigger", &night)), "fine");
}

#[test]
fn a_letter_outlives_the_quiet_hours() {
    let weekend = hours("21:00", "08:00", "Europe/Moscow", ", weekend = true");
    // A day is what a trigger has by default; a weekend with its nights has 59 hours.
    check(
        &stream("trigger", &weekend),
        "postrider.toml:1: stream[0].give_up_after: must be longer than the quiet hours, which last up to 59h",
    );
    let longer = format!("{weekend}\ngive_up_after = \"60h\"");
    assert_eq!(told(&stream("trigger", &longer)), "fine");
    assert_eq!(told(&stream("marketing", &weekend)), "fine");
}
