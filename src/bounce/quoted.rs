//! A reply as reports quote it.
//!
//! Owns the way from a diagnostic field or a line of prose to the reply inside it: type, talk around it, codes, stage.
//! Promises: never more permanent than any code that is told; a number is a code only where a reply could begin. Does not
//! know MIME; see [`super::classify_words`] for who asks.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    rules::Asked,
    text::{self, Words},
};
use crate::mail::{EnhancedCode, Provider, Stage};

/// A code stands near the beginning, after the name of a host; further in, a number may be anything.
const CODE_WITHIN_BYTES: usize = 400;

/// What a report says about one refusal.
pub(super) struct Quoted {
    pub(super) words: Words,
    pub(super) code: Option<u16>,
    pub(super) stage: Stage,
    /// Whether the codes say so; `None` without any code.
    pub(super) permanent: Option<bool>,
}

impl Quoted {
    pub(super) fn read(words: &str, code: Option<u16>, enhanced: Option<EnhancedCode>) -> Self {
        let words = without_type(words);
        let (told, rest) = told_code(words).unzip();
        let text = rest.unwrap_or(words);
        let code = told.or(code);
        let own = EnhancedCode::parse_prefix(text);
        let mut normal = text::normal_form(text, code.unwrap_or(0), own);
        normal.enhanced = normal.enhanced.or(enhanced);
        let found = normal.enhanced;
        let classes = [
            code.map(|code| code / 100),
            found.map(|code| u16::from(code.class)),
            enhanced.map(|code| u16::from(code.class)),
        ];
        let known: Vec<u16> = classes.into_iter().flatten().collect();
        Self {
            stage: stage(&normal.text),
            words: normal,
            code: code.or_else(|| found.map(|code| u16::from(code.class) * 100 + 50)),
            permanent: (!known.is_empty()).then(|| known.iter().all(|class| *class == 5)),
        }
    }

    pub(super) const fn asked(&self, provider: Provider) -> Asked<'_> {
        Asked {
            words: &self.words,
            code: self.code,
            stage: self.stage,
            provider,
        }
    }
}

