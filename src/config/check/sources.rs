//! Sources and pools.

use std::collections::HashSet;

use super::{Config, DOMAIN, Faults, LABEL_32, is_domain, is_label};

impl Config {
    pub(super) fn check_sources(&self, faults: &mut Faults) {
        let ehlo = self.smtp.ehlo.as_deref();
        faults.expect("smtp.ehlo", ehlo.is_none_or(is_domain), DOMAIN);
        let mut names = HashSet::new();
        for (index, source) in self.smtp.sources.iter().enumerate() {
            let key = |name: &str| format!("smtp.sources[{index}].{name}");
            faults.expect(&key("name"), is_label(&source.name, 32), LABEL_32);
            faults.expect(
                &key("name"),
                names.insert(source.name.as_str()),
                "is the name of an earlier source too",
            );
            faults.expect(
                &key("ehlo"),
                source.ehlo.as_deref().is_none_or(is_domain),
                DOMAIN,
            );
            faults.within(&key("weight"), source.weight, 1..=1_000);
        }
        self.check_pools(&names, faults);
    }

    fn check_pools(&self, sources: &HashSet<&str>, faults: &mut Faults) {
        let mut names = HashSet::new();
        for (index, pool) in self.smtp.pools.iter().enumerate() {
            let key = |name: &str| format!("smtp.pools[{index}].{name}");
            faults.expect(&key("name"), is_label(&pool.name, 32), LABEL_32);
            faults.expect(
                &key("name"),
                names.insert(pool.name.as_str()),
                "is the name of an earlier pool too",
            );
            let all_known = pool
                .sources
                .iter()
                .all(|name| sources.contains(name.as_str()));
            faults.expect(
                &key("sources"),
                all_known && !pool.sources.is_empty(),
                "must name one or more of smtp.sources",
            );
        }
        for (index, stream) in self.stream.iter().enumerate() {
            let is_known = stream
                .pool
                .as_deref()
                .is_none_or(|pool| names.contains(pool));
            faults.expect(
                &format!("stream[{index}].pool"),
                is_known,
                "must name one of smtp.pools",
            );
        }
    }
}
