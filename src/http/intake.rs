//! The way of a batch of letters into the store, the same for one letter, an array and a stream.
//!
//! Owns the first look: is it UTF-8, is it JSON, is it an object. Promises: answers come in the order given, one for each.
//! What fails here never reaches the database, where one bad octet would refuse the whole batch.

use serde::de::IgnoredAny;

use super::{Door, answer::Answer};
use crate::{metrics, port::StoreError};

/// A letter that may go to the store, or why not.
pub(super) type Given = Result<String, String>;

/// Looks at the octets of one letter.
pub(super) fn look(octets: &[u8]) -> Given {
    let text = std::str::from_utf8(octets)
        .map_err(|error| format!("is not UTF-8 at octet {}", error.valid_up_to() + 1))?;
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| not_json(&error))?;
    if text.starts_with('{') {
        Ok(text.to_owned())
    } else {
        Err("must be a JSON object".to_owned())
    }
}

/// A line of a stream is one line of JSON, so the column says enough.
fn not_json(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let what = words.split(" at line ").next().unwrap_or_default();
    match error.line() {
        0 | 1 => format!("is not JSON at octet {}: {what}", error.column()),
        line => format!(
            "is not JSON at line {line}, octet {}: {what}",
            error.column()
        ),
    }
}

pub(super) fn too_long(octets_max: u32) -> String {
    format!("is longer than {octets_max} octets")
}

/// Enqueues a batch in one transaction and answers every letter of it.
pub(super) async fn enqueue(door: &Door, given: Vec<Given>) -> Result<Vec<Answer>, StoreError> {
    let now = door.clock.now();
    let (letters, faults) = part(given);
    let stored = if letters.is_empty() {
        Vec::new()
    } else {
        let octets_max = door.limits.letter_octets;
        door.store.enqueue(&letters, octets_max, now).await?
    };
    let answers = join(faults, stored.into_iter().map(Answer::from));
    count(door, &answers);
    let took = door.clock.now().since(now);
    door.metrics.enqueue_answered(metrics::Door::Http, took);
    Ok(answers)
}

/// What goes to the store, and for each letter given the fault that keeps it here.
fn part(given: Vec<Given>) -> (Vec<String>, Vec<Option<String>>) {
    let mut letters = Vec::with_capacity(given.len());
    let faults = given
        .into_iter()
        .map(|letter| letter.map(|letter| letters.push(letter)).err())
        .collect();
    (letters, faults)
}

fn join(faults: Vec<Option<String>>, mut stored: impl Iterator<Item = Answer>) -> Vec<Answer> {
    faults
        .into_iter()
        .map(|fault| match fault {
            Some(why) => Answer::invalid(why),
            None => stored
                .next()
                .expect("the store answers every letter that it was given"),
        })
        .collect()
}

fn count(door: &Door, answers: &[Answer]) {
    let kinds = answers.iter().filter_map(Answer::counted);
    for kind in kinds {
        door.metrics.enqueued(metrics::Door::Http, kind, 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(octets: &[u8], expected: &str) {
        let found = look(octets).unwrap_or_else(|why| why);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_letter_is_a_json_object_in_utf_8() {
        check(
            b" {\"to\": \"a@example.com\"}\r",
            "{\"to\": \"a@example.com\"}",
        );
        check(b" \n", "is empty");
        check(b"[]", "must be a JSON object");
        check(b"\"{\"", "must be a JSON object");
        check(b"null", "must be a JSON object");
        check(b"{\"to\": }", "is not JSON at octet 8: expected value");
        check(b"{} {}", "is not JSON at octet 4: trailing characters");
        check(b"{", "is not JSON at octet 1: EOF while parsing an object");
        check(b"{\"to\": \"\xff\"}", "is not UTF-8 at octet 9");
        check(
            b"{\"to\": \"\0\"}",
            "is not JSON at octet 8: control character (\\u0000-\\u001F) found while parsing a string",
        );
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = look(&octets);
        }

        #[test]
        fn whatever_passes_has_no_zero_octet(octets in "\\{\"[a\\x00]{0,5}\":1\\}") {
            if let Ok(text) = look(octets.as_bytes()) {
                prop_assert!(!text.contains('\0'));
            }
        }
    }
}
