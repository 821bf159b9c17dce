//! The terms of one SPF record (RFC 7208 §12).
//!
//! Owns the grammar. Promises: strict where receivers are strict, and a fault names the term; `mail-auth` only says that
//! something is wrong. Leaves macros unexpanded.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One mechanism or modifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// `+`, `-`, `~` or `?`.
    pub(super) qualifier: char,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    All,
    Include(String),
    A(Option<String>),
    Mx(Option<String>),
    Ptr,
    Address,
    Exists,
    Redirect(String),
    /// `exp=` and modifiers that nobody knows: they cost nothing.
    Other,
}

/// Why a record is none.
pub(super) type Fault = String;

/// All terms, or the first fault.
pub(super) fn parse(record: &str) -> Result<Vec<Term>, Fault> {
    if !record.is_ascii() {
        return Err("it has characters that are not ASCII".to_owned());
    }
    let words = record.split(' ').skip(1).filter(|word| !word.is_empty());
    let terms: Vec<Term> = words.map(term).collect::<Result<_, _>>()?;
    let redirects = terms
        .iter()
        .filter(|term| matches!(term.kind, Kind::Redirect(_)));
    if redirects.count() > 1 {
        return Err("`redirect=` comes twice".to_owned());
    }
    let explanations = record
        .split(' ')
        .filter(|word| word.to_ascii_lowercase().starts_with("exp="));
    if explanations.count() > 1 {
        return Err("`exp=` comes twice".to_owned());
    }
    Ok(terms)
}

fn term(word: &str) -> Result<Term, Fault> {
    let fault = |why: &str| format!("`{word}` {why}");
    if let Some((name, value)) = modifier(word) {
        return match name.to_ascii_lowercase().as_str() {
            "redirect" => domain(value).map(|to| plain(Kind::Redirect(to))),
            "exp" => domain(value).map(|_| plain(Kind::Other)),
            _ if has_good_macros(value) => Ok(plain(Kind::Other)),
            _ => Err("has a broken macro"),
        }
        .map_err(fault);
    }
    let (qualifier, rest) = match word.chars().next() {
        Some(sign @ ('+' | '-' | '~' | '?')) => (sign, &word[1..]),
        _ => ('+', word),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    let kind = mechanism(&name.to_ascii_lowercase(), argument).map_err(fault)?;
    Ok(Term { qualifier, kind })
}

const fn plain(kind: Kind) -> Term {
    Term {
        qualifier: '+',
        kind,
    }
}

/// `name=value`, where the name is one (RFC 7208 §4.6.1) and not a mechanism with something before it.
fn modifier(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    is_name.then_some((name, value))
}

fn mechanism(name: &str, argument: &str) -> Result<Kind, &'static str> {
    let value = argument.strip_prefix(':');
    match name {
        "all" if argument.is_empty() => Ok(Kind::All),
        "all" => Err("takes no value"),
        "include" => domain(value.unwrap_or("")).map(Kind::Include),
        "exists" => domain(value.unwrap_or("")).map(|_| Kind::Exists),
        "ptr" if argument.is_empty() => Ok(Kind::Ptr),
        "ptr" => domain(value.unwrap_or("")).map(|_| Kind::Ptr),
        "a" => host(argument).map(Kind::A),
        "mx" => host(argument).map(Kind::Mx),
        "ip4" => network::<Ipv4Addr>(value.unwrap_or(""), 32).map(|()| Kind::Address),
        "ip6" => network::<Ipv6Addr>(value.unwrap_or(""), 128).map(|()| Kind::Address),
        _ => Err("is no mechanism of SPF"),
    }
}

/// `[":" domain-spec] [dual-cidr-length]`.
fn host(argument: &str) -> Result<Option<String>, &'static str> {
    let (argument, six) = match argument.split_once("//") {
        Some((before, six)) => (before, Some(six)),
        None => (argument, None),
    };
    six.map_or(Ok(()), |six| length(six, 128))?;
    // A macro may hold a slash as a delimiter; a length is digits at the end.
    let (argument, four) = match argument.rsplit_once('/') {
        Some((before, four)) if !four.ends_with('}') => (before, Some(four)),
        _ => (argument, None),
    };
    four.map_or(Ok(()), |four| length(four, 32))?;
    match argument.strip_prefix(':') {
        Some(name) => domain(name).map(Some),
        None if argument.is_empty() => Ok(None),
        None => Err("has something odd behind its name"),
    }
}

