//! A mail taken apart: its head and the parts that a report may speak in.
//!
//! Owns the walk over MIME (RFC 2046), as lenient as reports are broken: mistyped media, boundaries that never end, no MIME
//! at all. Promises: depth, parts and decoded bytes are bounded and each level is read once, so that the time is linear in
//! the mail; what a returned message contains is never taken for a part of the report; attachments are not decoded.
//! The library that decodes for us is not used for the walk: it decodes every attachment, and its search for lost
//! boundaries is quadratic. Knows no report: see [`super::dsn`] and [`super::form`].

use std::borrow::Cow;

use memchr::memmem;

use super::{decode, field::Fields};

/// Multiparts nest so deep in real reports only when somebody plays (seen: 4).
const DEPTH_MAX: usize = 8;
/// A report has three parts (RFC 6522), with alternatives and logos a dozen.
const PARTS_MAX: usize = 100;

/// A mail taken apart.
#[derive(Debug)]
pub(super) struct Mail<'x> {
    /// The fields of the mail itself.
    pub(super) head: Fields<'x>,
    /// Media type of the mail itself with its parameters, in lower case.
    pub(super) media: String,
    /// The parts that are no multiparts, in their order.
    pub(super) parts: Vec<Part<'x>>,
}

/// One part.
#[derive(Debug)]
pub(super) struct Part<'x> {
    /// What it is, as a report goes.
    pub(super) kind: Kind,
    /// Whether it is an attached file and not part of the text.
    pub(super) attached: bool,
    head: Fields<'x>,
    body: &'x [u8],
}

/// What a part is, as far as a report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words for people.
    Text,
    /// The same with markup.
    Html,
    /// Fields for machines about deliveries (RFC 3464, RFC 6533).
    Status,
    /// Fields for machines about a complaint (RFC 5965).
    Feedback,
    /// The letter itself, or its head.
    Original,
    /// A read receipt (RFC 8098).
    Disposition,
    /// Pictures, archives and what else travels along.
    Other,
}

impl<'x> Mail<'x> {
    /// Takes any bytes apart.
    pub(super) fn take_apart(bytes: &'x [u8]) -> Self {
        let (head, body) = if is_json(bytes) {
            (Fields::default(), bytes)
        } else {
            Fields::split(bytes)
        };
        let media = media_of(&head);
        let mut parts = Vec::new();
        walk(&head, &media, body, 0, &mut parts);
        Self { head, media, parts }
    }

    /// The parts of that kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Part<'x>> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// The returned letter, also where it is an attached text.
    pub(super) fn letter(&self) -> Option<&Part<'x>> {
        let attached = || {
            self.parts
                .iter()
                .find(|part| part.attached && part.kind == Kind::Text)
        };
        self.of(Kind::Original).next().or_else(attached)
    }

    /// Whether the mail calls itself a report of that type (RFC 6522 §3).
    pub(super) fn is_report(&self, name: &str) -> bool {
        self.media.starts_with("multipart/") && self.media.contains(name)
    }
}

impl<'x> Part<'x> {
    /// The part as text: transfer encoding and charset undone, at most [`decode::TEXT_MAX_BYTES`].
    pub(super) fn text(&self) -> Cow<'x, str> {
        let encoding = self.head.get("Content-Transfer-Encoding");
        let media = self.head.get("Content-Type");
        let charset = media
            .as_deref()
            .and_then(|media| attribute(media, "charset"));
        decode::text(self.body, encoding.as_deref(), charset)
    }
}

fn walk<'x>(
    head: &Fields<'x>,
    media: &str,
    body: &'x [u8],
    depth: usize,
    parts: &mut Vec<Part<'x>>,
) {
    let boundary = head.get("Content-Type");
    let boundary = boundary
        .as_deref()
        .and_then(|media| attribute(media, "boundary"));
    if let (true, Some(boundary)) = (media.starts_with("multipart/"), boundary)
        && depth < DEPTH_MAX
    {
        let before = parts.len();
        for inner in between(body, boundary) {
            if parts.len() >= PARTS_MAX {
                return;
            }
            let (head, body) = Fields::split(inner);
            if head.has("Received") {
                // The type was forgotten: the part is the returned letter itself.
                parts.push(Part {
                    kind: Kind::Original,
                    attached: false,
                    head: Fields::default(),
                    body: inner,
                });
                continue;
            }
            let media = media_of(&head);
            walk(&head, &media, body, depth + 1, parts);
        }
        if parts.len() > before {
            return;
        }
    }
    parts.push(Part {
        kind: kind_of(media),
        attached: is_attached(head),
        head: head.clone(),
        body,
    });
}

/// Whether this is no mail but a notification for machines, as a provider posts it: an object or a list of objects.
fn is_json(bytes: &[u8]) -> bool {
    let mut marks = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    match marks.next() {
        Some(b'{') => matches!(marks.next(), Some(b'"')),
        Some(b'[') => matches!(marks.next(), Some(b'{')),
        _ => false,
    }
}

fn media_of(head: &Fields<'_>) -> String {
    head.get("Content-Type")
        .map_or_else(String::new, |media| media.to_ascii_lowercase())
}

