//! One link of a letter.

use std::net::IpAddr;

use super::{Flaws, rules};

/// Hosts that hide where a link leads; block lists know all of them.
const SHORTENERS: [&str; 18] = [
    "bit.ly",
    "bitly.com",
    "buff.ly",
    "clck.ru",
    "cutt.ly",
    "goo.gl",
    "goo.su",
    "is.gd",
    "lnkd.in",
    "ow.ly",
    "rb.gy",
    "rebrand.ly",
    "shorturl.at",
    "t.co",
    "t.ly",
    "tiny.cc",
    "tinyurl.com",
    "vk.cc",
];

/// Names that work on somebody's desk only.
const DESKS: [&str; 5] = [
    "localhost",
    "example.com",
    "example.org",
    "example.net",
    "test",
];

pub(super) fn look(target: &str, shown: &str, flaws: &mut Flaws) {
    let target = target.trim();
    let lower = start(target).to_ascii_lowercase();
    if ["mailto:", "tel:", "cid:", "sms:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
    {
        return;
    }
    let rest = match lower.strip_prefix("https://") {
        Some(rest) => rest,
        None => match lower.strip_prefix("http://") {
            Some(rest) => {
                flaws.add(&rules::LINK_HTTP, target);
                rest
            }
            None => return broken(target, &lower, flaws),
        },
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host
        .split(':')
        .next()
        .unwrap_or(host)
        .trim_start_matches("www.");
    if host.is_empty() || (!host.contains('.') && host != "localhost") || host.contains(' ') {
        flaws.add(&rules::LINK_BROKEN, target);
    }
    if DESKS.contains(&host) || is_within(host, "local") || is_within(host, "test") {
        flaws.add(&rules::LINK_DESK, target);
    }
    if host.starts_with(|c: char| c.is_ascii_digit()) && host.parse::<IpAddr>().is_ok() {
        flaws.add(&rules::LINK_ADDRESS, target);
    }
    if SHORTENERS.contains(&host) {
        flaws.add(&rules::LINK_SHORTENER, target);
    }
    if let Some(claimed) = claimed(shown)
        && claimed != host
        && !host.ends_with(&format!(".{claimed}"))
        && !claimed.ends_with(&format!(".{host}"))
    {
        flaws.add(
            &rules::LINK_LIES,
            format!("shows {claimed}, leads to {host}"),
        );
    }
}

/// The first 300 characters: no host stands behind them.
fn start(target: &str) -> &str {
    let behind = target.char_indices().nth(300);
    behind.map_or(target, |(end, _)| &target[..end])
}

/// Whether a host lies below a top-level name.
fn is_within(host: &str, top: &str) -> bool {
    host.rsplit('.').next() == Some(top)
}

fn broken(target: &str, lower: &str, flaws: &mut Flaws) {
    // A place in the same letter is fine; nothing at all is not.
    if lower.starts_with('#') && lower.len() > 1 {
        return;
    }
    let shown = if target.is_empty() {
        "an empty link"
    } else {
        target
    };
    flaws.add(&rules::LINK_BROKEN, shown);
}

/// The host that the words of a link claim to lead to, when they are an address.
fn claimed(shown: &str) -> Option<String> {
    let shown = shown.trim();
    let rest = shown
        .strip_prefix("https://")
        .or_else(|| shown.strip_prefix("http://"));
    let rest = rest.or_else(|| shown.starts_with("www.").then_some(shown))?;
    let host = rest
        .split(['/', '?', '#', ' ', ':'])
        .next()?
        .to_ascii_lowercase();
    host.contains('.')
        .then(|| host.trim_start_matches("www.").to_owned())
}
