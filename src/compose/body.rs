//! MIME structure: texts, inline images, attachments.
//!
//! Owns the tree (mixed > alternative > related) and its boundaries. Promises: the same letter has the same boundaries;
//! parts are 7bit, quoted-printable or base64, the shortest of what fits, so that no relay re-encodes them and the
//! signature survives. Leaves header fields of the letter to `headers`.

use std::borrow::Cow;

use mail_builder::{
    headers::{HeaderType, content_type::ContentType, raw::Raw},
    mime::{BodyPart, MimePart},
};

use super::{field, text};
use crate::mail::{LetterId, Part, Unsendable};

/// Longest media type we pass on; real ones stay below (RFC 6838 §4.2).
const MEDIA_TYPE_MAX: usize = 200;

/// What a letter says.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    pub(super) subject: Cow<'a, str>,
    pub(super) text: Option<Cow<'a, str>>,
    pub(super) html: Option<Cow<'a, str>>,
}

impl<'a> Texts<'a> {
    pub(super) fn ready(subject: &'a str, text: Option<&'a str>, html: Option<&'a str>) -> Self {
        Self {
            subject: subject.into(),
            text: text.map(Cow::from),
            html: html.map(Cow::from),
        }
    }

    /// A letter without subject or without words is a mistake of its sender, and looks like spam.
    pub(super) fn check(&self) -> Result<(), Unsendable> {
        if field::clean(&self.subject).is_empty() {
            return Err(Unsendable::new("subject", "is empty"));
        }
        if self.text.is_none() && self.html.is_none() {
            return Err(Unsendable::new("text", "neither text nor html is given"));
        }
        Ok(())
    }
}

/// Enough room for the body that nothing grows while writing: base64 needs four octets for three.
pub(super) fn estimated_octets(texts: &Texts<'_>, parts: &[Part]) -> usize {
    let length = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
    let files: usize = parts.iter().map(|part| part.bytes.len() + 512).sum();
    (length(&texts.text) + length(&texts.html) + files) * 3 / 2 + 1_024
}

/// Writes Content-* fields, the empty line and the body.
pub(super) fn write(
    out: &mut Vec<u8>,
    id: LetterId,
    texts: &Texts<'_>,
    parts: &[Part],
) -> Result<(), Unsendable> {
    check_parts(parts)?;
    let has_html = texts.html.is_some();
    let (inline, attached): (Vec<_>, Vec<_>) = parts
        .iter()
        .partition(|part| has_html && part.content_id.is_some());
    let mut root = words(id, texts, &inline)?;
    if !attached.is_empty() {
        let children = std::iter::once(root).chain(attached.into_iter().map(file));
        root = multipart("mixed", id, children.collect());
    }
    root.write_part(out);
    Ok(())
}

/// Text alone, or text and HTML as alternatives, the better one last (RFC 2046 §5.1.4).
fn words<'x>(
    id: LetterId,
    texts: &Texts<'x>,
    inline: &[&'x Part],
) -> Result<MimePart<'x>, Unsendable> {
    let plain = match (&texts.text, &texts.html) {
        (Some(given), _) => text::canonical(given),
        (None, Some(html)) => text::canonical(&text::from_html(html)?),
        (None, None) => String::new(),
    };
    let plain = MimePart::new("text/plain", plain);
    let Some(html) = &texts.html else {
        return Ok(plain);
    };
    let mut rich = MimePart::new("text/html", text::canonical(html));
    if !inline.is_empty() {
        let children = std::iter::once(rich).chain(inline.iter().copied().map(file));
        rich = multipart("related", id, children.collect());
    }
    Ok(multipart("alternative", id, vec![plain, rich]))
}

/// The boundary comes from the letter's id: no clock, no chance, no host name. `=_` keeps it out of base64 and
/// quoted-printable (RFC 2045 §6.7).
fn multipart<'x>(kind: &str, id: LetterId, children: Vec<MimePart<'x>>) -> MimePart<'x> {
    let boundary = format!("=_{}_{}", id.0.simple(), &kind[..1]);
    let content_type =
        ContentType::new(format!("multipart/{kind}")).attribute("boundary", boundary);
    MimePart::new(content_type, children)
}

/// A file in base64, whatever its type: relays may touch line ends of anything that looks like text.
fn file(part: &Part) -> MimePart<'_> {
    let name = field::clean(&part.name);
    let way = if part.content_id.is_some() {
        "inline"
    } else {
        "attachment"
    };
    let file = MimePart {
        headers: vec![(
            "Content-Type".into(),
            HeaderType::Raw(Raw::new(part.media_type.as_str())),
        )],
        contents: BodyPart::Binary(part.bytes.as_slice().into()),
    };
    let file = file.header(
        "Content-Disposition",
        ContentType::new(way).attribute("filename", name),
    );
    match &part.content_id {
        Some(content_id) => file.cid(content_id.as_str()),
        None => file,
    }
}

fn check_parts(parts: &[Part]) -> Result<(), Unsendable> {
    for (index, part) in parts.iter().enumerate() {
        let fault = |what: &str, why: &str| {
            Unsendable::new(format!("attachments[{index}].{what}"), why.to_owned())
        };
        if field::clean(&part.name).is_empty() {
            return Err(fault("name", "is empty"));
        }
        if !is_file_type(&part.media_type) {
            return Err(fault("type", "is not a media type that can carry a file"));
        }
        if !part.content_id.as_deref().is_none_or(is_content_id) {
            return Err(fault(
                "content_id",
                "must be visible ASCII without spaces and <>",
            ));
        }
    }
    Ok(())
}

/// `type/subtype` with optional parameters. Containers may not be base64 (RFC 2046 §5.1, §5.2.1), so they are no files.
fn is_file_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let is_token = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let container = ["multipart", "message"]
        .iter()
        .any(|word| kind.eq_ignore_ascii_case(word));
    let visible = media_type
        .bytes()
        .all(|b| b.is_ascii_graphic() || b == b' ');
    is_token(kind)
        && is_token(subtype)
        && !container
        && visible
        && media_type.len() <= MEDIA_TYPE_MAX
}

fn is_content_id(id: &str) -> bool {
    let visible = id
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b));
    !id.is_empty() && visible && id.len() <= 200
}
