//! Header fields, of mails and of the machine parts of reports.
//!
//! Owns the cutting of a block of `Name: value` lines. Promises: any bytes give some list, of at most [`FIELDS_MAX`]
//! fields; a space before the colon, folded values and a leading mbox line are taken as meant; LF and CRLF are the same;
//! the time is linear. Knows no field's meaning.

use std::borrow::Cow;

use memchr::memchr;

use super::decode;

/// What stands behind so many fields is not a head that anybody meant to be read.
pub(super) const FIELDS_MAX: usize = 400;
/// RFC 5322 §2.1.1 allows a line 998 octets; a name needs far fewer.
const NAME_MAX_BYTES: usize = 76;
/// Longer values are cut: no address, code or date needs more.
const VALUE_MAX_BYTES: usize = 8 * 1024;

/// The fields of one block, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'x> {
    list: Vec<Field<'x>>,
}

/// One field, its value still folded and encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'x> {
    /// The name as written.
    pub(super) name: &'x [u8],
    /// The value without the final line break.
    pub(super) value: &'x [u8],
}

impl<'x> Fields<'x> {
    /// Reads the head of a mail or part; the rest is its body.
    pub(super) fn split(bytes: &'x [u8]) -> (Self, &'x [u8]) {
        let mut fields = Self::default();
        let mut at = mbox_line(bytes);
        loop {
            let line = line_at(bytes, at);
            let next = at + line.len();
            if is_blank(line) {
                return (fields, &bytes[next.min(bytes.len())..]);
            }
            if !fields.take(bytes, at, line) && fields.list.is_empty() {
                return (fields, &bytes[at..]);
            }
            at = next;
        }
    }

    /// Reads every block of fields in a machine part; blank lines separate blocks (RFC 3464 §2.1).
    pub(super) fn blocks(text: &'x [u8]) -> Vec<Self> {
        let mut blocks = vec![Self::default()];
        let mut at = 0;
        while at < text.len() && blocks.len() <= FIELDS_MAX {
            let line = line_at(text, at);
            if is_blank(line) {
                if blocks.last().is_some_and(|block| !block.list.is_empty()) {
                    blocks.push(Self::default());
                }
            } else if let Some(block) = blocks.last_mut() {
                block.take(text, at, line);
            }
            at += line.len();
        }
        blocks
    }

    /// Takes one line: a new field, or more of the last one. Whether it was either.
    fn take(&mut self, bytes: &'x [u8], at: usize, line: &'x [u8]) -> bool {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(last) = self.list.last_mut() else {
                return false;
            };
            let start = last.value.as_ptr().addr() - bytes.as_ptr().addr();
            last.value = without_end(&bytes[start..at + line.len()]);
            return true;
        }
        let Some((name, value)) = name_and_value(line) else {
            return false;
        };
        if self.list.len() < FIELDS_MAX {
            self.list.push(Field { name, value });
        }
        true
    }

    /// The first field of that name, unfolded.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'x, str>> {
        self.all(name).next()
    }

    /// Every field of that name, unfolded.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = Cow<'x, str>> + 'f {
        let named = self.list.iter().filter(move |field| field.is(name));
        named.map(|field| unfold(field.value))
    }

    /// Whether there is a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|field| field.is(name))
    }

    /// All fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Field<'x>> {
        self.list.iter()
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'x> Field<'x> {
    /// The value on one line.
    pub(super) fn text(&self) -> Cow<'x, str> {
        unfold(self.value)
    }

    /// Whether this is the field of that name, in any case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The line that starts at `at`, its end included.
pub(super) fn line_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = &bytes[at.min(bytes.len())..];
    memchr(b'\n', rest).map_or(rest, |end| &rest[..=end])
}

/// Whether a line holds nothing but spaces; the end of the bytes counts as such a line.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Length of the envelope line that mbox files put before the first field.
fn mbox_line(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"From ") || bytes.starts_with(b">From ") {
        line_at(bytes, 0).len()
    } else {
        0
    }
}

fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', &line[..line.len().min(NAME_MAX_BYTES)])?;
    let name = line[..colon].trim_ascii_end();
    let good = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    good.then(|| (name, without_end(&line[colon + 1..])))
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A value on one line, trimmed, bytes that are not UTF-8 replaced.
fn unfold(value: &[u8]) -> Cow<'_, str> {
    let value = value[..value.len().min(VALUE_MAX_BYTES)].trim_ascii();
    let text = decode::lossy(value);
    if memchr(b'\n', value).is_none() {
        return text;
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    Cow::Owned(lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &Fields<'_>) -> Vec<String> {
        let field = |field: &Field<'_>| {
            format!(
                "{}={}",
                String::from_utf8_lossy(field.name),
                unfold(field.value)
            )
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn a_head_is_read_as_it_was_meant() {
        let text = b"From nobody Mon\nSubject: a\r\n b\nAction : failed\nno field\nX:\n\nbody: 1";
        let (fields, body) = Fields::split(text);
        assert_eq!(told(&fields), ["Subject=a b", "Action=failed", "X="]);
        assert_eq!(body, b"body: 1");
    }

    #[test]
    fn a_text_without_a_head_is_all_body() {
        let (fields, body) = Fields::split(b"Hello there,\nSubject: no\n");
        assert!(fields.is_empty());
        assert_eq!(body, b"Hello there,\nSubject: no\n");
    }

    #[test]
    fn blank_lines_separate_blocks() {
        let blocks = Fields::blocks(b"A: 1\n\n\nB: 2\nB: 3\r\n\r\nC: 4");
        let blocks: Vec<_> = blocks.iter().map(told).collect();
        assert_eq!(blocks, [vec!["A=1"], vec!["B=2", "B=3"], vec!["C=4"]]);
    }

    #[test]
    fn a_million_fields_are_a_bounded_list() {
        let text = b"X-Y: z\n".repeat(1_000_000);
        let (fields, body) = Fields::split(&text);
        assert_eq!(fields.iter().count(), FIELDS_MAX);
        assert!(body.is_empty());
    }
}
