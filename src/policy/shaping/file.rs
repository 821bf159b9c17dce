//! The form in which profiles are written down.
//!
//! Owns the keys of `shaping.toml` and what is wrong with a file. Promises: an unknown key, an impossible value, a pattern
//! that no host can match and rules that overlap are named with their line. Read [`super`] for what profiles do.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use toml::Spanned;

use super::{Demand, Profile};
use crate::mail::Domain;

/// One thing that is wrong with a shaping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapingFault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there, and what is allowed.
    pub why: String,
}

impl fmt::Display for ShapingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// Which rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Provider,
    Site,
    Domain,
}

/// A rule as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) level: Level,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) patterns: Vec<String>,
    pub(super) profile: Profile,
}

/// A file that has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) default: Profile,
    pub(super) rows: Vec<Row>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    default: Option<Spanned<Raw>>,
    provider: Vec<Spanned<Raw>>,
    site: Vec<Spanned<Raw>>,
    domain: Vec<Spanned<Raw>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    name: Option<Spanned<String>>,
    mx: Vec<Spanned<String>>,
    domains: Vec<Spanned<String>>,
    connections: Option<Spanned<i64>>,
    connections_per_minute: Option<Spanned<i64>>,
    messages_per_second: Option<Spanned<i64>>,
    messages_per_minute: Option<Spanned<i64>>,
    messages_per_hour: Option<Spanned<i64>>,
    messages_per_day: Option<Spanned<i64>>,
    letters_per_connection: Option<Spanned<i64>>,
    tls: Option<Spanned<String>>,
    start_per_minute: Option<Spanned<i64>>,
    adaptive: Option<bool>,
}

