//! Plain text: out of HTML, and in the form that mail wants.
//!
//! Owns line ends and the text part that stands in for a missing one. Promises: CRLF only, at the end too; no control
//! characters but tabs. Leaves transfer encodings to `body`.

use html2text::config;

use crate::mail::Unsendable;

/// Where lines of a derived text break (RFC 5322 §2.1.1 asks for 78 at most).
const WIDTH: usize = 76;

/// The readable text of an HTML part; links are kept as footnotes.
pub(super) fn from_html(html: &str) -> Result<String, Unsendable> {
    config::plain_no_decorate()
        .link_footnotes(true)
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), WIDTH)
        .map(|text| tidy(&text))
        .map_err(|error| Unsendable::new("html", format!("no text can be made of it: {error}")))
}

/// Layout tables leave runs of blank lines and of trailing spaces behind.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blanks = 0;
    for line in text.lines().map(str::trim_end) {
        blanks = if line.is_empty() { blanks + 1 } else { 0 };
        if blanks <= 1 && !(out.is_empty() && line.is_empty()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Lines end in CRLF, whatever ended them before; other control characters go, because some receivers refuse them.
pub(super) fn canonical(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16 + 2);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_control) {
        out.push_str(&rest[..at]);
        let taken = match &rest.as_bytes()[at..] {
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        if matches!(rest.as_bytes()[at], b'\r' | b'\n') {
            out.push_str("\r\n");
        }
        rest = &rest[at + taken..];
    }
    out.push_str(rest);
    if !out.ends_with("\r\n") {
        out.push_str("\r\n");
    }
    out
}

const fn is_control(octet: u8) -> bool {
    (octet < b' ' && octet != b'\t') || octet == 0x7f
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(canonical(text), expected, "{text:?}");
    }

    #[test]
    fn every_line_ends_in_crlf() {
        check("", "\r\n");
        check("a", "a\r\n");
        check("a\nb\rc\r\nd\r\n", "a\r\nb\r\nc\r\nd\r\n");
        check("a\n\n\nb", "a\r\n\r\n\r\nb\r\n");
        check("bell\u{7} and \u{0}nul\tтаб", "bell and nul\tтаб\r\n");
    }

    #[test]
    fn html_reads_as_text_with_its_links() {
        let html = "<html><body><h1>Новый заказ</h1><p>Ткань, 200 м. <a href=\"https://example.com/o/1\">Открыть</a></p>\
                    <ul><li>раз</li><li>два</li></ul></body></html>";
        insta::assert_snapshot!(from_html(html).unwrap());
    }

    #[test]
    fn deep_html_does_not_break_us() {
        let html = "<div>".repeat(2_000) + "x";
        assert!(from_html(&html).is_ok());
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "(\\PC|[\r\n\t\0\u{1b}]){0,200}") {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once.clone());
            prop_assert!(!once.replace("\r\n", "").contains(['\r', '\n', '\0']));
        }
    }
}