fn is_attached(head: &Fields<'_>) -> bool {
    let way = head.get("Content-Disposition");
    way.is_some_and(|way| {
        way.trim_start()
            .to_ascii_lowercase()
            .starts_with("attachment")
    })
}

/// The kind behind a media type. Mistypings seen in the wild: `rfc/822`, `message/rfc-822`, `text/rfc822-header`,
/// `test/plain`.
fn kind_of(media: &str) -> Kind {
    let name = media.split([';', ' ']).next().unwrap_or_default();
    match name {
        "" | "text" | "text/plain" | "test/plain" => Kind::Text,
        "text/html" => Kind::Html,
        _ if name.contains("delivery-status") => Kind::Status,
        _ if name.contains("feedback-report") => Kind::Feedback,
        _ if name.contains("disposition-notification") => Kind::Disposition,
        _ if name.contains("rfc822") || name.contains("rfc-822") || name.contains("rfc/822") => {
            Kind::Original
        }
        "message/global" | "message/global-headers" | "message/partial" | "message" => {
            Kind::Original
        }
        // A multipart without a usable boundary is read as the text that it shows.
        _ if name.starts_with("multipart/") => Kind::Text,
        _ => Kind::Other,
    }
}

/// What lies between the lines of a boundary (RFC 2046 §5.1.1). A missing last line ends with the bytes.
fn between<'x>(body: &'x [u8], boundary: &str) -> Vec<&'x [u8]> {
    let line = [b"--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    let mut start = None;
    for at in memmem::find_iter(body, &line) {
        let Some((next, last)) = boundary_end(body, at, at + line.len()) else {
            continue;
        };
        if let Some(start) = start.take() {
            parts.push(without_break(&body[start..at.max(start)]));
        }
        if last || parts.len() > PARTS_MAX {
            return parts;
        }
        start = Some(next);
    }
    parts.extend(start.map(|start| &body[start..]));
    parts
}

/// Where the line of a boundary ends and whether it was the last one; `None` where it is no such line.
fn boundary_end(body: &[u8], start: usize, end: usize) -> Option<(usize, bool)> {
    if start > 0 && body[start - 1] != b'\n' {
        return None;
    }
    let rest = super::field::line_at(body, end);
    let last = rest.starts_with(b"--");
    let tail = if last { &rest[2..] } else { rest };
    let clean = tail.iter().all(u8::is_ascii_whitespace);
    // Some writers append more dashes than they should.
    (clean || last).then_some((end + rest.len(), last))
}

/// The line break before a boundary belongs to the boundary.
fn without_break(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// A parameter of a structured field (RFC 2045 §5.1), quoted or not; the separating `;` may be forgotten.
pub(super) fn attribute<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let lower = value.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find(name) {
        let start = from + found;
        from = start + name.len();
        let fresh = lower[..start].ends_with([';', ' ', '\t', '"']) || start == 0;
        let rest = value[from..].trim_start();
        if let (true, Some(rest)) = (fresh, rest.strip_prefix('=')) {
            return Some(attribute_value(rest.trim_start()));
        }
    }
    None
}

fn attribute_value(rest: &str) -> &str {
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([';', ' ', '\t']).next(),
    };
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let mail = Mail::take_apart(text.as_bytes());
        let part = |part: &Part<'_>| format!("{:?}({})", part.kind, part.text().trim());
        let parts: Vec<String> = mail.parts.iter().map(part).collect();
        parts.join(" ")
    }

    #[test]
    fn a_report_has_its_parts_and_a_returned_message_is_one_of_them() {
        let text = "Content-Type: multipart/report; boundary=\"b 1\"\n\npreamble\n--b 1\n\nHello\n--b 1\nContent-Type: \
            message/delivery-status\n\nAction: failed\n--b 1\nContent-Type: rfc/822\n\nContent-Type: multipart/mixed; \
            boundary=c\n\n--c\n\ninner\n--c--\n--b 1--\nepilogue";
        assert_eq!(
            shape(text),
            "Text(Hello) Status(Action: failed) Original(Content-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--c--)"
        );
        assert_eq!(
            shape(text),
            shape(&text.replace('\n', "\r\n")).replace('\r', "")
        );
    }

    #[test]
    fn boundaries_that_never_come_leave_a_text() {
        assert_eq!(
            shape("Content-Type: multipart/mixed; boundary=x\n\nHi"),
            "Text(Hi)"
        );
        assert_eq!(shape("Content-Type: multipart/mixed\n\nHi"), "Text(Hi)");
        assert_eq!(
            shape("Content-Type: multipart/mixed; boundary=x\n\n--x\n\nHi"),
            "Text(Hi)"
        );
        assert_eq!(
            shape("Content-Type: multipart/mixed; boundary=x\n\n--xy\n\nHi\n--x\n\nHo"),
            "Text(Ho)"
        );
    }

    #[test]
    fn nesting_ends() {
        let level =
            |depth| format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n");
        let text: Vec<String> = (0..1000).map(level).collect();
        let text = text.concat();
        assert!(Mail::take_apart(text.as_bytes()).parts.len() <= 1);
    }
}
