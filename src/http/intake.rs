//! The way of a batch of letters into the store, the same for one letter, an array and a stream.
//!
//! Owns the first look: is it UTF-8, is it JSON, is it an object; and the call of the streams' gates, where there are any. Promises: answers come in the order given, one for each.
//! What fails here never reaches the database, where one bad octet would refuse the whole batch.

use std::sync::Arc;

use serde::de::IgnoredAny;
use tokio::task::spawn_blocking;

use super::{Door, answer::Answer};
use crate::{compose::lint::Looked, mail::Timestamp, metrics, port::StoreError};

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
    let (letters, looked) = look_closer(door, part(given), now).await;
    let stored = if letters.is_empty() {
        Vec::new()
    } else {
        let octets_max = door.limits.letter_octets;
        door.store.enqueue(&letters, octets_max, now).await?
    };
    let answers = join(looked, stored.into_iter().map(Answer::from));
    count(door, &answers);
    let took = door.clock.now().since(now);
    door.metrics.enqueue_answered(metrics::Door::Http, took);
    Ok(answers)
}

/// What is known of a letter before the store has seen it.
enum Before {
    /// It stays here.
    Fault(Answer),
    /// It goes to the store, with the rules that it breaks.
    Goes(Vec<&'static str>),
}

/// What goes to the store, and for each letter given what is known of it.
fn part(given: Vec<Given>) -> (Vec<String>, Vec<Before>) {
    let mut letters = Vec::with_capacity(given.len());
    let before = given.into_iter().map(|letter| match letter {
        Ok(letter) => {
            letters.push(letter);
            Before::Goes(Vec::new())
        }
        Err(why) => Before::Fault(Answer::invalid(why)),
    });
    let before = before.collect();
    (letters, before)
}

/// Takes out what the gates of the streams refuse. Writing and looking cost up to a millisecond a letter, so they are done
/// beside the threads that serve.
async fn look_closer(
    door: &Door,
    (letters, before): (Vec<String>, Vec<Before>),
    now: Timestamp,
) -> (Vec<String>, Vec<Before>) {
    let Some(preflight) = door.preflight.clone() else {
        return (letters, before);
    };
    let letters = Arc::new(letters);
    let shown = Arc::clone(&letters);
    let looking = spawn_blocking(move || {
        let look = |json: &String| preflight(json, now);
        shown.iter().map(look).collect::<Vec<Looked>>()
    });
    // A look that fails keeps nobody from sending: the engine looks again.
    let looked = looking.await;
    let looked = looked.unwrap_or_else(|_| vec![Looked::default(); letters.len()]);
    let letters = Arc::unwrap_or_clone(letters);
    for looked in looked.iter().filter(|looked| !looked.rules.is_empty()) {
        let is_refused = looked.refused.is_some();
        door.metrics.lint_found(&looked.rules, is_refused);
    }
    keep(letters, before, looked)
}

fn keep(
    letters: Vec<String>,
    before: Vec<Before>,
    looked: Vec<Looked>,
) -> (Vec<String>, Vec<Before>) {
    let mut kept = Vec::with_capacity(letters.len());
    let mut each = letters.into_iter().zip(looked);
    let before = before.into_iter().map(|before| match before {
        Before::Fault(answer) => Before::Fault(answer),
        Before::Goes(_) => {
            let (letter, looked) = each.next().expect("each letter that goes was looked at");
            if let Some(fault) = looked.refused {
                Before::Fault(Answer::unsendable(fault))
            } else {
                kept.push(letter);
                Before::Goes(looked.rules)
            }
        }
    });
    let before = before.collect();
    (kept, before)
}

fn join(before: Vec<Before>, mut stored: impl Iterator<Item = Answer>) -> Vec<Answer> {
    before
        .into_iter()
        .map(|before| match before {
            Before::Fault(answer) => answer,
            Before::Goes(rules) => stored
                .next()
                .expect("the store answers every letter that it was given")
                .with_flaws(rules),
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
