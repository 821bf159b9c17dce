//! What a type cannot say: bounds, forms, and values that must fit together.
//!
//! Promises: every fault names its key and what is allowed; all faults are told at once. `missing` tells what a node
//! that sends real mail needs beyond that.

mod brakes;
mod inbound;
mod quiet;
mod sources;
mod warmup;

use std::{collections::HashSet, ops::RangeInclusive};

use super::{
    Config,
    sections::{Route, Source, TlsMode},
    stream::Stream,
    units::Period,
};
use crate::mail::Domain;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, such as `stream[1].jitter`.
    pub key: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

/// Collects faults.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Config {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        faults.expect("node", is_label(&self.node, 64), LABEL_64);
        let mode_fits = self.tls.mode != TlsMode::Off;
        faults.expect(
            "tls.mode",
            mode_fits,
            r#"must be "opportunistic" or "required"; only a route can be "off""#,
        );
        let from = self.tls.reports_from.as_deref();
        let is_address = from.is_none_or(|from| crate::mail::Address::parse(from).is_ok());
        let problem = "must be an address such as tls-reports@example.com";
        faults.expect("tls.reports_from", is_address, problem);
        let stream = &self.tls.reports_stream;
        let is_known = from.is_none() || self.stream.iter().any(|known| known.name == *stream);
        faults.expect("tls.reports_stream", is_known, "must name a [[stream]]");
        self.check_bounds(&mut faults);
        self.check_identity(&mut faults);
        self.check_inbound(&mut faults);
        self.check_checks(&mut faults);
        self.check_sources(&mut faults);
        self.check_warmups(&mut faults);
        self.check_brakes(&mut faults);
        self.check_routes(&mut faults);
        self.check_streams(&mut faults);
        faults.0
    }

    /// What a node that sends real mail lacks.
    pub fn missing(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        let identity = &self.identity;
        let any = |wants: fn(&Stream) -> bool| self.stream.iter().any(wants);
        let with_unsubscribe = any(|stream| stream.policy().unsubscribe);
        let with_complaints = any(|stream| stream.policy().complaint_address);
        for (key, wanted, present) in [
            (
                "return_path_domain",
                true,
                identity.return_path_domain.is_some(),
            ),
            (
                "message_id_domain",
                true,
                identity.message_id_domain.is_some(),
            ),
            ("sender_id", true, identity.sender_id.is_some()),
            (
                "unsubscribe_url",
                with_unsubscribe,
                identity.unsubscribe_url.is_some(),
            ),
            (
                "unsubscribe_domain",
                with_unsubscribe,
                identity.unsubscribe_domain.is_some(),
            ),
            (
                "list_domain",
                with_unsubscribe,
                identity.list_domain.is_some(),
            ),
            (
                "feedback_domain",
                with_complaints,
                identity.feedback_domain.is_some(),
            ),
        ] {
            faults.expect(
                &format!("identity.{key}"),
                present || !wanted,
                "is needed to send mail and not set",
            );
        }
        let named = |source: &Source| source.ehlo.is_some();
        let has_ehlo = self.smtp.ehlo.is_some()
            || (!self.smtp.sources.is_empty() && self.smtp.sources.iter().all(named));
        faults.expect("smtp.ehlo", has_ehlo, "is needed to send mail and not set");
        faults.0
    }

    fn check_bounds(&self, faults: &mut Faults) {
        let (delivery, limits, retention) = (&self.delivery, &self.limits, &self.retention);
        faults.within("database.connections", self.database.connections, 2..=1_000);
        faults.within("http.requests", self.http.requests, 1..=100_000);
        faults.within("smtp.port", u32::from(self.smtp.port), 1..=65_535);
        faults.within(
            "dns.cache_entries",
            self.dns.cache_entries,
            100..=10_000_000,
        );
        faults.within(
            "delivery.connections_per_site",
            delivery.connections_per_site,
            1..=1_000,
        );
        faults.within(
            "delivery.letters_per_connection",
            delivery.letters_per_connection,
            1..=100_000,
        );
        faults.within("delivery.in_flight", delivery.in_flight, 1..=1_000_000);
        faults.within("limits.batch", limits.batch, 1..=10_000);
        faults.within("retention.events_days", retention.events_days, 1..=3_650);
        faults.within("retention.bodies_days", retention.bodies_days, 0..=3_650);
        faults.within("retention.inbound_days", retention.inbound_days, 1..=3_650);
        let sizes_fit = limits.letter_size.0 >= 1_024 && limits.letter_size <= self.http.body_size;
        faults.expect(
            "limits.letter_size",
            sizes_fit,
            "must be from 1KiB to http.body_size",
        );
        faults.expect(
            "delivery.in_flight_size",
            delivery.in_flight_size >= limits.letter_size,
            "must not be smaller than limits.letter_size",
        );
        let cache_fits = self.dns.cache_min <= self.dns.cache_max;
        faults.expect(
            "dns.cache_min",
            cache_fits,
            "must not be longer than dns.cache_max",
        );
        // Leases are renewed at a third of their time; a shorter one would be lost to a slow disk.
        faults.expect(
            "delivery.lease",
            delivery.lease >= Period::seconds(10),
            "must be 10s or longer",
        );
        self.check_timeouts(faults);
    }

    fn check_timeouts(&self, faults: &mut Faults) {
        let delivery = &self.delivery;
        for (key, period) in [
            ("dns.timeout", self.dns.timeout),
            ("delivery.timeout_connect", delivery.timeout_connect),
            ("delivery.timeout_greeting", delivery.timeout_greeting),
            ("delivery.timeout_hello", delivery.timeout_hello),
            ("delivery.timeout_mail", delivery.timeout_mail),
            ("delivery.timeout_recipient", delivery.timeout_recipient),
            ("delivery.timeout_data", delivery.timeout_data),
            ("delivery.timeout_block", delivery.timeout_block),
            ("delivery.timeout_final_dot", delivery.timeout_final_dot),
        ] {
            let fits = (Period::seconds(1)..=Period::hours(1)).contains(&period);
            faults.expect(key, fits, "must be from 1s to 1h");
        }
    }

    fn check_identity(&self, faults: &mut Faults) {
        let identity = &self.identity;
        for (key, domain) in [
            ("return_path_domain", &identity.return_path_domain),
            ("message_id_domain", &identity.message_id_domain),
            ("unsubscribe_domain", &identity.unsubscribe_domain),
            ("feedback_domain", &identity.feedback_domain),
            ("list_domain", &identity.list_domain),
        ] {
            faults.expect(
                &format!("identity.{key}"),
                domain.as_deref().is_none_or(is_domain),
                DOMAIN,
            );
        }
        let url = identity.unsubscribe_url.as_deref();
        faults.expect(
            "identity.unsubscribe_url",
            url.is_none_or(is_https),
            "must be an https:// address without spaces (RFC 8058)",
        );
        let id = identity.sender_id.as_deref();
        faults.expect(
            "identity.sender_id",
            id.is_none_or(is_sender_id),
            "must be 5 to 15 Latin letters and digits",
        );
    }

    fn check_checks(&self, faults: &mut Faults) {
        let check = &self.check;
        let every = (Period::minutes(1)..=Period::days(7)).contains(&check.every);
        faults.expect("check.every", every, "must be from 1m to 7d");
        faults.within("check.key_age_days", check.key_age_days, 1..=3_650);
        for (key, lists) in [
            ("address_lists", &check.address_lists),
            ("domain_lists", &check.domain_lists),
        ] {
            for (index, list) in lists.iter().enumerate() {
                faults.expect(&format!("check.{key}[{index}]"), is_domain(list), DOMAIN);
            }
        }
        let server = check.time_server.rsplit_once(':');
        let fits = server.is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
        let problem = "must be host:port, or empty";
        faults.expect(
            "check.time_server",
            fits || check.time_server.is_empty(),
            problem,
        );
        let to = check.reports_to.as_deref();
        let is_address = to.is_none_or(|to| crate::mail::Address::parse(to).is_ok());
        faults.expect(
            "check.reports_to",
            is_address,
            "must be an address such as dmarc@example.com",
        );
    }

    fn check_routes(&self, faults: &mut Faults) {
        let mut domains = HashSet::new();
        for (index, route) in self.route.iter().enumerate() {
            let key = |name: &str| format!("route[{index}].{name}");
            faults.expect(
                &key("domain"),
                route.domain == "*" || is_domain(&route.domain),
                r#"must be a domain or "*""#,
            );
            faults.expect(
                &key("domain"),
                domains.insert(route.domain.to_lowercase()),
                "has an earlier route already",
            );
            faults.expect(
                &key("host"),
                is_host(&route.host),
                "must be a host name or an address",
            );
            faults.expect(&key("port"), route.port > 0, "must be from 1 to 65535");
            check_login(route, key, faults);
        }
    }

    fn check_streams(&self, faults: &mut Faults) {
        faults.expect(
            "stream",
            !self.stream.is_empty(),
            "must name one stream at least",
        );
        let mut names = HashSet::new();
        for (index, stream) in self.stream.iter().enumerate() {
            let key = |name: &str| format!("stream[{index}].{name}");
            faults.expect(&key("name"), is_label(&stream.name, 32), LABEL_32);
            faults.expect(
                &key("name"),
                names.insert(&stream.name),
                "is the name of an earlier stream too",
            );
            check_stream(stream, key, faults);
            quiet::check(stream, key, faults);
        }
    }
}

