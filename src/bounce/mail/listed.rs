//! Recipients that a notice lists, each with its reason: the form that most mail systems write.
//!
//! Owns the reading of `<address>: reason`, of an address on a line of its own with the reason below, of addresses behind
//! "could not be delivered to" and its kin. Promises: an address counts only behind a phrase that announces failed
//! recipients, or in the `<address>:` form; the reporter's own addresses are no recipients where others are listed; a
//! reason ends with its paragraph.

use super::{
    address,
    any_of::AnyOf,
    draft::Draft,
    notice::{Line, Notice},
    phrase::Sign,
    reply,
};
use crate::mail::Action;

/// More entries than one report ever held.
const ENTRIES_MAX: usize = 1000;
/// A reason is a few lines; what goes on is something else.
const WORDS_MAX_BYTES: usize = 2048;

/// The recipients that a notice lists. `own` are the addresses that the report was sent to; `armed` says that addresses
/// count before any phrase announces them.
pub(super) fn read(notice: &Notice<'_>, own: &[String], armed: bool) -> Vec<Draft> {
    let mut reader = Reader {
        armed,
        picky: armed,
        ..Reader::default()
    };
    for line in notice.lines() {
        reader.take(line);
        if reader.entries.len() >= ENTRIES_MAX {
            break;
        }
    }
    reader.finish(own)
}

/// What the phrases of a notice say happened to all its recipients; `None` where they only fail.
pub(super) fn action(notice: &Notice<'_>) -> Action {
    static GAVE_UP: AnyOf = AnyOf::in_any_case(&[
        "giving up",
        "given up",
        "permanent error",
        "permanent failure",
    ]);
    static NOT: AnyOf = AnyOf::in_any_case(&["not "]);
    if notice.has(Sign::Delayed) && !GAVE_UP.is_in(notice.text) {
        Action::Delayed
    } else if notice.has(Sign::Delivered) && !NOT.is_in(notice.text) {
        Action::Delivered
    } else {
        Action::Failed
    }
}

#[derive(Default)]
struct Reader<'t> {
    /// Whether an address must stand alone or before a mark, because no phrase announces it.
    picky: bool,
    /// Whether a phrase has announced recipients.
    armed: bool,
    entries: Vec<Entry<'t>>,
    /// Index of the entry whose reason goes on.
    open: Option<usize>,
    /// Words between the announcement and the first entry.
    ahead: String,
    /// Words behind the entries that belong to none of them.
    after: String,
    /// Whether a footer has begun.
    ended: bool,
}

struct Entry<'t> {
    address: &'t str,
    indent: usize,
    words: String,
    /// Whether the words say something, and are more than a label.
    says: bool,
    /// Whether it was found inside of a sentence.
    inline: bool,
}

impl<'t> Reader<'t> {
    fn take(&mut self, line: Line<'_, 't>) {
        let text = line.text.trim();
        if !text.chars().any(char::is_alphanumeric) && !is_footer(text) {
            return self.pause();
        }
        if is_footer(text) {
            self.ended = true;
        }
        if self.ended {
            return;
        }
        if let Some((address, before, rest)) = self.announced(line) {
            self.enter(address, "", indent(line.text), true);
            // "Unknown user: a@b.example" tells its reason before the address, "delivering your mail to" none.
            if let Some(entry) = self.open.and_then(|index| self.entries.get_mut(index)) {
                push(&mut entry.words, before.trim());
            }
            return self.add(rest);
        }
        let leading = address::leading(line.text).filter(|_| self.armed || is_strict(text));
        match leading {
            Some((address, rest)) if self.fits(rest) && !self.continues(address, line.text) => {
                self.armed = true;
                self.enter(address, rest, indent(line.text), false);
            }
            _ => self.add(text),
        }
    }

    /// The address behind a phrase on the same line.
    fn announced(&mut self, line: Line<'_, 't>) -> Option<(&'t str, &'t str, &'t str)> {
        let announces = |sign| matches!(sign, Sign::Failed | Sign::Delayed | Sign::Delivered);
        let hit = line.hits.iter().find(|hit| announces(hit.sign))?;
        self.armed = true;
        let from = (hit.end - line.start.min(hit.end)).min(line.text.len());
        let found = address::first(&line.text[from..])?;
        let (start, end) = (from + found.start, from + found.end);
        let before = line.text[..start].trim_end_matches(['<', '[', '"', '\'', '(']);
        if before.trim_end().ends_with(" mail from") {
            return None;
        }
        let rest = line.text[end..].trim_start_matches(['>', '"', '\'', ']', ')', '.', ',']);
        (!self.continues(found.address, line.text)).then_some((found.address, before, rest))
    }

