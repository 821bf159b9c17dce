//! When readers of a stream are left alone.

use serde::{Deserialize, Serialize};

use super::units::TimeOfDay;
use crate::policy;

/// `quiet_hours = { .. }` of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// The first quiet moment of the day.
    pub from: TimeOfDay,
    /// The end of it, on the next day where it is the earlier time.
    pub to: TimeOfDay,
    /// The zone of readers whose letters name none.
    pub time_zone: String,
    /// Whether Saturday and Sunday are quiet as a whole.
    #[serde(default)]
    pub weekend: bool,
}

impl QuietHours {
    /// The same as the engine reads it, or which key is wrong and what it must be.
    pub fn policy(&self) -> Result<policy::QuietHours, (&'static str, &'static str)> {
        let zone = policy::Zone::parse(&self.time_zone).ok_or((
            "time_zone",
            "must be a zone of the tz database such as Europe/Moscow",
        ))?;
        policy::QuietHours::new(self.from.0, self.to.0, self.weekend, zone)
            .ok_or(("to", "must be another time than from"))
    }
}
