//! One JSON object per line.
//!
//! Owns the merging of constants. Promises: a line beyond the limit, or one that is no text, is
//! a fault of that line alone. Leaves cutting lines to [`Pieces`], reading fields to the database.

use std::io::Read;

use anyhow::Context;
use serde_json::Value;

use super::{
    super::pieces::Pieces,
    constants::{self, Constant},
    row::{Fault, Row, not_json},
};
use crate::http::Line;

pub(super) fn rows(
    reader: impl Read + Send,
    constants: Vec<Constant>,
    letter_max: usize,
) -> impl Iterator<Item = anyhow::Result<Row>> + Send {
    let mut file = Pieces::new(reader, letter_max);
    std::iter::from_fn(move || {
        let line = match file.next_line() {
            Ok(line) => line?,
            Err(fault) => return Some(Err(fault).context("reading the file of letters")),
        };
        Some(Ok(Row {
            line: line.number,
            octets: file.octets(),
            letter: letter(&line, &constants, letter_max),
        }))
    })
}

fn letter(line: &Line, constants: &[Constant], letter_max: usize) -> Result<String, Fault> {
    let whole = |why: String| (String::new(), why);
    let octets = line
        .octets
        .as_ref()
        .map_err(|_| whole(format!("is longer than {letter_max} octets")))?;
    // Some editors put a byte order mark before the first line.
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let text = std::str::from_utf8(octets).map_err(|_| whole("is not UTF-8 text".to_owned()))?;
    let read = |error: serde_json::Error| whole(not_json(&error));
    if constants.is_empty() {
        // Only looked at, so that the fault has a column; the database reads it for itself.
        let _: serde::de::IgnoredAny = serde_json::from_str(text).map_err(read)?;
        return Ok(text.to_owned());
    }
    let mut value: Value = serde_json::from_str(text).map_err(read)?;
    if let Some(fields) = value.as_object_mut() {
        constants::fill(fields, constants)?;
    }
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], set: &[&str], expected: &[&str]) {
        let constants = set.iter().map(|set| set.parse().unwrap()).collect();
        let found: Vec<String> = rows(text, constants, 60)
            .map(|row| {
                let row = row.unwrap();
                match row.letter {
                    Ok(letter) => format!("{}: {letter}", row.line),
                    Err((_, why)) => format!("{}! {why}", row.line),
                }
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_letters_and_blank_ones_are_nothing() {
        check(
            b"\xef\xbb\xbf{\"a\":1.10}\n\n {\"b\":2}\r\n",
            &[],
            &["1: {\"a\":1.10}", "3:  {\"b\":2}\r"],
        );
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_one_read() {
        let long = format!("{{\"a\":\"{}\"}}\n{{}}", "x".repeat(80));
        check(
            long.as_bytes(),
            &[],
            &["1! is longer than 60 octets", "2: {}"],
        );
        check(
            b"{\"a\":\n\xff\n{}",
            &[],
            &[
                "1! is not JSON: EOF while parsing a value at column 5",
                "2! is not UTF-8 text",
                "3: {}",
            ],
        );
    }

    #[test]
    fn constants_fill_what_a_line_lacks() {
        check(
            b"{\"to\":{\"address\":\"a@b.example\"}}",
            &["stream=marketing", "to.locale=ru"],
            &[
                "1: {\"stream\":\"marketing\",\"to\":{\"address\":\"a@b.example\",\"locale\":\"ru\"}}",
            ],
        );
        check(
            b"{\"stream\":\"trigger\"}",
            &["stream=marketing"],
            &["1: {\"stream\":\"trigger\"}"],
        );
        check(
            b"{\"to\":\"a@b.example\"}",
            &["to.locale=ru"],
            &["1! is a text here, so `to.locale` has no place; write it as an object"],
        );
    }
}
