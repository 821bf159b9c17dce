//! Fields named with dots: `--set to.locale=ru`, and the head row of CSV.
//!
//! Owns where a name leads within a letter and how its text is read. Promises: what a letter says itself is never replaced.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::row::{Fault, not_json};

/// The fields of a letter (docs/letter.md), and whether names below them lead anywhere.
const FIELDS: [(&str, Below); 18] = [
    ("stream", Below::Nothing),
    (
        "to",
        Below::These(&["address", "name", "locale", "time_zone"]),
    ),
    ("from", Below::These(&["address", "name"])),
    ("reply_to", Below::These(&["address", "name"])),
    ("campaign", Below::Nothing),
    ("template", Below::Nothing),
    ("variables", Below::Anything),
    ("subject", Below::Nothing),
    ("text", Below::Nothing),
    ("html", Below::Nothing),
    ("raw", Below::Nothing),
    ("attachments", Below::Nothing),
    ("send_at", Below::Nothing),
    ("valid_until", Below::Nothing),
    ("last_active_at", Below::Nothing),
    ("priority", Below::Nothing),
    ("tags", Below::Nothing),
    ("idempotency_key", Below::Nothing),
];

#[derive(Clone, Copy)]
enum Below {
    Nothing,
    These(&'static [&'static str]),
    Anything,
}

/// A place within a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    path: Vec<String>,
    /// Its text is JSON.
    is_json: bool,
}

/// A field and its value for every letter that lacks it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    field: Field,
    value: Value,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let (bare, is_json) = match name.strip_suffix(":json") {
            Some(bare) => (bare, true),
            None => (name, false),
        };
        let path: Vec<String> = bare.split('.').map(str::to_owned).collect();
        let first = path.first().map_or("", String::as_str);
        let Some((_, below)) = FIELDS.iter().find(|(field, _)| *field == first) else {
            let known = FIELDS.map(|(field, _)| field).join(", ");
            return Err(format!(
                "`{name}` is no field of a letter; the fields are {known}"
            ));
        };
        match (below, path.get(1)) {
            (_, None) => Ok(()),
            (Below::Anything, Some(_)) if path.iter().all(|part| !part.is_empty()) => Ok(()),
            (Below::These(known), Some(second))
                if path.len() == 2 && known.contains(&second.as_str()) =>
            {
                Ok(())
            }
            (Below::These(known), _) => Err(format!(
                "`{name}` leads nowhere; below `{first}` are {}",
                known.join(", ")
            )),
            _ => Err(format!(
                "`{name}` leads nowhere; `{first}` has no fields of its own"
            )),
        }?;
        Ok(Self { path, is_json })
    }
}

impl FromStr for Constant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("write it as FIELD=VALUE, as in stream=marketing")?;
        let field: Field = name.trim().parse()?;
        let value = field.value(value).map_err(|(_, why)| why)?;
        Ok(Self { field, value })
    }
}

impl Field {
    /// Reads a cell.
    pub(super) fn value(&self, text: &str) -> Result<Value, Fault> {
        let fault = |why: String| (self.name(), why);
        match (self.is_json, self.path.first().map(String::as_str)) {
            (true, _) => serde_json::from_str(text).map_err(|error| fault(not_json(&error))),
            (false, Some("tags")) => Ok(tags(text)),
            (false, Some("priority")) => text
                .trim()
                .parse::<u8>()
                .map(Value::from)
                .map_err(|_| fault("must be a whole number from 0 to 9".to_owned())),
            (false, Some("attachments")) => Err(fault(
                "can be given as JSON only: name the field `attachments:json`".to_owned(),
            )),
            (false, Some("variables")) if self.path.len() == 1 => Err(fault(
                "have names: `variables.order_id`, or `variables:json` for all of them".to_owned(),
            )),
            (false, _) => Ok(Value::from(text)),
        }
    }

    /// Puts a value at its place unless there is one.
    pub(super) fn put(&self, letter: &mut Map<String, Value>, value: Value) -> Result<(), Fault> {
        let Some((last, way)) = self.path.split_last() else {
            return Ok(());
        };
        let mut here = letter;
        for (depth, part) in way.iter().enumerate() {
            let there = here
                .entry(part.as_str())
                .or_insert_with(|| Value::Object(Map::new()));
            here = there
                .as_object_mut()
                .ok_or_else(|| self.no_place(&way[..=depth]))?;
        }
        here.entry(last.as_str()).or_insert(value);
        Ok(())
    }

    fn no_place(&self, around: &[String]) -> Fault {
        let name = self.name();
        (
            around.join("."),
            format!("is a text here, so `{name}` has no place; write it as an object"),
        )
    }

    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}

fn tags(text: &str) -> Value {
    text.split(';')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(Value::from)
        .collect()
}

/// Gives a letter the constants that it lacks.
pub(super) fn fill(letter: &mut Map<String, Value>, constants: &[Constant]) -> Result<(), Fault> {
    constants
        .iter()
        .try_for_each(|constant| constant.field.put(letter, constant.value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &str) {
        let constants: Result<Vec<Constant>, String> =
            given.iter().map(|text| text.parse()).collect();
        let found = constants.and_then(|constants| {
            let mut letter = Map::new();
            fill(&mut letter, &constants).map_err(|(field, why)| format!("{field} {why}"))?;
            Ok(Value::from(letter).to_string())
        });
        assert_eq!(found.unwrap_or_else(|fault| fault), expected);
    }

    #[test]
    fn a_name_leads_to_a_place() {
        check(&["stream=marketing"], r#"{"stream":"marketing"}"#);
        check(
            &["to.address=a@b.example", "to.name=Анна=1"],
            r#"{"to":{"address":"a@b.example","name":"Анна=1"}}"#,
        );
        check(
            &["variables.shop.city=Казань", "variables.count:json=3"],
            r#"{"variables":{"count":3,"shop":{"city":"Казань"}}}"#,
        );
        check(&["tags=a; b;;"], r#"{"tags":["a","b"]}"#);
        check(&["priority=3"], r#"{"priority":3}"#);
    }

    #[test]
    fn a_name_that_leads_nowhere_is_refused_before_anything_is_sent() {
        check(
            &["stream"],
            "write it as FIELD=VALUE, as in stream=marketing",
        );
        check(
            &["emial=a@b.example"],
            "`emial` is no field of a letter; the fields are stream, to, from, reply_to, campaign, template, variables, \
             subject, text, html, raw, attachments, send_at, valid_until, last_active_at, priority, \
             tags, idempotency_key",
        );
        check(
            &["to.adress=a@b.example"],
            "`to.adress` leads nowhere; below `to` are address, name, locale, time_zone",
        );
        check(
            &["stream.name=x"],
            "`stream.name` leads nowhere; `stream` has no fields of its own",
        );
        check(&["priority=high"], "must be a whole number from 0 to 9");
        check(
            &["variables=x"],
            "have names: `variables.order_id`, or `variables:json` for all of them",
        );
        check(
            &["to=a@b.example", "to.name=Anna"],
            "to is a text here, so `to.name` has no place; write it as an object",
        );
    }
}