/// Reads a file; every fault at once, but for a text that is no TOML at all.
pub(super) fn read(text: &str) -> Result<Rows, Vec<ShapingFault>> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        let why = error.message().trim_end().replace('\n', "; ");
        vec![ShapingFault { line, why }]
    })?;
    let mut reader = Reader {
        text,
        faults: Vec::new(),
    };
    let default = file.default.map(|raw| reader.default(&raw));
    let mut rows = Vec::new();
    for (level, raws) in [
        (Level::Provider, file.provider),
        (Level::Site, file.site),
        (Level::Domain, file.domain),
    ] {
        rows.extend(raws.iter().map(|raw| reader.row(level, raw)));
    }
    reader.twins(&rows);
    if reader.faults.is_empty() {
        Ok(Rows {
            default: default.unwrap_or_default(),
            rows,
        })
    } else {
        reader.faults.sort_by_key(|fault| fault.line);
        Err(reader.faults)
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<ShapingFault>,
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, why: impl Into<String>) {
        let why = why.into();
        self.faults.push(ShapingFault { line, why });
    }

    fn line<T>(&self, value: &Spanned<T>) -> usize {
        line_at(self.text, value.span().start)
    }

    fn default(&mut self, raw: &Spanned<Raw>) -> Profile {
        let (line, raw) = (self.line(raw), raw.get_ref());
        if raw.name.is_some() || !raw.mx.is_empty() || !raw.domains.is_empty() {
            self.fault(
                line,
                "[default] is for everybody: it has no name and no pattern",
            );
        }
        self.profile(Level::Provider, raw)
    }

    fn row(&mut self, level: Level, raw: &Spanned<Raw>) -> Row {
        let (line, raw) = (self.line(raw), raw.get_ref());
        let name = raw.name.as_ref().map(|name| name.get_ref().clone());
        let name = name.unwrap_or_default();
        let fits =
            |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            let at = raw.name.as_ref().map_or(line, |name| self.line(name));
            self.fault(
                at,
                "name: a rule has a name of lower-case letters, digits and `-`, 40 at most",
            );
        }
        let (key, patterns, wrong) = match level {
            Level::Domain => ("domains", &raw.domains, &raw.mx),
            Level::Provider | Level::Site => ("mx", &raw.mx, &raw.domains),
        };
        if let Some(first) = wrong.first() {
            let at = self.line(first);
            self.fault(
                at,
                format!("a rule of this kind has its patterns in `{key}`"),
            );
        }
        for pattern in patterns {
            let at = self.line(pattern);
            if let Some(why) = senseless(level, pattern.get_ref()) {
                self.fault(
                    at,
                    format!("{key}: \"{}\" matches nothing: {why}", pattern.get_ref()),
                );
            }
        }
        let profile = self.profile(level, raw);
        if profile == Profile::default() && patterns.is_empty() {
            self.fault(line, format!("the rule {name} says nothing"));
        }
        Row {
            level,
            line,
            name,
            patterns: patterns
                .iter()
                .map(|pattern| pattern.get_ref().clone())
                .collect(),
            profile,
        }
    }

    fn profile(&mut self, level: Level, raw: &Raw) -> Profile {
        let most = 1_000_000;
        let profile = Profile {
            connections: self.number("connections", raw.connections.as_ref(), 1, 10_000),
            connections_per_minute: self.number(
                "connections_per_minute",
                raw.connections_per_minute.as_ref(),
                1,
                most,
            ),
            messages_per_second: self.number(
                "messages_per_second",
                raw.messages_per_second.as_ref(),
                1,
                most,
            ),
            messages_per_minute: self.number(
                "messages_per_minute",
                raw.messages_per_minute.as_ref(),
                1,
                most,
            ),
            messages_per_hour: self.number(
                "messages_per_hour",
                raw.messages_per_hour.as_ref(),
                1,
                most * 60,
            ),
            messages_per_day: self.number(
                "messages_per_day",
                raw.messages_per_day.as_ref(),
                1,
                1_000_000_000,
            ),
            letters_per_connection: self.number(
                "letters_per_connection",
                raw.letters_per_connection.as_ref(),
                1,
                most,
            ),
            tls: self.tls(raw.tls.as_ref()),
            start_per_minute: self.number(
                "start_per_minute",
                raw.start_per_minute.as_ref(),
                1,
                most,
            ),
            adaptive: raw.adaptive,
        };
        self.only_what_counts(level, raw);
        profile
    }

    /// A connection carries letters for every domain of its site, so a domain has no connections of its own.
    fn only_what_counts(&mut self, level: Level, raw: &Raw) {
        let for_connections = [
            ("connections", raw.connections.as_ref()),
            (
                "connections_per_minute",
                raw.connections_per_minute.as_ref(),
            ),
            (
                "letters_per_connection",
                raw.letters_per_connection.as_ref(),
            ),
            ("start_per_minute", raw.start_per_minute.as_ref()),
        ];
        for (key, value) in for_connections {
            if let (Level::Domain, Some(value)) = (level, value) {
                let at = self.line(value);
                self.fault(
                    at,
                    format!("{key}: a domain shares the connections of its site; limit the site"),
                );
            }
        }
    }

    fn number(
        &mut self,
        key: &str,
        value: Option<&Spanned<i64>>,
        least: u32,
        most: u32,
    ) -> Option<u32> {
        let value = value?;
        let number = u32::try_from(*value.get_ref())
            .ok()
            .filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let at = self.line(value);
            self.fault(
                at,
                format!("{key}: {} must be from {least} to {most}", value.get_ref()),
            );
        }
        number
    }

    fn tls(&mut self, value: Option<&Spanned<String>>) -> Option<Demand> {
        let value = value?;
        match value.get_ref().as_str() {
            "opportunistic" => Some(Demand::Opportunistic),
            "required" => Some(Demand::Required),
            other => {
                let at = self.line(value);
                self.fault(
                    at,
                    format!("tls: \"{other}\" must be \"opportunistic\" or \"required\""),
                );
                None
            }
        }
    }

    /// Two rules of one level with the same name.
    fn twins(&mut self, rows: &[Row]) {
        let mut known: BTreeMap<(u8, &str), usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.name.is_empty()) {
            let key = (row.level as u8, row.name.as_str());
            if let Some(first) = known.insert(key, row.line) {
                self.fault(
                    row.line,
                    format!("the rule {} stands at line {first} already", row.name),
                );
            }
        }
    }
}

/// Why no name can match a pattern.
fn senseless(level: Level, pattern: &str) -> Option<&'static str> {
    let bare = match level {
        Level::Domain => pattern,
        Level::Provider | Level::Site => pattern.strip_prefix('.').unwrap_or(pattern),
    };
    if pattern.contains('*') {
        return Some("write \".example.com\" for every host below example.com");
    }
    if pattern.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Some("names are compared in lower case");
    }
    if bare.ends_with('.') {
        return Some("names are compared without the final dot");
    }
    let is_name = Domain::parse(bare).is_ok_and(|domain| domain.as_str() == bare);
    let all_digits = bare
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|octet| octet.is_ascii_digit()));
    (!is_name || !bare.contains('.') || all_digits).then_some("it is no host name")
}
