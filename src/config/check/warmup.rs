//! Warm-ups.

use std::collections::HashSet;

use super::{Config, Faults};
use crate::{
    config::warmup::day,
    policy::warmup::{schedule, schedules},
};

impl Config {
    pub(super) fn check_warmups(&self, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for (index, warmup) in self.warmup.iter().enumerate() {
            let key = |name: &str| format!("warmup[{index}].{name}");
            let sources = &self.smtp.sources;
            let is_known = sources.iter().any(|source| source.name == warmup.source)
                || (sources.is_empty() && warmup.source == "default");
            faults.expect(&key("source"), is_known, "must name one of smtp.sources");
            let is_first = seen.insert((&warmup.source, &warmup.provider));
            let problem = "has an earlier warmup of the same source already";
            faults.expect(&key("provider"), is_first, problem);
            faults.within(
                &key("target_per_day"),
                warmup.target_per_day,
                1..=100_000_000,
            );
            let start = warmup.start.as_deref();
            let problem = r#"must be a date such as "2026-12-01""#;
            faults.expect(
                &key("start"),
                start.is_none_or(|start| day(start).is_some()),
                problem,
            );
            let names: Vec<&str> = schedules()
                .iter()
                .map(|known| known.name.as_str())
                .collect();
            let problem = format!("must be one of {}", names.join(", "));
            faults.expect(
                &key("schedule"),
                schedule(&warmup.schedule).is_some(),
                &problem,
            );
        }
    }
}
