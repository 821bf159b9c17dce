//! The reference file: every key, its documentation, its default.
//!
//! Prose lines begin with `# `, keys without a default with `#`: taking that one character away switches them on.

use toml::{Table, Value};

use super::{
    Config, Inbound,
    section::{Documented, Key},
    sections::{
        Brakes, Check, Database, Delivery, Dkim, DnsSettings, Http, Identity, Limits, Log, Pool,
        Retention, Route, Smtp, Source, Templates, Tls,
    },
    stream::Stream,
    warmup::Warmup,
};

/// A table of the file.
struct Section {
    name: &'static str,
    about: &'static [&'static str],
    keys: &'static [Key],
    /// Whether the file may have it many times.
    repeats: bool,
}

const fn section<T: Documented>(name: &'static str, repeats: bool) -> Section {
    Section {
        name,
        about: T::ABOUT,
        keys: T::KEYS,
        repeats,
    }
}

/// The order of the file; `top` first, because keys after a table's head belong to that table.
const SECTIONS: [Section; 21] = [
    section::<Config>("", false),
    section::<Database>("database", false),
    section::<Http>("http", false),
    section::<Smtp>("smtp", false),
    section::<Source>("smtp.sources", true),
    section::<Pool>("smtp.pools", true),
    section::<DnsSettings>("dns", false),
    section::<Delivery>("delivery", false),
    section::<Tls>("tls", false),
    section::<Warmup>("warmup", true),
    section::<Brakes>("brakes", false),
    section::<Route>("route", true),
    section::<Identity>("identity", false),
    section::<Inbound>("inbound", false),
    section::<Stream>("stream", true),
    section::<Templates>("templates", false),
    section::<Dkim>("dkim", false),
    section::<Check>("check", false),
    section::<Limits>("limits", false),
    section::<Retention>("retention", false),
    section::<Log>("log", false),
];

/// The whole reference.
pub(super) fn render() -> String {
    let defaults = Table::try_from(Config::default()).unwrap_or_default();
    let mut lines = Vec::new();
    for section in &SECTIONS {
        section.render(&defaults, &mut lines);
    }
    lines.join("\n")
}

/// The documentation of a key such as `stream[1].jitter`.
pub(super) fn doc_of(path: &str) -> Option<String> {
    let plain: String = path
        .split('[')
        .map(|part| part.split_once(']').map_or(part, |p| p.1))
        .collect();
    let (table, name) = plain.rsplit_once('.').unwrap_or(("", &plain));
    let section = SECTIONS.iter().find(|section| section.name == table)?;
    let key = section.keys.iter().find(|key| key.name == name)?;
    Some(key.doc.concat().trim().to_owned())
}

impl Section {
    fn render(&self, defaults: &Table, text: &mut Vec<String>) {
        prose(self.about, text);
        match self.values(defaults) {
            // An example, switched off as a whole.
            Values::Many(tables) if tables.is_empty() => {
                text.push(format!("#[[{}]]", self.name));
                self.render_keys(&Table::new(), true, text);
            }
            Values::Many(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    text.push(format!("[[{}]]", self.name));
                    self.render_keys(table, index == 0, text);
                }
            }
            Values::One(table) => {
                text.push(match self.name {
                    "" => String::new(),
                    name => format!("[{name}]"),
                });
                self.render_keys(&table, true, text);
            }
        }
    }

    fn values(&self, defaults: &Table) -> Values {
        let mut found = Value::Table(defaults.clone());
        for step in self.name.split('.').filter(|step| !step.is_empty()) {
            found = found.get(step).cloned().unwrap_or(Value::Array(Vec::new()));
        }
        match found {
            Value::Array(items) if self.repeats => Values::Many(
                items
                    .into_iter()
                    .filter_map(|item| item.try_into().ok())
                    .collect(),
            ),
            other => Values::One(other.try_into().unwrap_or_default()),
        }
    }

    fn render_keys(&self, values: &Table, with_prose: bool, text: &mut Vec<String>) {
        for key in self.keys.iter().filter(|key| !self.is_section(key)) {
            let value = values.get(key.name).map(Value::to_string);
            if with_prose {
                prose(key.doc, text);
            }
            match (value, key.example) {
                (Some(value), _) => text.push(format!("{} = {value}", key.name)),
                (None, Some(example)) if with_prose => {
                    text.push(format!("#{} = {example}", key.name));
                }
                (None, _) => {}
            }
        }
        text.push(String::new());
    }

    /// Whether the key is a table of its own further down.
    fn is_section(&self, key: &Key) -> bool {
        let path = if self.name.is_empty() {
            key.name.to_owned()
        } else {
            format!("{}.{}", self.name, key.name)
        };
        SECTIONS.iter().any(|section| section.name == path)
    }
}

enum Values {
    One(Table),
    Many(Vec<Table>),
}

fn prose(doc: &[&str], text: &mut Vec<String>) {
    text.extend(doc.iter().map(|line| format!("#{line}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_missing_from_the_reference() {
        let text = render();
        let lines: Vec<_> = text.lines().collect();
        for section in &SECTIONS {
            for key in section.keys.iter().filter(|key| !section.is_section(key)) {
                let (on, off) = (format!("{} = ", key.name), format!("#{} = ", key.name));
                let is_there = lines
                    .iter()
                    .any(|line| line.starts_with(&on) || line.starts_with(&off));
                assert!(is_there, "{}.{}", section.name, key.name);
            }
        }
    }

    #[test]
    fn the_documentation_of_a_key_is_found_by_its_path() {
        assert_eq!(
            doc_of("stream[1].priority").as_deref(),
            Some(
                "0 to 9; 0 goes first. Letters of priority 0 to 2 have room of their own beside all others."
            )
        );
        assert_eq!(
            doc_of("smtp.sources[0].name").as_deref(),
            Some("Its name in reports and limits.")
        );
        assert_eq!(doc_of("stream[1].colour"), None);
        assert_eq!(doc_of("a]b[c"), None);
    }
}