/// The text after `smtp;`, `X-Postfix;` and the like (RFC 3464 §2.1.2). What follows `X-Unix;` may be a bare exit code,
/// which means nothing without it.
fn without_type(words: &str) -> &str {
    let is_type = |word: &str| {
        (1..=32).contains(&word.len())
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    match words.split_once(';') {
        Some((kind, _)) if kind.trim().eq_ignore_ascii_case("x-unix") => words.trim(),
        Some((kind, rest)) if is_type(kind.trim()) && kind.trim().parse::<u16>().is_err() => {
            rest.trim()
        }
        _ => words.trim(),
    }
}

/// The first basic code of a refusal that stands where a reply can begin, and the text after it.
fn told_code(words: &str) -> Option<(u16, &str)> {
    let within = &words[..words.floor_char_boundary(CODE_WITHIN_BYTES)];
    let digits = within.as_bytes().windows(3).enumerate();
    let mut starts = digits.filter(|(at, code)| {
        let before = within.as_bytes()[..*at].last();
        let after = within.as_bytes().get(at + 3);
        matches!(code[0], b'4' | b'5')
            && code[1].is_ascii_digit()
            && code[2].is_ascii_digit()
            && matches!(after, None | Some(b' ' | b'-'))
            && begins_reply(&within[..*at], before.copied())
    });
    let (at, _) = starts.next()?;
    let code = words[at..at + 3].parse().ok()?;
    Some((code, words[at + 3..].trim_start_matches(['-', ' '])))
}

/// At the start, or after the words by which mail systems introduce a reply.
fn begins_reply(before: &str, last: Option<u8>) -> bool {
    let before = before.trim_end();
    before.is_empty()
        || last.is_some_and(|byte| !byte.is_ascii_alphanumeric() && byte != b'.')
            && [
                ":", "said", "<<<", "(", "[", "\"", "'", "->", "was", "error", "code", "reply",
                "response",
            ]
            .iter()
            .any(|sign| before.len() >= sign.len() && ends_with(before, sign))
}

fn ends_with(text: &str, sign: &str) -> bool {
    let tail = &text.as_bytes()[text.len() - sign.len()..];
    tail.eq_ignore_ascii_case(sign.as_bytes())
}

/// Postfix names the command that was refused; without that a report is about the recipient it names.
fn stage(normal: &str) -> Stage {
    static REPLY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("in reply to "));
    if REPLY.find(normal.as_bytes()).is_none() {
        return Stage::RcptTo;
    }
    let commands = [
        ("in reply to mail from", Stage::MailFrom),
        ("in reply to end of data", Stage::FinalDot),
        ("in reply to data", Stage::Data),
        ("in reply to helo", Stage::Ehlo),
        ("in reply to ehlo", Stage::Ehlo),
        ("in reply to initial", Stage::Banner),
    ];
    let named = commands.iter().find(|(words, _)| normal.contains(words));
    named.map_or(Stage::RcptTo, |(_, stage)| *stage)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(words: &str, expected: &str) {
        let quoted = Quoted::read(words, None, None);
        let code = quoted.code.map_or("-".to_owned(), |code| code.to_string());
        let enhanced = quoted.words.enhanced;
        let enhanced = enhanced.map_or("-".to_owned(), |code| code.to_string());
        let told = format!(
            "{code} {enhanced} {} {}",
            quoted.stage.name(),
            quoted.words.text
        );
        assert_eq!(told, expected, "{words}");
    }

    #[test]
    fn a_reply_is_found_inside_the_words_around_it() {
        check(
            "smtp; 550 5.1.1 User unknown",
            "550 5.1.1 rcpt_to user unknown",
        );
        check(
            "smtp;550-5.1.1 User 550 5.1.1 unknown",
            "550 5.1.1 rcpt_to user unknown",
        );
        check(
            "X-Postfix; host mx.example.com[192.0.2.1] said: 452 4.2.2 Mailbox full (in reply to RCPT TO command)",
            "452 4.2.2 rcpt_to mailbox full (in reply to rcpt to command)",
        );
        check(
            "host mx.example.com[192.0.2.1] refused to talk to me: 554 Go away",
            "554 - rcpt_to go away",
        );
        check(
            "host mx.example.com said: 550 Sorry (in reply to end of DATA command)",
            "550 - final_dot sorry (in reply to end of data command)",
        );
        check(
            "smtp; 550 #5.1.0 Address rejected.",
            "550 5.1.0 rcpt_to address rejected.",
        );
        check("X-Unix; 127", "- - rcpt_to x-unix; 127");
        check("5.1.2 Bad host", "550 5.1.2 rcpt_to bad host");
    }

    #[test]
    fn a_number_is_no_code_where_no_reply_begins() {
        check("user unknown", "- - rcpt_to user unknown");
        check(
            "waiting since 500 hours",
            "- - rcpt_to waiting since 500 hours",
        );
        check("host 192.0.2.1: 550x", "- - rcpt_to host 192.0.2.1: 550x");
        check("", "- - rcpt_to ");
    }

    #[test]
    fn nothing_is_more_permanent_than_any_code_says() {
        let code = |text| EnhancedCode::parse_prefix(text);
        let permanent = |words, basic, enhanced| Quoted::read(words, basic, enhanced).permanent;
        assert_eq!(permanent("550 5.1.1 no", None, None), Some(true));
        assert_eq!(permanent("550 5.1.1 no", None, code("4.0.0")), Some(false));
        assert_eq!(permanent("no", Some(450), code("5.1.1")), Some(false));
        assert_eq!(permanent("no", None, code("5.1.1")), Some(true));
        assert_eq!(permanent("no", None, None), None);
    }

    proptest! {
        #[test]
        fn any_words_are_read(words in ".{0,300}", code in prop::option::of(0_u16..999)) {
            let quoted = Quoted::read(&words, code, None);
            prop_assert!(quoted.permanent != Some(true) || quoted.code.is_some_and(|code| code / 100 == 5));
        }
    }
}
