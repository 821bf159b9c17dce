//! Limits of the brakes.

use super::{Config, Faults};

impl Config {
    pub(super) fn check_brakes(&self, faults: &mut Faults) {
        let brakes = &self.brakes;
        faults.within("brakes.days", brakes.days, 1..=30);
        for (name, warn, stop) in [
            ("complaints", brakes.complaints_warn, brakes.complaints_stop),
            (
                "hard_bounces",
                brakes.hard_bounces_warn,
                brakes.hard_bounces_stop,
            ),
            ("spam", brakes.spam_warn, brakes.spam_stop),
        ] {
            for (key, limit) in [("warn", warn), ("stop", stop)] {
                let problem = "must be from 0.001 to 100 per cent";
                let fits = (0.001..=100.0).contains(&limit);
                faults.expect(&format!("brakes.{name}_{key}"), fits, problem);
            }
            let problem = format!("must not be less than brakes.{name}_warn");
            faults.expect(&format!("brakes.{name}_stop"), stop >= warn, &problem);
        }
    }
}
