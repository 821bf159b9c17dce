//! One header field at a time, safe whatever is put into it.
//!
//! Owns cleaning, encoding (RFC 2047) and folding of field values. Promises: CRLF only at the end of the field and
//! before folding space; encoded words of at most 75 characters; lines of at most 78 wherever a space allows a fold.
//! Leaves the choice of fields to `headers`.

use std::borrow::Cow;

use data_encoding::BASE64;
use mail_builder::headers::{Header, address::EmailAddress, date::Date, text::Text};

use crate::mail::{Mailbox, Timestamp};

/// Octets of text in one encoded word: 60 base64 letters and 12 of frame stay below 75 (RFC 2047 §2).
const WORD_OCTETS: usize = 45;

/// Text from outside as it may stand in a header: each run of control characters and line separators becomes one
/// space. So a line break in a subject is read as a space, and can never start a header of its own.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(|c: char| breaks(c) || c.is_whitespace());
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text.split(breaks).filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" "))
}

/// Control characters, and the two characters that Unicode calls line and paragraph separator.
fn breaks(c: char) -> bool {
    c.is_control() || c == '\u{2028}' || c == '\u{2029}'
}

/// A field with text for people, such as Subject.
pub(super) fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = clean(value);
    start(out, name);
    if looks_encoded(&value) {
        encoded_words(out, &value);
        out.extend_from_slice(b"\r\n");
    } else {
        Text::new(value).write_header(out, name.len() + 2);
    }
}

/// A field with one address, such as From.
pub(super) fn mailbox(out: &mut Vec<u8>, name: &str, mailbox: &Mailbox) {
    let shown = mailbox.name.as_deref().map(clean);
    named_angle(
        out,
        name,
        shown.as_deref().unwrap_or_default(),
        &mailbox.address.to_string(),
    );
}

/// `Name <something>`: an address, or a List-Id. The name is an RFC 5322 phrase.
pub(super) fn named_angle(out: &mut Vec<u8>, field: &str, shown: &str, inside: &str) {
    let shown = clean(shown);
    start(out, field);
    if looks_encoded(&shown) {
        encoded_words(out, &shown);
        out.extend_from_slice(b"\r\n <");
        out.extend_from_slice(inside.as_bytes());
        out.extend_from_slice(b">\r\n");
        return;
    }
    let address = EmailAddress {
        name: (!shown.is_empty()).then_some(shown),
        email: inside.into(),
    };
    address.write_header(out, field.len() + 2);
}

/// The moment of sending, in UTC (RFC 5322 §3.3).
pub(super) fn date(out: &mut Vec<u8>, now: Timestamp) {
    start(out, "Date");
    Date::new(now.seconds()).write_header(out, "Date: ".len());
}

/// A value of ours: ASCII, without line breaks.
pub(super) fn exact(out: &mut Vec<u8>, name: &str, pieces: &[&str]) {
    debug_assert!(pieces.iter().all(|piece| is_visible(piece)));
    start(out, name);
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn is_visible(piece: &str) -> bool {
    let unfolded = piece.replace("\r\n ", " ");
    unfolded.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn start(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
}

/// Plain text that a reader would take for an encoded word must be encoded itself.
fn looks_encoded(value: &str) -> bool {
    value.contains("=?")
}

/// Base64 words, each on its own line; the first one too, because field names differ in length.
fn encoded_words(out: &mut Vec<u8>, value: &str) {
    // A line with only the field's name is legal, trailing spaces on it are not wise: RFC 5322 §3.2.2.
    out.truncate(out.trim_ascii_end().len());
    let mut rest = value;
    while !rest.is_empty() {
        let (word, next) = rest.split_at(rest.floor_char_boundary(WORD_OCTETS));
        out.extend_from_slice(b"\r\n =?utf-8?B?");
        out.extend_from_slice(BASE64.encode(word.as_bytes()).as_bytes());
        out.extend_from_slice(b"?=");
        rest = next;
    }
}
