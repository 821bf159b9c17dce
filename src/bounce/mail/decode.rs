//! From the bytes of a part to text.
//!
//! Owns the undoing of transfer encodings (RFC 2045 §6) and charsets, by the decoders of `mail-parser`. Promises: always
//! some text, at most [`TEXT_MAX_BYTES`] of it; plain ASCII and UTF-8 are not copied; a charset that is not told is guessed
//! where its bytes leave little doubt.

use std::borrow::Cow;

use mail_parser::{
    decoders::{
        base64::base64_decode, charsets::map::charset_decoder,
        quoted_printable::quoted_printable_decode,
    },
    parsers::MessageStream,
};

/// A notice says what it has to say in the first pages; what follows is the letter that it returns.
pub(super) const TEXT_MAX_BYTES: usize = 64 * 1024;
/// Base64 needs four bytes for three, quoted-printable three for one.
const ENCODED_MAX_BYTES: usize = 3 * TEXT_MAX_BYTES;

/// The text of a body.
pub(super) fn text<'x>(
    body: &'x [u8],
    encoding: Option<&str>,
    charset: Option<&str>,
) -> Cow<'x, str> {
    match transferred(body, encoding.unwrap_or_default().trim()) {
        Cow::Borrowed(bytes) => in_charset(cut(bytes), charset),
        Cow::Owned(bytes) => Cow::Owned(in_charset(cut(&bytes), charset).into_owned()),
    }
}

/// The words of a field whose value may hold encoded words (RFC 2047).
pub(super) fn words(value: &str) -> Cow<'_, str> {
    if !value.contains("=?") {
        return Cow::Borrowed(value);
    }
    let line = format!("{value}\n");
    let decoded = MessageStream::new(line.as_bytes()).parse_unstructured();
    let text = decoded.as_text().map(str::to_owned);
    text.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// Bytes as UTF-8, those that are not replaced. What is UTF-8, nearly everything, is seen much faster than what is not.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(TEXT_MAX_BYTES)]
}

fn transferred<'x>(body: &'x [u8], encoding: &str) -> Cow<'x, [u8]> {
    let body = &body[..body.len().min(ENCODED_MAX_BYTES)];
    let decoded = if encoding.eq_ignore_ascii_case("base64") {
        base64(body)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable_decode(body)
    } else {
        None
    };
    decoded.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// Whole groups only, because the body may have been cut.
fn base64(body: &[u8]) -> Option<Vec<u8>> {
    let mut letters: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    letters.truncate(letters.len() / 4 * 4);
    base64_decode(&letters)
}

fn in_charset<'x>(bytes: &'x [u8], charset: Option<&str>) -> Cow<'x, str> {
    let escapes = memchr::memchr_iter(b'\x1b', bytes).any(|at| bytes.get(at + 1) == Some(&b'$'));
    let charset = charset.unwrap_or_default();
    let named = if escapes { "iso-2022-jp" } else { charset };
    let utf8 = named.is_empty()
        || named.eq_ignore_ascii_case("utf-8")
        || named.eq_ignore_ascii_case("us-ascii");
    if (utf8 || bytes.is_ascii() && !escapes)
        && let Ok(text) = str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let guess = if utf8 { guessed(bytes) } else { named };
    let decoder = charset_decoder(guess.as_bytes());
    decoder.map_or_else(|| lossy(bytes), |decode| Cow::Owned(decode(bytes)))
}

/// The charset of bytes that do not tell it. Russian in koi8-r writes most letters as 0xC0 to 0xDF, in cp1251 as 0xE0 to
/// 0xFF; Japanese in euc-jp has pairs from 0xA4 and 0xA5.
fn guessed(bytes: &[u8]) -> &'static str {
    if std::str::from_utf8(bytes).is_ok() {
        return "utf-8";
    }
    let count = |low: u8, high: u8| {
        bytes
            .iter()
            .filter(|byte| (low..=high).contains(byte))
            .count()
    };
    let (kana, koi, win) = (count(0xa4, 0xa5), count(0xc0, 0xdf), count(0xe0, 0xff));
    if kana * 4 > koi + win && kana > 8 {
        "euc-jp"
    } else if koi > 2 * win && koi > 16 {
        "koi8-r"
    } else if win > 2 * koi && win > 16 {
        "windows-1251"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_of_reports_are_read() {
        assert_eq!(
            text(b"\xcf\xf0\xe8\xe2\xe5\xf2", None, Some("windows-1251")),
            "Привет"
        );
        assert_eq!(
            text(b"\xf0\xd2\xc9\xd7\xc5\xd4", None, Some("koi8-r")),
            "Привет"
        );
        assert_eq!(text(b"\x1b$B%a!<%k\x1b(B", None, None), "メール");
        assert_eq!(text("Привет".as_bytes(), Some("8bit"), None), "Привет");
        assert_eq!(
            text(b"0J/RgNC4\n0LLQtdGC", Some("base64"), Some("utf-8")),
            "Привет"
        );
        assert_eq!(
            text(
                b"=D0=9F=\r\n=D1=80",
                Some("Quoted-Printable"),
                Some("utf-8")
            ),
            "Пр"
        );
    }

    #[test]
    fn a_charset_that_is_not_told_is_guessed_from_enough_bytes() {
        let words = b"\xee\xe5\xd7\xcf\xda\xcd\xcf\xd6\xce\xcf \xc4\xcf\xd3\xd4\xc1\xd7\xc9\xd4\xd8 \xd0\xc9\xd3\xd8\xcd\xcf";
        assert!(text(words, None, None).contains("доставить"));
    }

    #[test]
    fn encoded_words_are_read() {
        assert_eq!(words("=?utf-8?B?0J/RgNC4?= abc"), "При abc");
        assert_eq!(words("plain"), "plain");
    }
}
