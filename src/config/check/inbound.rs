//! What a type cannot say of the doors for what comes back.

use std::collections::HashSet;

use super::{Config, DOMAIN, Faults, is_domain};
use crate::{
    config::{Period, Size},
    mail::Address,
};

impl Config {
    pub(super) fn check_inbound(&self, faults: &mut Faults) {
        let inbound = &self.inbound;
        let host = inbound.host.as_deref();
        faults.expect("inbound.host", host.is_none_or(is_domain), DOMAIN);
        faults.expect(
            "inbound.certificate",
            inbound.certificate.is_some() == inbound.key.is_some(),
            "needs inbound.key beside it, and the key needs it",
        );
        let size = Size(64 << 10)..=Size(100 << 20);
        faults.expect(
            "inbound.size",
            size.contains(&inbound.size),
            "must be from 64KiB to 100MiB",
        );
        faults.expect(
            "inbound.memory",
            inbound.memory.0 / 2 >= inbound.size.0,
            "must be at least twice inbound.size",
        );
        faults.within("inbound.connections", inbound.connections, 1..=10_000);
        let per_client = inbound.connections_per_client;
        faults.within("inbound.connections_per_client", per_client, 1..=10_000);
        faults.within(
            "inbound.connection_rate",
            inbound.connection_rate,
            1..=100_000,
        );
        let timeout = Period::seconds(1)..=Period::hours(1);
        faults.expect(
            "inbound.timeout",
            timeout.contains(&inbound.timeout),
            "must be from 1s to 1h",
        );
        for (index, mailbox) in inbound.mailboxes.iter().enumerate() {
            let fits = Address::parse(&format!("{mailbox}@example.com")).is_ok();
            let problem = "must be what stands before the @ of an address";
            faults.expect(&format!("inbound.mailboxes[{index}]"), fits, problem);
        }
        for (index, reporter) in inbound.reporters.iter().enumerate() {
            let key = format!("inbound.reporters[{index}]");
            faults.expect(&key, is_domain(reporter), DOMAIN);
        }
        let mut sockets = HashSet::new();
        let all = inbound.smtp.iter().chain(&inbound.lmtp);
        let twice = all
            .filter(|at| at.port() != 0)
            .any(|at| !sockets.insert(*at));
        faults.expect(
            "inbound.smtp",
            !twice,
            "names a socket twice, here or in inbound.lmtp",
        );
    }
}