fn check_login(route: &Route, key: impl Fn(&str) -> String, faults: &mut Faults) {
    let passwords =
        usize::from(route.password.is_some()) + usize::from(route.password_file.is_some());
    let fits = passwords == usize::from(route.user.is_some());
    faults.expect(
        &key("user"),
        fits,
        "needs exactly one of password and password_file beside it",
    );
}

fn check_stream(stream: &Stream, key: impl Fn(&str) -> String, faults: &mut Faults) {
    let policy = stream.policy();
    faults.expect(
        &key("priority"),
        policy.priority <= 9,
        "must be from 0 to 9",
    );
    faults.expect(
        &key("jitter"),
        (0.0..=1.0).contains(&policy.jitter),
        "must be from 0.0 to 1.0",
    );
    let waits = Period::seconds(1)..=Period::days(7);
    let retries = !policy.retry.is_empty() && policy.retry.iter().all(|wait| waits.contains(wait));
    faults.expect(
        &key("retry"),
        retries,
        r#"must have one time at least, each from "1s" to "7d""#,
    );
    let age = (Period::minutes(1)..=Period::days(30)).contains(&policy.give_up_after);
    faults.expect(&key("give_up_after"), age, "must be from 1m to 30d");
    let list = stream.list_id.as_deref();
    faults.expect(&key("list_id"), list.is_none_or(is_domain), DOMAIN);
    let name = stream.list_name.as_deref();
    let is_line = |text: &str| text.len() <= 128 && !text.contains(char::is_control);
    faults.expect(
        &key("list_name"),
        name.is_none_or(is_line),
        "must be one line of at most 128 bytes",
    );
    let kind = &policy.message_type;
    let is_type = (1..=32).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    faults.expect(
        &key("message_type"),
        is_type,
        "must be 1 to 32 Latin letters and digits",
    );
}

