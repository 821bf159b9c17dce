//! Sources that are brought to their volume day by day.

use super::section::section;
use crate::mail::Timestamp;

section! {
    /// A source that is brought to its volume at each provider day by day (docs/warmup.md). Without any, every source may send
    /// as much as the profiles allow.
    pub struct Warmup {
        /// The source, by its name in smtp.sources; "default" where none is named.
        pub source: String = String::new(), like r#""s2""#;
        /// A provider of the shaping file, or a site, to which these values apply; without it to every one that has no values
        /// of its own.
        pub provider: Option<String> = None, like r#""google""#;
        /// Letters a day to one provider that are enough: 1 to 100000000.
        pub target_per_day: u32 = 0, like "20000";
        /// The first day; without it the day of the first letter.
        pub start: Option<String> = None, like r#""2026-12-01""#;
        /// How the volume grows: "standard", "gentle" or "quick"; `postrider warmup plan` shows them.
        pub schedule: String = "standard".to_owned(), like r#""standard""#;
    }
}

impl Warmup {
    /// The first day, counted from 1970-01-01 in UTC.
    pub fn first_day(&self) -> Option<i32> {
        self.start.as_deref().and_then(day)
    }
}

pub(super) fn day(text: &str) -> Option<i32> {
    let moment = Timestamp::parse(&format!("{text}T00:00:00Z"))?;
    i32::try_from(moment.seconds().div_euclid(86_400)).ok()
}
