//! Codes in running text, and the classifier as reports need it.
//!
//! Owns the finding of SMTP codes (RFC 5321 §4.2) and enhanced codes (RFC 3463) among words, where port numbers, dates
//! and versions stand too. Promises: a number counts as a code only at a place where replies begin.

use super::any_of::AnyOf;
use crate::{
    bounce,
    mail::{EnhancedCode, Finding, Provider, Term},
};

/// Longer words say nothing new; the rules read as much.
const WORDS_MAX_BYTES: usize = 2048;

/// Codes found in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The SMTP code.
    pub(super) code: Option<u16>,
    /// The enhanced code.
    pub(super) enhanced: Option<EnhancedCode>,
    /// Where the reply's text begins behind them.
    start: usize,
}

impl Said {
    /// Whether there is any code.
    pub(super) const fn is_coded(&self) -> bool {
        self.code.is_some() || self.enhanced.is_some()
    }
}

/// The codes in words. The last reply counts where one quotes another: `554 4.4.7 expired <421 4.4.2 timed out>`.
pub(super) fn read(words: &str) -> Said {
    let mut said = Said::default();
    // The word before, where it decides whether a reply may begin behind it.
    let mut before = None;
    let mut at = 0;
    for word in words.split_inclusive(char::is_whitespace).take(400) {
        let bare = word.trim();
        let (code, enhanced) = codes_of(bare, before);
        if let Some(code) = code.filter(|_| said.code.is_none()) {
            said = Said {
                code: Some(code),
                enhanced,
                start: at + word.len(),
            };
        } else if said.enhanced.is_none() {
            said.enhanced = enhanced;
        }
        if said.code.is_some() && said.enhanced.is_some() {
            break;
        }
        before = Some(bare).filter(|_| code.is_none());
        at += word.len();
    }
    said
}

/// Words about one refusal, and the codes in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Wording {
    /// The words.
    pub(super) text: String,
    /// The codes, as [`read`] finds them.
    pub(super) said: Said,
}

impl From<String> for Wording {
    fn from(text: String) -> Self {
        let said = read(&text);
        Self { text, said }
    }
}

impl Wording {
    /// The text behind the first code, which is what the receiver said.
    pub(super) fn behind(&self) -> &str {
        let rest = without_talk(self.text[self.said.start..].trim());
        if self.said.code.is_some() && !rest.is_empty() {
            rest
        } else {
            without_talk(&self.text)
        }
    }

    /// Where qmail tells which step was refused, the words about the step: they say more than the reply.
    pub(super) fn refused_step(&self) -> Option<&str> {
        static STEPS: AnyOf = AnyOf::new(&["my name was rejected", "sender was rejected"]);
        let before = || self.text.split("Remote host said").next();
        STEPS.is_in(&self.text).then(before)?.map(str::trim)
    }
}

/// What words and codes mean, with the term that the report itself tells.
pub(super) fn classify(
    words: &str,
    code: Option<u16>,
    enhanced: Option<EnhancedCode>,
    provider: Provider,
    term: Option<Term>,
) -> Finding {
    let words = &words[..words.floor_char_boundary(WORDS_MAX_BYTES)];
    let mut finding = bounce::classify_words(words, code, enhanced, provider);
    if term == Some(Term::Transient) {
        finding.term = Term::Transient;
    }
    finding
}

/// Whether a rule read codes only.
pub(super) fn is_fallback(rule: &str) -> bool {
    rule == "unknown" || rule.starts_with("code-") || rule.starts_with("basic-")
}

/// The codes that one word holds; a reply may begin here, or behind the word `before`.
fn codes_of(word: &str, before: Option<&str>) -> (Option<u16>, Option<EnhancedCode>) {
    let bare = word.trim_start_matches(['<', '(', '[', '"', '\'', '#', ':']);
    let Some(b'2' | b'4' | b'5') = bare.bytes().next() else {
        return (None, None);
    };
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let opens = || bare.len() < word.len() || before.is_none_or(is_opening);
    if digits == 3 && opens() {
        let rest = &bare[3..];
        let code = bare[..3]
            .parse()
            .ok()
            .filter(|code| (400..600).contains(code));
        let ends =
            rest.is_empty() || rest.starts_with(['-', ':', ';', ',', ')', '_', '\'', '#', ']']);
        let code = code.filter(|_| ends);
        return (
            code,
            enhanced_of(rest.trim_start_matches(['-', ':', '#'])).filter(|_| code.is_some()),
        );
    }
    (None, enhanced_of(bare))
}

fn enhanced_of(word: &str) -> Option<EnhancedCode> {
    word.as_bytes()
        .first()
        .filter(|byte| matches!(byte, b'2' | b'4' | b'5'))?;
    let end = word
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(word.len());
    EnhancedCode::parse_prefix(word[..end].trim_end_matches('.'))
}

/// Words without what mail systems append to the reply that they quote.
fn without_talk(words: &str) -> &str {
    static MARKS: AnyOf = AnyOf::new(&[
        " Giving up on ",
        " I'm not going to try again",
        " [SMTP Error Code",
        " [RCPT_TO]",
        " [MAIL_FROM]",
    ]);
    words[..MARKS.first(words).unwrap_or(words.len())].trim()
}

/// Whether a reply may begin behind this word.
fn is_opening(word: &str) -> bool {
    let words = [
        "<<<", "said", "replied", "error", "code", "returned", "smtp", "-",
    ];
    word.ends_with([':', ';', '=', '"', '(', '[', '>'])
        || words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: &str) {
        let said = read(words);
        let code = said.code.map_or("-".to_owned(), |code| code.to_string());
        let enhanced = said
            .enhanced
            .map_or("-".to_owned(), |code| code.to_string());
        assert_eq!(format!("{code} {enhanced}"), expected, "{words}");
    }

    #[test]
    fn codes_are_found_where_replies_begin() {
        check("550 5.1.1 User unknown", "550 5.1.1");
        check("host mx.example[192.0.2.1] said: 550-5.1.1 no", "550 5.1.1");
        check("sorry, no mailbox here (#5.1.1)", "- 5.1.1");
        check("<<< 421 4.4.2 Connection timed out", "421 4.4.2");
        check("It responded as follows: [550 5.1.1 no]", "550 5.1.1");
        check(
            "Remote Server returned '550 5.1.1 RESOLVER.ADR'",
            "550 5.1.1",
        );
        check("550: 5.1.1 no", "550 5.1.1");
    }

    #[test]
    fn numbers_that_are_no_codes() {
        check("unable to deliver in 480 minutes", "- -");
        check("connect to mx.example[192.0.2.1]:550 failed", "- -");
        check("program 8.11.6 at 10.5.1.1", "- -");
    }

    #[test]
    fn what_the_receiver_said_stands_behind_the_code() {
        let check = |words: &str| {
            let wording = Wording::from(words.to_owned());
            assert_eq!(wording.behind(), "no such user", "{words}");
        };
        check("host a said: 550 no such user");
        check("no such user");
    }
}
