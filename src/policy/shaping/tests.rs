//! Profiles: what matches whom, and what is refused.

use super::*;
use crate::mail::Provider;

fn check(host: &str, expected: &str) {
    let shaping = Shaping::standard();
    let counts = shaping.counts([host], "the site");
    let targets: Vec<&str> = counts.iter().map(|count| count.target.as_str()).collect();
    assert_eq!(targets.join(" > "), expected, "{host}");
}

fn refused(text: &str, expected: &str) {
    let faults = Shaping::parse(text).unwrap_err();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(lines.join("\n"), expected);
}

/// A host name that a pattern covers.
fn host_of(pattern: &str) -> String {
    if pattern.starts_with('.') {
        format!("mx1{pattern}")
    } else {
        pattern.to_owned()
    }
}

#[test]
fn every_rule_of_the_compiled_in_file_can_match_and_none_is_shadowed() {
    let shaping = Shaping::standard();
    for row in &shaping.providers {
        assert!(!row.patterns.is_empty(), "{} has no pattern", row.name);
        for pattern in &row.patterns {
            let host = host_of(pattern);
            let counts = shaping.counts([host.as_str()], "the site");
            assert_eq!(counts[0].target, row.name, "{host}");
            let others = shaping
                .providers
                .iter()
                .filter(|other| other.name != row.name);
            assert!(
                others.clone().all(|other| !other.matches(&host)),
                "{host} has two rules"
            );
        }
    }
}

#[test]
fn the_compiled_in_profiles_and_the_known_providers_are_the_same() {
    let shaping = Shaping::standard();
    for row in &shaping.providers {
        for pattern in &row.patterns {
            assert_eq!(Provider::of_mx(&host_of(pattern)).name(), row.name);
        }
    }
    let named: Vec<&str> = shaping
        .providers
        .iter()
        .map(|row| row.name.as_str())
        .collect();
    let known = Provider::ALL
        .iter()
        .filter(|provider| **provider != Provider::Other);
    assert_eq!(
        named,
        known.map(|provider| provider.name()).collect::<Vec<_>>()
    );
}

#[test]
fn hosts_meet_their_profile() {
    check("gmail-smtp-in.l.google.com", "google");
    check("aspmx.l.google.com", "google");
    check("mxs.mail.ru", "mailru");
    check("mx.yandex.net", "yandex");
    check("hotmail-com.olc.protection.outlook.com", "outlook");
    check("firm.mail.protection.outlook.com", "office365");
    check("mx.example.com", "the site");
    check("mail.ru.attacker.example", "the site");
}

#[test]
fn a_profile_says_what_the_default_does_not() {
    let shaping = Shaping::standard();
    let google = &shaping.counts(["aspmx.l.google.com"], "s")[0].profile;
    assert_eq!(
        (google.connections, google.messages_per_second),
        (Some(5), Some(100))
    );
    assert_eq!(google.tls, Some(Demand::Required));
    let mailru = &shaping.counts(["mxs.mail.ru"], "s")[0].profile;
    assert_eq!(
        (mailru.per_hour(), mailru.connections),
        (Some(960), Some(2))
    );
    assert_eq!(
        Shaping::free().counts(["mx.example.com"], "s")[0]
            .profile
            .per_hour(),
        None
    );
}

#[test]
fn the_operator_changes_keys_and_adds_rules() {
    let shaping = Shaping::parse(
        r#"
[[provider]]
name = "mailru"
connections = 30
messages_per_minute = 600
[[provider]]
name = "gateway"
mx = ["mx.gateway.example"]
messages_per_hour = 1000
[[site]]
name = "crowded"
mx = [".gateway.example"]
connections = 1
[[domain]]
name = "big-customer"
domains = ["customer.example"]
messages_per_minute = 5
"#,
    )
    .unwrap();
    let mailru = &shaping.counts(["mxs.mail.ru"], "s")[0].profile;
    assert_eq!(
        (mailru.connections, mailru.messages_per_minute),
        (Some(30), Some(600))
    );
    assert_eq!(mailru.letters_per_connection, Some(10));
    let counts = shaping.counts(["mx.gateway.example"], "mx.gateway.example");
    let targets: Vec<&str> = counts.iter().map(|count| count.target.as_str()).collect();
    assert_eq!(targets, ["gateway", "crowded: mx.gateway.example"]);
    assert_eq!(
        shaping.domain("customer.example").unwrap().target,
        "big-customer: customer.example"
    );
    assert_eq!(shaping.domain("other.example"), None);
}

#[test]
fn a_wrong_file_is_refused_with_line_and_reason() {
    refused(
        "[default]\nconections = 5\n",
        "line 2: unknown field `conections`, expected one of `name`, `mx`, `domains`, `connections`, \
         `connections_per_minute`, `messages_per_second`, `messages_per_minute`, `messages_per_hour`, `messages_per_day`, \
         `letters_per_connection`, `tls`, `start_per_minute`, `adaptive`",
    );
    refused(
        "[default]\nconnections = 0\nmessages_per_minute = -3\ntls = \"maybe\"\n",
        "line 2: connections: 0 must be from 1 to 10000\n\
         line 3: messages_per_minute: -3 must be from 1 to 1000000\n\
         line 4: tls: \"maybe\" must be \"opportunistic\" or \"required\"",
    );
    refused(
        "[[provider]]\nname = \"x\"\nmx = [\n\"*.example.com\",\n\"MX.example.com\",\n\"mx.example.com.\",\n\"192.0.2.1\",\n\"localhost\"]\n",
        "line 4: mx: \"*.example.com\" matches nothing: write \".example.com\" for every host below example.com\n\
         line 5: mx: \"MX.example.com\" matches nothing: names are compared in lower case\n\
         line 6: mx: \"mx.example.com.\" matches nothing: names are compared without the final dot\n\
         line 7: mx: \"192.0.2.1\" matches nothing: it is no host name\n\
         line 8: mx: \"localhost\" matches nothing: it is no host name",
    );
    refused(
        "[[provider]]\nname = \"mine\"\nmx = [\".l.google.com\"]\n",
        "line 1: \".l.google.com\" of the rule mine overlaps \".google.com\" of the rule google: a host can obey only one",
    );
    refused(
        "[[provider]]\nname = \"a\"\nmx = [\".a.example\"]\n[[provider]]\nname = \"a\"\nconnections = 1\n",
        "line 4: the rule a stands at line 1 already",
    );
    refused(
        "[[provider]]\nname = \"nobody\"\nconnections = 3\n",
        "line 1: the rule nobody has no pattern, so it matches nothing",
    );
    refused(
        "[[domain]]\nname = \"d\"\ndomains = [\"a.example\"]\nconnections = 3\n",
        "line 4: connections: a domain shares the connections of its site; limit the site",
    );
    refused("[default\n", "line 1: unclosed table, expected `]`");
}
