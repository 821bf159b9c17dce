//! Addresses in running text.
//!
//! Owns the finding of what looks like a mail address in words for people, and what stands around it. Promises: no
//! bytes panic; the time is linear; what is found has one `@`, a local part and a domain with a dot. Whether it is a
//! recipient is for [`super::listed`].

use memchr::{memchr, memchr_iter, memrchr};

/// Longer is no address (RFC 5321 §4.5.3.1.3), whatever it looks like.
const ADDRESS_MAX_BYTES: usize = 320;

/// An address in a text, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'t> {
    /// The address itself.
    pub(super) address: &'t str,
    /// Where it starts in the text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// The first address in a text.
pub(super) fn first(text: &str) -> Option<Found<'_>> {
    all(text).next()
}

/// Every address in a text, in order.
pub(super) fn all(text: &str) -> impl Iterator<Item = Found<'_>> {
    memchr_iter(b'@', text.as_bytes()).filter_map(move |at| around(text, at))
}

/// The address at the beginning of a line behind bullets, brackets and quotes, and the rest of the line behind it.
pub(super) fn leading(line: &str) -> Option<(&str, &str)> {
    let bare =
        line.trim_start_matches(|c: char| c.is_whitespace() || "*>|•·\"'`(<[{=#~-".contains(c));
    memchr(b'@', bare.as_bytes()).filter(|at| *at < ADDRESS_MAX_BYTES)?;
    let found = first(bare)?;
    // "SMTP:" and the like may stand before it, words may not.
    let before = &bare[..found.start];
    let lower = before.to_ascii_lowercase();
    let clean = matches!(lower.as_str(), "" | "smtp:" | "rfc822;") || lower.ends_with("smtp=");
    clean.then(|| (found.address, behind(&bare[found.end..], found.address)))
}

/// The rest of a line without the closing brackets and without the same address once more.
fn behind<'t>(rest: &'t str, address: &str) -> &'t str {
    let rest = rest.trim_start_matches(['>', '"', '\'', '`', ')', ']', '}', ',']);
    let again = rest.trim_start().strip_prefix('<').and_then(|inner| {
        let (inner, after) = inner.split_once('>')?;
        let inner = inner.strip_prefix("mailto:").unwrap_or(inner);
        inner.eq_ignore_ascii_case(address).then_some(after)
    });
    again.unwrap_or(rest)
}

/// The bare address of a field value: `rfc822; <a@b.example>` or `"Name" <a@b.example>`.
pub(super) fn bare(value: &str) -> &str {
    let value = value.split_once(';').map_or(value, |(_, rest)| rest).trim();
    let inner = value
        .rfind('<')
        .and_then(|start| value[start + 1..].split('>').next());
    inner
        .unwrap_or(value)
        .trim()
        .trim_matches(['<', '>', '"', '\'', ','])
}

fn around(text: &str, at: usize) -> Option<Found<'_>> {
    let start = local_start(text, at)?;
    let end = at + 1 + domain_len(&text[at + 1..]);
    let domain = &text[at + 1..end];
    let sane = domain.contains('.') && start < at && end - start <= ADDRESS_MAX_BYTES;
    sane.then(|| Found {
        address: &text[start..end],
        start,
        end,
    })
}

fn local_start(text: &str, at: usize) -> Option<usize> {
    let low = text.floor_char_boundary(at.saturating_sub(ADDRESS_MAX_BYTES));
    let before = &text[low..at];
    if let Some(inner) = before.strip_suffix('"') {
        return memrchr(b'"', inner.as_bytes()).map(|start| low + start);
    }
    let local = before.rfind(|c| !is_local(c)).map_or(0, |index| {
        index + before[index..].chars().next().map_or(0, char::len_utf8)
    });
    let mut local = &before[local..];
    // X.400 addresses wrap others: `dda:SMTP=a@b.example`.
    if local.contains('=')
        && let Some(start) = local.to_ascii_lowercase().find("smtp=")
    {
        local = local.get(start + 5..)?;
    }
    let local = local.trim_start_matches(['\'', '*', '|', '`', '-', '.', '/', '=']);
    (!local.is_empty()).then(|| at - local.len())
}

fn domain_len(rest: &str) -> usize {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'));
    let domain = &rest[..end.unwrap_or(rest.len())];
    domain.trim_end_matches(['.', '-']).len()
}

fn is_local(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~.".contains(c),
        // The brackets, commas and stops of other scripts are no letters.
        c => c.is_alphanumeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = all(text).map(|found| found.address).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_are_found_in_running_text() {
        check("to <a@b.example>: no", &["a@b.example"]);
        check(
            "[SMTP:a.b@c.example] 'd@e.example'",
            &["a.b@c.example", "d@e.example"],
        );
        check("p=X;dda:SMTP=a@b.example; on Fri", &["a@b.example"]);
        check(
            "mail to a+b=c.example@d.example.",
            &["a+b=c.example@d.example"],
        );
        check("\"a b\"@c.example", &["\"a b\"@c.example"]);
        check("宛先、a@b.example、です", &["a@b.example"]);
        check("@b.example a@ a@b @", &[]);
    }

    #[test]
    fn an_address_leads_a_line_behind_bullets_only() {
        assert_eq!(leading("  * a@b.example"), Some(("a@b.example", "")));
        assert_eq!(
            leading("<a@b.example>: host"),
            Some(("a@b.example", ": host"))
        );
        assert_eq!(
            leading(">>> a@b.example <a@b.example> x"),
            Some(("a@b.example", " x"))
        );
        assert_eq!(
            leading("a@b.example<mailto:a@b.example>"),
            Some(("a@b.example", ""))
        );
        assert_eq!(leading("[SMTP:a@b.example]"), Some(("a@b.example", "")));
        assert_eq!(leading("To: a@b.example"), None);
    }

    #[test]
    fn field_values_are_bared() {
        assert_eq!(bare("rfc822; <a@b.example>"), "a@b.example");
        assert_eq!(bare("\"A; B\" <a@b.example>"), "a@b.example");
        assert_eq!(bare("a@b.example"), "a@b.example");
    }
}
