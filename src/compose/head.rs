//! The head of a message that somebody else wrote, as fields.
//!
//! Owns where a head ends and where each of its fields does. Promises: nothing is decoded or repaired, so what is kept is
//! kept octet for octet; a line that is no field is named by its number. Leaves which fields may stay to `raw` and
//! `entity`.

/// RFC 5322 §2.1.1, without the CRLF.
pub(super) const LINE_MAX: usize = 998;

/// One field as it stands: name, and everything from the name to the final CRLF.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) whole: &'a [u8],
}

/// Splits at the first empty line; without one everything is head.
pub(super) fn split_head(message: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = message.strip_prefix(b"\r\n") {
        return (b"", body);
    }
    match message.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, b""),
    }
}

/// Fields with their continuation lines, or which line is none.
pub(super) fn fields(head: &[u8]) -> Result<Vec<Field<'_>>, String> {
    let mut fields = Vec::new();
    let (mut start, mut line_number) = (0, 1);
    while start < head.len() {
        let end = field_end(head, start);
        let whole = &head[start..end];
        let name = field_name(whole).ok_or_else(|| {
            format!(
                "line {line_number} is neither a header field nor the empty line before the body"
            )
        })?;
        fields.push(Field { name, whole });
        line_number += whole.split(|b| *b == b'\n').count() - 1;
        start = end;
    }
    Ok(fields)
}

fn field_end(head: &[u8], start: usize) -> usize {
    let mut end = start;
    while let Some(at) = head[end..].iter().position(|b| *b == b'\n') {
        end += at + 1;
        if !matches!(head.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
    head.len()
}

/// RFC 5322 §3.6.8: visible ASCII without a colon.
fn field_name(whole: &[u8]) -> Option<&str> {
    let colon = whole.iter().position(|b| *b == b':')?;
    let name = std::str::from_utf8(&whole[..colon]).ok()?;
    let visible = name.bytes().all(|b| b.is_ascii_graphic());
    (visible && !name.is_empty() && name.len() <= 76).then_some(name)
}

/// ASCII without control characters, no line too long, no folded line without a visible character.
pub(super) fn is_wire_safe(whole: &[u8]) -> bool {
    let lines = whole.strip_suffix(b"\r\n").unwrap_or(whole);
    lines.split(|b| *b == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() <= LINE_MAX
            && line.iter().any(u8::is_ascii_graphic)
            && line.iter().all(|b| matches!(b, b'\t' | b' '..=b'~'))
    })
}
