//! Our clock against that of others.
//!
//! Owns how much is too much: Date fields and DKIM times that lie in the future are refused or junked.

use super::{
    book::Book,
    finding::{Findings, Fix},
    rules,
    subject::Subject,
};

/// Harmless, but a sign that nothing keeps the clock.
const NOTABLE_MICROS: i64 = 5_000_000;
/// Verifiers allow about five minutes (RFC 6376 §3.5 leaves it to them).
const GRAVE_MICROS: i64 = 120_000_000;

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let Some(server) = &subject.time_server else {
        return;
    };
    let keep = || {
        vec![Fix::words(
            "run chrony, ntpd or systemd-timesyncd on this machine",
        )]
    };
    match book.skew(server) {
        None => {}
        Some(Err(what)) => {
            let fix = Fix::words(
                "allow UDP to port 123, or set check.time_server to a server that you reach",
            );
            found.add(
                &rules::CLOCK_UNKNOWN,
                server.as_str(),
                what.as_str(),
                vec![fix],
            );
        }
        Some(Ok(skew)) if skew.abs() >= NOTABLE_MICROS => {
            let way = if *skew > 0 { "behind" } else { "ahead of" };
            let seen = format!(
                "this machine is {} s {way} {server}",
                skew.abs() / 1_000_000
            );
            let rule = if skew.abs() >= GRAVE_MICROS {
                &rules::CLOCK_WRONG
            } else {
                &rules::CLOCK_DRIFTS
            };
            found.add(rule, server.as_str(), seen, keep());
        }
        Some(Ok(_)) => found.add(
            &rules::CLOCK_OK,
            server.as_str(),
            "this machine agrees with it",
            Vec::new(),
        ),
    }
}