const DOMAIN: &str = "must be a domain such as mail.example.com";
const LABEL_32: &str = "must be 1 to 32 of lower-case letters, digits, `-` and `_`";
const LABEL_64: &str = "must be 1 to 64 of lower-case letters, digits, `-` and `_`";

fn is_domain(text: &str) -> bool {
    // EHLO and header fields carry it as it stands, so it must be in ASCII form already.
    text.is_ascii() && Domain::parse(text).is_ok()
}

fn is_host(text: &str) -> bool {
    is_domain(text) || text == "localhost" || text.parse::<std::net::IpAddr>().is_ok()
}

fn is_https(text: &str) -> bool {
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    is_domain(host)
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\",".contains(&b))
}

fn is_sender_id(text: &str) -> bool {
    (5..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_label(text: &str, len_max: usize) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=len_max).contains(&text.len()) && text.bytes().all(is_plain)
}

impl Faults {
    fn expect(&mut self, key: &str, holds: bool, problem: &str) {
        if !holds {
            self.0.push(Fault {
                key: key.to_owned(),
                problem: problem.to_owned(),
            });
        }
    }

    fn within(&mut self, key: &str, value: u32, range: RangeInclusive<u32>) {
        let problem = format!("must be from {} to {}", range.start(), range.end());
        self.expect(key, range.contains(&value), &problem);
    }
}
