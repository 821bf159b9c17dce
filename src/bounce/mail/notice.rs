//! The words for people in a report, and where the returned letter begins in them.
//!
//! Owns [`Notice`]: the text of the reporter, its lines with the phrases on them, and what follows its last word. Promises:
//! one pass over the text; what the returned letter says is never taken for the reporter's words.

use std::borrow::Cow;

use super::{
    address,
    field::Fields,
    part::{Kind, Mail, Part},
    phrase::{self, Hit, Sign},
};

/// Behind so many lines a returned head should have begun.
const HEAD_WITHIN_LINES: usize = 4;
/// Longer lines are sentences, no marks.
const MARK_MAX_BYTES: usize = 100;

/// The words for people.
#[derive(Debug)]
pub(super) struct Notice<'t> {
    /// What the reporter says.
    pub(super) text: &'t str,
    /// The letter that follows in the same text; empty where none does.
    pub(super) returned: &'t str,
    /// The phrases in the reporter's words.
    pub(super) hits: Vec<Hit>,
}

/// One line of a notice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'n, 't> {
    /// The line without its end.
    pub(super) text: &'t str,
    /// Where it starts in the notice.
    pub(super) start: usize,
    /// The phrases that end on it.
    pub(super) hits: &'n [Hit],
}

impl<'t> Notice<'t> {
    /// Reads a text.
    pub(super) fn read(text: &'t str) -> Self {
        let mut hits = Vec::new();
        for hit in phrase::find(text) {
            if hit.sign == Sign::Returned {
                if let Some((end, next)) = cut(text, hit) {
                    return Self {
                        text: &text[..end],
                        returned: &text[next..],
                        hits,
                    };
                }
            } else {
                hits.push(hit);
            }
        }
        Self {
            text,
            returned: "",
            hits,
        }
    }

    /// Whether a phrase of that sign stands in the notice.
    pub(super) fn has(&self, sign: Sign) -> bool {
        self.hits.iter().any(|hit| hit.sign == sign)
    }

    /// The program that wrote it, where it signs.
    pub(super) fn writer(&self) -> Option<&'static str> {
        self.hits.iter().find_map(|hit| match hit.sign {
            Sign::Writer(name) => Some(name),
            _ => None,
        })
    }

    /// The lines with their phrases.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_, 't>> {
        let mut start = 0;
        let mut from = 0;
        self.text.split_inclusive('\n').map(move |line| {
            let end = start + line.len();
            let to = from
                + self.hits[from..]
                    .iter()
                    .take_while(|hit| hit.end <= end)
                    .count();
            let found = Line {
                text: line.trim_end_matches(['\n', '\r']),
                start,
                hits: &self.hits[from..to],
            };
            (start, from) = (end, to);
            found
        })
    }
}

/// The text for people in a mail: its plain parts before the returned letter, or the marked-up one where there is none.
pub(super) fn text_of<'x>(mail: &Mail<'x>) -> Cow<'x, str> {
    let before = mail
        .parts
        .iter()
        .take_while(|part| part.kind != Kind::Original);
    let mut plain = before.filter(|part| part.kind == Kind::Text && !part.attached);
    let Some(first) = plain.next().map(Part::text) else {
        let html = mail.of(Kind::Html).next().map(Part::text);
        return html.map_or(Cow::Borrowed(""), html_text);
    };
    let mut text = first;
    for more in plain {
        text = Cow::Owned(format!("{text}\n{}", more.text()));
    }
    if looks_marked_up(&text) {
        plain_of(&text)
    } else {
        text
    }
}

/// Words that were only labelled as marked up keep their lines.
fn html_text(html: Cow<'_, str>) -> Cow<'_, str> {
    let start = html[..html.floor_char_boundary(8192)].to_ascii_lowercase();
    let marks = [
        "<html", "<br", "<p>", "<p ", "<div", "<table", "<body", "</",
    ];
    if marks.iter().any(|mark| start.contains(mark)) {
        plain_of(&html)
    } else {
        html
    }
}

fn looks_marked_up(text: &str) -> bool {
    let start = text.trim_start();
    start.starts_with("<html") || start.starts_with("<HTML") || start.starts_with("<!DOCTYPE")
}

fn plain_of<'x>(html: &str) -> Cow<'x, str> {
    Cow::Owned(mail_parser::decoders::html::html_to_text(html))
}

/// Where the reporter's words end and the returned letter begins, if this phrase is such a mark.
fn cut(text: &str, hit: Hit) -> Option<(usize, usize)> {
    if text.as_bytes()[hit.start] == b'\n' {
        return Some((hit.start + 1, hit.start + 1));
    }
    let start = text[..hit.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[hit.end..]
        .find('\n')
        .map_or(text.len(), |at| hit.end + at + 1);
    let line = text[start..end].trim();
    let decorated = line.starts_with(|c: char| !c.is_alphanumeric())
        || line.ends_with(['-', '=', '*', '|', ':']);
    let alone = end.saturating_sub(hit.end) < 8;
    let mark = line.len() <= MARK_MAX_BYTES && (decorated || alone && head_follows(&text[end..]));
    mark.then_some((start, end))
}

/// Whether a head begins soon, or nothing comes any more.
fn head_follows(rest: &str) -> bool {
    let mut lines = rest
        .lines()
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .take(HEAD_WITHIN_LINES)
        .peekable();
    lines.peek().is_none()
        || lines.any(|line| {
            let (fields, _) = Fields::split(line.trim_start_matches([' ', '>']).as_bytes());
            !fields.is_empty() && address::leading(line).is_none()
                || line.starts_with("Message removed")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, said: &str, returned: &str) {
        let notice = Notice::read(text);
        assert_eq!((notice.text, notice.returned), (said, returned), "{text}");
    }

    #[test]
    fn the_returned_letter_is_no_word_of_the_reporter() {
        check(
            "No.\n\n--- Below this line is a copy of the message.\n\nTo: a\n",
            "No.\n\n",
            "\nTo: a\n",
        );
        check(
            "No.\nOriginal message follows.\n\nTo: a\n",
            "No.\n",
            "\nTo: a\n",
        );
        check("No.\nReceived: from a\n", "No.\n", "Received: from a\n");
    }

    #[test]
    fn a_sentence_about_the_letter_is_no_mark() {
        let text = "A copy of the original message is kept for seven days by our system.\n<a@b.example>: no\n";
        check(text, text, "");
    }
}