fn network<T: std::str::FromStr>(value: &str, bits_max: u32) -> Result<(), &'static str> {
    let (address, bits) = match value.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (value, None),
    };
    address.parse::<T>().map_err(|_| "has no such address")?;
    bits.map_or(Ok(()), |bits| length(bits, bits_max))
}

fn length(bits: &str, max: u32) -> Result<(), &'static str> {
    let is_plain = !bits.is_empty()
        && bits.bytes().all(|b| b.is_ascii_digit())
        && (bits == "0" || !bits.starts_with('0'));
    let fits = is_plain && bits.parse::<u32>().is_ok_and(|bits| bits <= max);
    fits.then_some(())
        .ok_or("has a prefix length that cannot be")
}

/// A domain-spec (RFC 7208 §7.1): ends in a top label or a macro.
fn domain(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("lacks a domain");
    }
    if !has_good_macros(text) {
        return Err("has a broken macro");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let top = name.rsplit('.').next().unwrap_or_default();
    let ends_in_macro = text.ends_with('}');
    let is_top = name.contains('.')
        && !top.is_empty()
        && !top.bytes().all(|b| b.is_ascii_digit())
        && !top.starts_with('-')
        && !top.ends_with('-')
        && top.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if ends_in_macro || is_top {
        Ok(name.to_ascii_lowercase())
    } else {
        Err("does not end in a domain")
    }
}

/// Every `%` begins `%%`, `%_`, `%-` or `%{letter digits r delimiters}` (RFC 7208 §7.1).
fn has_good_macros(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let after = &rest[at + 1..];
        match after.chars().next() {
            Some('%' | '_' | '-') => rest = &after[1..],
            Some('{') => {
                let Some(end) = after.find('}') else {
                    return false;
                };
                if !is_macro(&after[1..end]) {
                    return false;
                }
                rest = &after[end + 1..];
            }
            _ => return false,
        }
    }
    text.bytes().all(|b| (0x21..=0x7e).contains(&b))
}

fn is_macro(body: &str) -> bool {
    let Some(letter) = body.chars().next().map(|c| c.to_ascii_lowercase()) else {
        return false;
    };
    let rest = body[1..].trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &body[1..body.len() - rest.len()];
    let rest = rest.strip_prefix(['r', 'R']).unwrap_or(rest);
    let is_count = digits.is_empty() || digits.bytes().any(|b| b != b'0');
    "slodiphcrtv".contains(letter) && is_count && rest.chars().all(|c| ".-+,/_=".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(record: &str, expected: &str) {
        let told = match parse(record) {
            Ok(terms) => format!("{} terms", terms.len()),
            Err(fault) => fault,
        };
        assert_eq!(told, expected, "{record}");
    }

    #[test]
    fn what_receivers_read() {
        check("v=spf1", "0 terms");
        check("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", "3 terms");
        check(
            "v=spf1 A:mail.example.com/24//64 mx/28 MX//64 ~all",
            "4 terms",
        );
        check("v=spf1 exists:%{ir}.sbl.%{d2}.example ?all", "2 terms");
        check("v=spf1 a:%{d} exists:%{l1r+-/}.%%x.%{d} -all", "3 terms");
        check(
            "v=spf1 redirect=_spf.example.com exp=e.example.com x-y=1",
            "3 terms",
        );
    }

    #[test]
    fn what_receivers_refuse() {
        check(
            "v=spf1 ipv4:192.0.2.1 -all",
            "`ipv4:192.0.2.1` is no mechanism of SPF",
        );
        check(
            "v=spf1 ip4:192.0.2.1/33",
            "`ip4:192.0.2.1/33` has a prefix length that cannot be",
        );
        check(
            "v=spf1 ip4:192.0.2.01x",
            "`ip4:192.0.2.01x` has no such address",
        );
        check("v=spf1 include -all", "`include` lacks a domain");
        check(
            "v=spf1 include:spf",
            "`include:spf` does not end in a domain",
        );
        check(
            "v=spf1 a:%{x}.example.com",
            "`a:%{x}.example.com` has a broken macro",
        );
        check("v=spf1 -all.", "`-all.` is no mechanism of SPF");
        check("v=spf1 all:x", "`all:x` takes no value");
        check(
            "v=spf1 redirect=a.example redirect=b.example",
            "`redirect=` comes twice",
        );
        check(
            "v=spf1 mx:ex\u{e4}mple.com",
            "it has characters that are not ASCII",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "v=spf1 [ -~äß]{0,80}") {
            let _ = parse(&text);
        }
    }
}
