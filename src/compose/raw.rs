//! A message that the caller wrote itself.
//!
//! Owns which of its fields stay. Promises: what `headers` writes appears once, from us; trace, signature and routing
//! fields of a former life are gone; line ends are CRLF. A field that cannot be kept safely stops the letter with the
//! line that is wrong. Leaves cutting into fields to `head` and the body to `entity`.

use mail_parser::MessageParser;

use super::{
    entity::Entity,
    field,
    head::{Field, fields, is_wire_safe, split_head},
};
use crate::mail::Unsendable;

/// Ours alone, or left over from an earlier journey.
const DROPPED: [&str; 33] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "date",
    "message-id",
    "mime-version",
    "return-path",
    "received",
    "received-spf",
    "authentication-results",
    "domainkey-signature",
    "dkim-signature",
    "delivered-to",
    "envelope-to",
    "apparently-to",
    "errors-to",
    "x-original-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-id",
    "feedback-id",
    "precedence",
    "auto-submitted",
    "x-auto-response-suppress",
    "x-postmaster-msgtype",
    "x-mailru-msgtype",
    "cfbl-address",
    "cfbl-feedback-id",
    "status",
    "x-status",
];

/// Families of such fields.
const DROPPED_PREFIXES: [&str; 6] = [
    "arc-",
    "resent-",
    "x-postrider-",
    "x-google-",
    "x-ms-exchange-",
    "x-spam-",
];

/// Fields that RFC 5322 §3.6 allows once; the first counts, as mail readers take it.
const ONCE: [&str; 4] = ["in-reply-to", "references", "comments", "keywords"];

/// A ready message without what is ours.
pub(super) struct Raw {
    pub(super) subject: String,
    kept: Vec<u8>,
    entity: Vec<u8>,
}

impl Raw {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unsendable> {
        let message = crlf(bytes);
        let (head, body) = split_head(&message);
        let fields = fields(head).map_err(|why| Unsendable::new("raw", why))?;
        let entity = Entity {
            fields: fields.iter().copied().filter(is_content).collect(),
            body,
        };
        Ok(Self {
            subject: subject(&fields)?,
            kept: kept(&fields)?,
            entity: entity.write()?,
        })
    }

    /// Writes what `headers` did not: the caller's own fields, Content-* and the body.
    pub(super) fn write_rest(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.kept);
        out.extend_from_slice(&self.entity);
    }
}

/// Every line end as CRLF: a bare CR or LF is a line end to some relay (RFC 5321 §2.3.8) and breaks signatures.
fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 2);
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\r\n");
        let both = rest[at..].starts_with(b"\r\n");
        rest = &rest[at + 1 + usize::from(both)..];
    }
    out.extend_from_slice(rest);
    if !rest.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn is_content(field: &Field<'_>) -> bool {
    has_prefix(field.name, "content-")
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn is_dropped(name: &str) -> bool {
    DROPPED.iter().any(|ours| name.eq_ignore_ascii_case(ours))
        || DROPPED_PREFIXES.iter().any(|ours| has_prefix(name, ours))
}

/// The first Subject, decoded; it is written anew.
fn subject(fields: &[Field<'_>]) -> Result<String, Unsendable> {
    let field = fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("subject"))
        .ok_or_else(|| Unsendable::new("raw", "has no Subject"))?;
    let decoded = MessageParser::new()
        .parse_headers(field.whole)
        .and_then(|message| message.subject().map(str::to_owned))
        .unwrap_or_default();
    if field::clean(&decoded).is_empty() {
        return Err(Unsendable::new("raw", "its Subject is empty"));
    }
    Ok(decoded)
}

fn kept(fields: &[Field<'_>]) -> Result<Vec<u8>, Unsendable> {
    let mut out = Vec::new();
    let mut once: Vec<&str> = Vec::new();
    for field in fields {
        let subject = field.name.eq_ignore_ascii_case("subject");
        if subject || is_content(field) || is_dropped(field.name) {
            continue;
        }
        if let Some(name) = ONCE
            .into_iter()
            .find(|n| n.eq_ignore_ascii_case(field.name))
        {
            if once.contains(&name) {
                continue;
            }
            once.push(name);
        }
        keep(&mut out, field)?;
    }
    Ok(out)
}

/// ASCII stays as it is folded; UTF-8 is encoded; anything else no receiver would read alike.
fn keep(out: &mut Vec<u8>, field: &Field<'_>) -> Result<(), Unsendable> {
    if is_wire_safe(field.whole) {
        out.extend_from_slice(field.whole);
        return Ok(());
    }
    let value = &field.whole[field.name.len() + 1..];
    let value = std::str::from_utf8(value).map_err(|_| {
        Unsendable::new(
            "raw",
            format!("the field {} is neither ASCII nor UTF-8", field.name),
        )
    })?;
    field::text(out, field.name, &value.replace("\r\n", ""));
    Ok(())
}
