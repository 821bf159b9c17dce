//! What a template may know: the letter's variables and a few facts about the letter.
//!
//! Owns the object `letter` and the reading of variables. Promises: `letter` is ours, whatever the variables say.
//! Leaves rendering to `template`; `docs/templates.md` lists the facts.

use std::collections::BTreeMap;

use minijinja::Value;

use super::identity::Unsubscribe;
use crate::mail::{Letter, Unsendable};

/// The name of the object with facts about the letter.
const LETTER: &str = "letter";

/// What a letter tells its template besides the variables.
pub(super) struct Facts<'a> {
    locale: Option<&'a str>,
    letter: Value,
}

impl<'a> Facts<'a> {
    pub(super) fn new(letter: &'a Letter, unsubscribe: Option<&Unsubscribe>) -> Self {
        let mailbox = &letter.to.mailbox;
        let known = [
            ("to_address", Some(mailbox.address.to_string())),
            ("to_name", mailbox.name.clone()),
            ("campaign", letter.campaign.clone()),
            ("unsubscribe_url", unsubscribe.map(|way| way.url.clone())),
        ];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        Self {
            locale: letter.to.locale.as_deref(),
            letter: Value::from_pairs(known),
        }
    }

    pub(super) const fn locale(&self) -> Option<&str> {
        self.locale
    }

    /// The variables, a JSON object, with `letter` beside them; a variable of that name is hidden by it.
    pub(super) fn context(&self, variables: &str) -> Result<Value, Unsendable> {
        // JSON read from text is at most 128 deep, so what is made of it is too.
        let mut known: BTreeMap<String, Value> =
            serde_json::from_str(variables).map_err(|error| {
                Unsendable::new("variables", format!("are not a JSON object: {error}"))
            })?;
        known.insert(LETTER.to_owned(), self.letter.clone());
        Ok(Value::from(known))
    }
}