    /// Whether what stands behind a leading address makes it an entry.
    fn fits(&self, rest: &str) -> bool {
        !self.picky || !rest.trim_start().starts_with(|c: char| c.is_alphanumeric())
    }

    /// Whether an address only belongs to the reason of the open entry.
    fn continues(&self, address: &str, line: &str) -> bool {
        let Some(open) = self.open.and_then(|index| self.entries.get(index)) else {
            return false;
        };
        open.address.eq_ignore_ascii_case(address)
            || !open.words.is_empty() && indent(line) > open.indent
    }

    fn enter(&mut self, address: &'t str, rest: &str, indent: usize, inline: bool) {
        let known = self
            .entries
            .iter()
            .position(|entry| entry.address.eq_ignore_ascii_case(address));
        let index = known.unwrap_or(self.entries.len());
        if known.is_none() {
            self.entries.push(Entry {
                address,
                indent,
                words: String::new(),
                says: false,
                inline,
            });
        }
        self.open = Some(index);
        self.add(rest.trim_start_matches([':', '.', ' ', '\t', ';', '-']));
    }

    /// Adds words to the open entry, or keeps them for all.
    fn add(&mut self, words: &str) {
        let words = words.trim();
        let Some(entry) = self.open.and_then(|index| self.entries.get_mut(index)) else {
            let loose = if self.entries.is_empty() {
                &mut self.ahead
            } else {
                &mut self.after
            };
            if self.armed || reply::begins(words) {
                push(loose, words);
            }
            return;
        };
        entry.says |= !words.is_empty() && !words.ends_with(':') && !words.starts_with("on ");
        push(&mut entry.words, words);
    }

    /// A blank line or a rule ends a reason that has begun.
    fn pause(&mut self) {
        let says = self
            .open
            .and_then(|index| self.entries.get(index))
            .is_some_and(|entry| entry.says);
        if says {
            self.open = None;
        }
    }

    fn finish(mut self, own: &[String]) -> Vec<Draft> {
        let is_own = |entry: &Entry<'_>| {
            own.iter()
                .any(|own| own.eq_ignore_ascii_case(entry.address))
                || is_office(entry.address)
        };
        let listed = self.entries.iter().any(|entry| !is_own(entry));
        self.entries
            .retain(|entry| !is_own(entry) || !listed && !entry.inline);
        // Addresses listed one below the other share the reason below the last of them.
        let mut shared = self.after.clone();
        for entry in self.entries.iter_mut().rev() {
            if entry.says && !reply::begins(&self.ahead) {
                shared.clone_from(&entry.words);
            } else if shared.is_empty() || reply::begins(&self.ahead) {
                // Lotus Notes tells the reason first.
                push(&mut entry.words, &self.ahead);
            } else {
                push(&mut entry.words, &shared);
            }
        }
        self.entries
            .iter()
            .map(|entry| Draft::new(entry.address, &entry.words))
            .collect()
    }
}

/// `<address>:` at the beginning of a line, as qmail and Postfix write it.
fn is_strict(line: &str) -> bool {
    line.starts_with('<')
        && line
            .split_once('>')
            .is_some_and(|(_, rest)| rest.starts_with(':'))
}

/// Addresses of the reporting side that stand in notices as places to ask.
fn is_office(address: &str) -> bool {
    let local = address
        .split('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    [
        "postmaster",
        "mailer-daemon",
        "abuse",
        "helpdesk",
        "support",
    ]
    .contains(&local.as_str())
}

/// A line of underscores, below which companies write about themselves.
pub(super) fn is_footer(line: &str) -> bool {
    line.len() >= 20 && line.bytes().all(|byte| byte == b'_')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn push(words: &mut String, more: &str) {
    if more.is_empty() || words.len() > WORDS_MAX_BYTES {
        return;
    }
    if !words.is_empty() {
        words.push(' ');
    }
    words.push_str(more);
}
