//! A MIME entity that the caller wrote: checked, and re-encoded where a relay would do it for us.
//!
//! Owns Content-* fields and bodies of ready messages. Promises: 7-bit lines of at most 998 octets, so that no relay
//! re-encodes them and breaks the signature (RFC 6376 §5.3); parts that are fine already stay byte for byte. What
//! cannot be repaired stops the letter. Leaves the other fields to `raw`.

use mail_builder::{
    headers::content_type::ContentType,
    mime::{BodyPart, MimePart},
};
use mail_parser::{MessageParser, MimeHeaders};

use super::head::{Field, LINE_MAX, fields, is_wire_safe, split_head};
use crate::mail::Unsendable;

/// Parts within parts: real letters have four or five levels.
const DEPTH_MAX: usize = 16;

/// Content-* fields and a body.
pub(super) struct Entity<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// The entity as it may travel.
    pub(super) fn write(&self) -> Result<Vec<u8>, Unsendable> {
        let mut out = Vec::with_capacity(self.body.len() + 512);
        self.write_at(&mut out, 1)?;
        Ok(out)
    }

    fn write_at(&self, out: &mut Vec<u8>, depth: usize) -> Result<(), Unsendable> {
        if let Some(field) = self.fields.iter().find(|field| !is_wire_safe(field.whole)) {
            return Err(broken(format!(
                "the field {} of a part has 8-bit or control characters, or a line beyond 998",
                field.name
            )));
        }
        let kind = self.kind();
        if is_clean(self.body) {
            self.write_fields(out, &[]);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(self.body);
            return Ok(());
        }
        match kind.c_type.as_ref() {
            "multipart" if depth < DEPTH_MAX => self.write_multipart(out, &kind, depth),
            "multipart" => Err(broken("has too many parts within parts".to_owned())),
            "message" => Err(broken(
                "holds an attached message with 8-bit octets or lines beyond 998".to_owned(),
            )),
            _ => self.write_leaf(out, kind),
        }
    }

    /// Rewrites each part; what stands before the first and after the last is for nobody (RFC 2046 §5.1.1).
    fn write_multipart(
        &self,
        out: &mut Vec<u8>,
        kind: &Kind,
        depth: usize,
    ) -> Result<(), Unsendable> {
        let boundary = kind
            .attribute("boundary")
            .ok_or_else(|| broken("is multipart without a boundary".to_owned()))?;
        self.write_fields(out, &["content-transfer-encoding"]);
        out.extend_from_slice(b"\r\n");
        for part in split_parts(self.body, boundary) {
            let (head, body) = split_head(part);
            let part = Entity {
                fields: fields(head).map_err(|why| broken(format!("in a MIME part, {why}")))?,
                body,
            };
            out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            part.write_at(out, depth + 1)?;
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(())
    }

    /// Encodes a text or a file: quoted-printable or base64, whichever is shorter for text, base64 for the rest.
    fn write_leaf(&self, out: &mut Vec<u8>, kind: Kind) -> Result<(), Unsendable> {
        if let Some(claimed) = self.encoding().filter(|claimed| is_seven_bit(claimed)) {
            return Err(broken(format!(
                "a part claims to be {claimed} but has 8-bit octets or lines beyond 998"
            )));
        }
        // mail-builder takes zero characters for harmless ASCII, and no charset that mails may use has them in a text.
        if kind.c_type == "text" && self.body.contains(&0) {
            return Err(broken("a text has a zero character".to_owned()));
        }
        self.write_fields(out, &["content-type", "content-transfer-encoding"]);
        let mut content_type = ContentType::new(format!("{}/{}", kind.c_type, kind.subtype));
        content_type.attributes = kind
            .attributes
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let part = MimePart {
            headers: vec![("Content-Type".into(), content_type.into())],
            contents: BodyPart::Binary(self.body.into()),
        };
        part.write_part(out);
        Ok(())
    }

    /// Each field once, but those named in `without`.
    fn write_fields(&self, out: &mut Vec<u8>, without: &[&str]) {
        for (index, field) in self.fields.iter().enumerate() {
            let again = self.fields[..index]
                .iter()
                .any(|earlier| earlier.name.eq_ignore_ascii_case(field.name));
            let left_out = without
                .iter()
                .any(|name| name.eq_ignore_ascii_case(field.name));
            if !again && !left_out {
                out.extend_from_slice(field.whole);
            }
        }
    }

    /// What the entity says it is; text when it says nothing (RFC 2045 §5.2).
    fn kind(&self) -> Kind {
        let stated = self.find("content-type").and_then(|field| {
            let message = MessageParser::new().parse_headers(field.whole)?;
            message.content_type().map(Kind::of)
        });
        stated.unwrap_or_else(|| Kind::plain(self.body))
    }

    fn encoding(&self) -> Option<String> {
        let field = self.find("content-transfer-encoding")?;
        let value = std::str::from_utf8(&field.whole[field.name.len() + 1..]).ok()?;
        Some(value.trim().to_ascii_lowercase())
    }

    fn find(&self, name: &str) -> Option<&Field<'a>> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// A media type, apart from the text it came from.
struct Kind {
    c_type: String,
    subtype: String,
    attributes: Vec<(String, String)>,
}

impl Kind {
    fn of(stated: &mail_parser::ContentType<'_>) -> Self {
        let attributes = stated.attributes().unwrap_or_default();
        Self {
            c_type: stated.ctype().to_ascii_lowercase(),
            subtype: stated.subtype().unwrap_or("plain").to_ascii_lowercase(),
            attributes: attributes
                .iter()
                .map(|attribute| (attribute.name.to_string(), attribute.value.to_string()))
                .collect(),
        }
    }

    fn plain(body: &[u8]) -> Self {
        let charset = std::str::from_utf8(body).map_or("unknown-8bit", |_| "utf-8");
        Self {
            c_type: "text".to_owned(),
            subtype: "plain".to_owned(),
            attributes: vec![("charset".to_owned(), charset.to_owned())],
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The octets between boundary lines, without the CRLF that belongs to the boundary (RFC 2046 §5.1.1).
fn split_parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut part_start = None;
    let mut at = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        let end = at + line.len();
        if let Some(tail) = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary.as_bytes()))
        {
            let last = tail.starts_with(b"--");
            if last || tail.trim_ascii().is_empty() {
                parts.extend(part_start.map(|from| part_body(&body[from..at])));
                part_start = Some(end);
            }
            if last {
                return parts;
            }
        }
        at = end;
    }
    parts.extend(part_start.map(|from| part_body(&body[from..])));
    parts
}

fn part_body(octets: &[u8]) -> &[u8] {
    octets.strip_suffix(b"\r\n").unwrap_or(octets)
}

/// 7-bit, no NUL, no line too long: what every relay passes on untouched (RFC 2045 §2.7).
fn is_clean(body: &[u8]) -> bool {
    let ascii = body.iter().all(|b| b.is_ascii() && *b != 0);
    ascii
        && body
            .split(|b| *b == b'\n')
            .all(|line| line.len() <= LINE_MAX + 1)
}

fn is_seven_bit(encoding: &str) -> bool {
    matches!(encoding, "base64" | "quoted-printable")
}

fn broken(why: String) -> Unsendable {
    Unsendable::new("raw", why)
}
