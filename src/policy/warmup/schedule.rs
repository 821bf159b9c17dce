//! The schedules, as data.

use std::sync::LazyLock;

use serde::Deserialize;

/// The compiled-in file.
const STANDARD: &str = include_str!("schedules.toml");

static SCHEDULES: LazyLock<Vec<Schedule>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is a constant that every test reads"
    )]
    let file: File = toml::from_str(STANDARD).expect("the compiled-in schedules are readable");
    file.schedule
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schedule: Vec<Schedule>,
}

/// How the volume grows, from one good day to the next.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its name in the configuration.
    pub name: String,
    /// For whom it is.
    pub about: String,
    /// Letters of each step.
    per_day: Vec<u32>,
    /// What each step beyond adds, in per cent.
    growth: u32,
}

/// Every schedule, the usual one first.
pub fn schedules() -> &'static [Schedule] {
    &SCHEDULES
}

/// The schedule of that name.
pub fn schedule(name: &str) -> Option<&'static Schedule> {
    SCHEDULES.iter().find(|schedule| schedule.name == name)
}

impl Schedule {
    /// Letters of a step, from 0.
    pub fn at(&self, step: u16) -> u32 {
        let step = usize::from(step);
        if let Some(letters) = self.per_day.get(step) {
            return *letters;
        }
        let mut letters = self.per_day.last().copied().unwrap_or(1);
        for _ in self.per_day.len()..=step {
            let grown = u64::from(letters) * u64::from(100 + self.growth) / 100;
            letters = u32::try_from(grown).unwrap_or(u32::MAX);
            if letters == u32::MAX {
                break;
            }
        }
        letters
    }
}
