//! Plain text: out of HTML, and in the form that mail wants.
//!
//! Owns line ends and the text part that stands in for a missing one. Promises: CRLF only, at the end too; no control
//! characters but tabs. Leaves transfer encodings to `body`.

use html2text::config;

use crate::mail::Unsendable;

/// Where lines of a derived text break (RFC 5322 §2.1.1 asks for 78 at most).
const WIDTH: usize = 76;

/// Real letters stay below 100; the work of reading HTML grows with the square of the depth.
const DEPTH_MAX: usize = 2_000;
/// Elements that have no end (HTML Living Standard §13.1.2).
const VOID: [&str; 8] = ["br", "img", "hr", "meta", "link", "input", "col", "wbr"];

/// The readable text of an HTML part; links are kept as footnotes.
pub(super) fn from_html(html: &str) -> Result<String, Unsendable> {
    if depth(html) > DEPTH_MAX {
        let why =
            format!("has tags more than {DEPTH_MAX} deep, so no text is made of it; give one");
        return Err(Unsendable::new("html", why));
    }
    config::plain_no_decorate()
        .link_footnotes(true)
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), WIDTH)
        .map(|text| tidy(&text))
        .map_err(|error| Unsendable::new("html", format!("no text can be made of it: {error}")))
}

/// How deep tags are nested, at most; an upper bound, because some elements end without a tag.
fn depth(html: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in html.split('<').skip(1) {
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric());
        let name = &tag[..end.unwrap_or(tag.len())];
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !name.is_empty() && !VOID.iter().any(|void| name.eq_ignore_ascii_case(void)) {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
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
    // The last line end ends the last line; it does not start another.
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    for line in lines {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if has_control(line) {
            push_without_controls(&mut out, line);
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

fn push_without_controls(out: &mut String, line: &str) {
    for c in line.chars() {
        match c {
            '\r' => out.push_str("\r\n"),
            c if is_control(c) => {}
            c => out.push(c),
        }
    }
}

/// Looks at every octet instead of stopping at the first, which lets the compiler look at many at once.
fn has_control(line: &str) -> bool {
    line.bytes()
        .fold(false, |found, b| found | is_control(char::from(b)))
}

const fn is_control(c: char) -> bool {
    (c < ' ' && c != '\t') || c == '\u{7f}'
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
    fn html_too_deep_for_text_is_refused_at_once() {
        assert!(from_html(&("<div>".repeat(2_000) + "x")).is_ok());
        let fault = from_html(&"<div>".repeat(200_000)).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "html: has tags more than 2000 deep, so no text is made of it; give one"
        );
        assert_eq!(depth("<p>a<br><img src=x></p><p>b</P>"), 1);
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
