//! Delivery status notifications (RFC 3464, RFC 6533).
//!
//! Owns the reading of their field blocks. Promises: every recipient of a report, also where blank lines between them are
//! forgotten, fields are missing, doubled or mistyped; addresses of every type (`rfc822`, `utf-8` with its escapes, an
//! X.400 that wraps one) in the spelling of a mail address. A field that is not understood costs no other.

use super::{
    address,
    code::Wording,
    draft::Draft,
    field::{Field, Fields},
};
use crate::mail::{Action, EnhancedCode};

/// More recipients than RFC 5321 §4.5.3.1.8 makes a server take.
const RECIPIENTS_MAX: usize = 1000;

/// The recipients that a machine part tells of.
pub(super) fn read(text: &str) -> Vec<Draft> {
    let mut recipients = Vec::new();
    for block in Fields::blocks(text.as_bytes()) {
        let mut open = Block::default();
        for field in block.iter() {
            if open.repeats(field) {
                recipients.extend(std::mem::take(&mut open).finish());
            }
            open.take(field);
        }
        recipients.extend(open.finish());
        if recipients.len() >= RECIPIENTS_MAX {
            break;
        }
    }
    recipients
}

/// The fields about one recipient.
#[derive(Default)]
struct Block {
    original: Option<String>,
    last: Option<String>,
    actual: Option<String>,
    action: Option<Action>,
    status: Option<EnhancedCode>,
    words: Vec<String>,
    host: Option<String>,
}

impl Block {
    /// Whether this field can only belong to the next recipient.
    fn repeats(&self, field: &Field<'_>) -> bool {
        self.last.is_some() && field.is("Final-Recipient")
            || self.last.is_some() && self.original.is_some() && field.is("Original-Recipient")
    }

    fn take(&mut self, field: &Field<'_>) {
        let value = || field.text();
        if field.is("Final-Recipient") {
            self.last = recipient(&value());
        } else if field.is("Original-Recipient") {
            self.original = recipient(&value());
        } else if field.is("X-Actual-Recipient") {
            self.actual = recipient(&value());
        } else if field.is("Action") {
            self.action = action(&value());
        } else if field.is("Status") {
            self.status = self.status.or_else(|| status(&value()));
        } else if field.is("Diagnostic-Code") || field.is("X-Supplementary-Info") {
            self.words.extend(diagnostic(&value()));
        } else if field.is("Remote-MTA") {
            self.host = value()
                .split_once(';')
                .map(|(_, host)| host.trim().to_owned());
        }
    }

    fn finish(self) -> Option<Draft> {
        let mut names: Vec<String> = Vec::new();
        for name in [self.last, self.original, self.actual]
            .into_iter()
            .flatten()
        {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
        // A name without a domain is no address where another spelling is one.
        names.sort_by_key(|name| !name.contains('@'));
        let mut names = names.into_iter();
        Some(Draft {
            address: names.next()?,
            also: names.collect(),
            action: self.action,
            status: self.status,
            words: self.words.into_iter().map(Wording::from).collect(),
            host: self.host,
        })
    }
}

/// An address field: `rfc822; a@b.example`, the type often missing or mistyped (RFC 3464 §2.3.1).
fn recipient(value: &str) -> Option<String> {
    let bare = address::bare(value);
    let plain = if bare.contains("\\x{") {
        unescaped(bare)
    } else {
        bare.to_owned()
    };
    let spaced = plain.contains(char::is_whitespace) && !plain.starts_with('"');
    let name = if spaced {
        address::first(&plain)?.address.to_owned()
    } else {
        plain
    };
    (!name.is_empty()).then_some(name)
}

/// `\x{444}` of a utf-8-addr-xtext (RFC 6533 §3).
fn unescaped(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("\\x{") {
        plain.push_str(before);
        let Some((hex, behind)) = after.split_once('}') else {
            break;
        };
        let letter = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        plain.extend(letter.filter(|letter| !letter.is_control()));
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

fn action(value: &str) -> Option<Action> {
    let word = value
        .split(|c: char| !c.is_ascii_alphabetic())
        .find(|word| !word.is_empty())?;
    match word.to_ascii_lowercase().as_str() {
        "failed" | "failure" | "fail" | "bounced" | "undeliverable" | "error" => {
            Some(Action::Failed)
        }
        "delayed" | "delay" | "deferred" | "queued" => Some(Action::Delayed),
        "delivered" | "deliverable" | "success" => Some(Action::Delivered),
        "relayed" => Some(Action::Relayed),
        "expanded" => Some(Action::Expanded),
        _ => None,
    }
}

/// `5.1.1`, perhaps with words or a comment behind it.
fn status(value: &str) -> Option<EnhancedCode> {
    let start = value.find(|c: char| c.is_ascii_digit())?;
    let digits = &value[start..];
    let end = digits
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(digits.len());
    EnhancedCode::parse_prefix(digits[..end].trim_end_matches('.'))
}

/// The words behind the type: `smtp; 550 no`, `X-Notes; no`.
fn diagnostic(value: &str) -> Option<String> {
    let words = match value.split_once(';') {
        // The exit status of a local mailer (RFC 3464 §9.2 shows the type).
        Some((kind, words)) if kind.trim().eq_ignore_ascii_case("x-unix") => {
            let words = words.trim();
            let status = words.bytes().all(|byte| byte.is_ascii_digit());
            let said = if status {
                "local mailer exit status "
            } else {
                ""
            };
            return Some(format!("{said}{words}"));
        }
        Some((kind, words)) if kind.trim().len() <= 20 && !kind.trim().contains(' ') => words,
        _ => value,
    };
    let words = words.trim();
    (!words.is_empty()).then(|| words.to_owned())
}
