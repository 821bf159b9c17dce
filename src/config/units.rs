//! Times and sizes as an operator writes them.

use std::{fmt, str::FromStr, time::Duration};

use jiff::civil::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Units of time in milliseconds, longest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// Units of size in bytes, largest first.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
/// A hundred years: longer ones are slips, and would overflow when added to a date.
const PERIOD_MAX_MILLIS: u64 = 36_525 * 86_400_000;
/// A pebibyte, for the same reason.
const SIZE_MAX_BYTES: u64 = 1 << 50;

/// A length of time: `"90s"`, `"5m"`, `"2h"`, `"3d"`, `"250ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// A number of bytes: `"512KiB"`, `"10MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(60 * minutes)
    }

    /// So many hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(60 * hours)
    }

    /// So many days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::hours(24 * days)
    }
}

/// A time of the day by whatever clock: `"08:00"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub Time);

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = Time::strptime("%H:%M", text).ok();
        time.filter(|_| text.len() == "08:00".len())
            .map(Self)
            .ok_or(r#"a time of the day such as "08:00" or "21:30""#)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        count(text, &TIMES)
            .filter(|millis| *millis <= PERIOD_MAX_MILLIS)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or(r#"a time such as "250ms", "90s", "5m", "2h" or "3d""#)
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        count(text, &SIZES)
            .filter(|bytes| *bytes <= SIZE_MAX_BYTES)
            .map(Self)
            .ok_or(r#"a size such as "800B", "512KiB", "10MiB" or "1GiB""#)
    }
}

/// A whole number and a unit, such as `90s`, in the smallest unit.
fn count(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let (_, factor) = units
        .iter()
        .find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The number in the largest unit that tells it whole.
fn print(f: &mut fmt::Formatter<'_>, count: u64, units: &[(&str, u64)], zero: &str) -> fmt::Result {
    match units
        .iter()
        .find(|(_, factor)| count.is_multiple_of(*factor))
    {
        Some((unit, factor)) if count > 0 => write!(f, "{}{unit}", count / factor),
        _ => write!(f, "0{zero}"),
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        print(f, millis, &TIMES, "s")
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, &SIZES, "B")
    }
}

/// Texts in the file, both ways.
macro_rules! as_text {
    ($($kind:ty),+) => { $(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|expected| {
                    D::Error::custom(format!("`{text}` is not {expected}"))
                })
            }
        }
    )+ };
}

as_text!(Period, Size, TimeOfDay);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let period = text.parse::<Period>().ok().map(|period| period.to_string());
        let size = text.parse::<Size>().ok().map(|size| size.to_string());
        assert_eq!(period.or(size).as_deref(), expected, "{text}");
    }

    #[test]
    fn times_and_sizes_as_operators_write_them() {
        check("90s", Some("90s"));
        check("60s", Some("1m"));
        check("120m", Some("2h"));
        check("48h", Some("2d"));
        check("250ms", Some("250ms"));
        check("5 m", Some("5m"));
        check("0s", Some("0s"));
        check("10MiB", Some("10MiB"));
        check("1024KiB", Some("1MiB"));
        check("0B", Some("0B"));
    }

    #[test]
    fn what_is_no_time_and_no_size() {
        for text in [
            "",
            "s",
            "5",
            "-5m",
            "1.5h",
            "5min",
            "10MB",
            "5m ",
            "99999999999999999999s",
            "4000000d",
            "9999999GiB",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn times_of_the_day() {
        for text in ["00:00", "08:00", "21:30", "23:59"] {
            let time = text.parse::<TimeOfDay>().map(|time| time.to_string());
            assert_eq!(time.as_deref(), Ok(text));
        }
        for text in [
            "", "8:00", "24:00", "21:60", "21.00", "21:00:00", " 21:00", "9 pm", "08:00 ",
        ] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_period_reads_back_from_its_text(millis in 0..PERIOD_MAX_MILLIS) {
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn a_size_reads_back_from_its_text(bytes in 0..SIZE_MAX_BYTES) {
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = (text.parse::<Period>(), text.parse::<Size>(), text.parse::<TimeOfDay>());
        }
    }
}
