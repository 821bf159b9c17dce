//! One form for many spellings of the same reply.
//!
//! Owns the normal form that rules are matched against: lower case, single spaces, no repeated codes, addresses masked.
//! Promises: case, spacing, and the way a reply is cut into lines change nothing; what is inside an address cannot
//! steer a rule, because recipients and forgers choose their own names; a text of any length costs a bounded time.
//! Does not judge: see [`super::rules`].

use crate::mail::{EnhancedCode, Reply, Stage};

/// Longer replies say nothing new after this; RFC 5321 §4.5.3.1.5 gives a line 512 octets.
const TEXT_MAX_BYTES: usize = 2048;

/// A reply's text in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The words: lower case, one space between, `@` for each address.
    pub text: String,
    /// The enhanced code: the reply's own, else the first one written with `#` inside the text, as qmail does.
    pub enhanced: Option<EnhancedCode>,
}

/// The normal form of a reply.
pub fn normalise(reply: &Reply) -> Words {
    normal_form(&reply.text, reply.code, reply.enhanced)
}

/// The normal form of a text that a basic code goes with; 0 where none is known.
pub(super) fn normal_form(text: &str, code: u16, enhanced: Option<EnhancedCode>) -> Words {
    let mut words = Words {
        text: String::with_capacity(text.len().min(TEXT_MAX_BYTES) + 64),
        enhanced,
    };
    let joint = digits(code);
    let start = &text[..text.floor_char_boundary(TEXT_MAX_BYTES)];
    for word in start.split_ascii_whitespace() {
        words.take(without_joint(word, joint), code);
    }
    words.text.make_ascii_lowercase();
    words
}

/// Reads one line as logs and reports show a reply: `550 5.1.1 No such user`, or `550-5.1.1 …` for several lines.
pub fn reply_from_line(stage: Stage, line: &str) -> Option<Reply> {
    let line = line.trim_start();
    let (code, rest) = line.split_at_checked(3)?;
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    let text = match rest.as_bytes().first() {
        None => rest,
        Some(b' ' | b'-') => &rest[1..],
        Some(_) => return None,
    };
    Some(Reply::new(stage, code, text))
}

impl Words {
    fn take(&mut self, word: &str, code: u16) {
        if word.is_empty() || self.takes_as_code(word, code) {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if word.contains('@') && !word.contains("://") {
            self.push_masked(word);
        } else {
            self.push_lower(word);
        }
    }

    /// Whether the word only repeats the enhanced code, or tells it for the first time.
    fn takes_as_code(&mut self, word: &str, code: u16) -> bool {
        let Some(b'0'..=b'9' | b'#' | b'(' | b'[') = word.bytes().next() else {
            return false;
        };
        let bare = word.trim_matches(['#', '(', ')', '[', ']', ':', ';', ',', '.']);
        let Some(found) = EnhancedCode::parse_prefix(bare) else {
            return false;
        };
        let agrees = u16::from(found.class) == code / 100;
        if self.enhanced.is_none() && agrees && (self.text.is_empty() || word.contains('#')) {
            self.enhanced = Some(found);
        }
        self.enhanced == Some(found)
    }

    fn push_masked(&mut self, word: &str) {
        let opening = ['<', '(', '[', '"', '\'', ':', '=', ','];
        let closing = ['>', ')', ']', '"', '\'', ',', ';', ':'];
        let mut rest = word;
        // Several addresses may be glued together; each turn leaves at least one `@` behind.
        while let Some(at) = rest.find('@') {
            let start = rest[..at].rfind(opening).map_or(0, |index| index + 1);
            let end = rest[at..]
                .find(closing)
                .map_or(rest.len(), |index| at + index);
            self.push_lower(&rest[..start]);
            self.text.push('@');
            rest = &rest[end..];
        }
        self.push_lower(rest);
    }

    fn push_lower(&mut self, word: &str) {
        if word.is_ascii() {
            self.text.push_str(word);
        } else {
            self.text.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
}

/// The three digits of a code, to find its repetitions at the joints of a multi-line reply.
fn digits(code: u16) -> [u8; 3] {
    let digit = |n: u16| b'0' + u8::try_from(n % 10).unwrap_or(0);
    [digit(code / 100), digit(code / 10), digit(code)]
}

/// `550-5.1.1` and `550` inside a reply are where its lines were joined (RFC 5321 §4.2.1).
fn without_joint(word: &str, code: [u8; 3]) -> &str {
    match word.as_bytes() {
        [a, b, c] if [*a, *b, *c] == code => "",
        [a, b, c, b'-', ..] if [*a, *b, *c] == code => &word[4..],
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: &str) {
        let reply = reply_from_line(Stage::RcptTo, line).expect("a reply line");
        let words = normalise(&reply);
        let code = words
            .enhanced
            .map_or("-".to_owned(), |code| code.to_string());
        assert_eq!(format!("{code} {}", words.text), expected, "{line}");
    }

    #[test]
    fn the_same_reply_in_many_spellings_is_one_text() {
        check("550 5.1.1 User  UNKNOWN", "5.1.1 user unknown");
        check("550-5.1.1 User 550 5.1.1 unknown", "5.1.1 user unknown");
        check("550 5.1.1 User\n5.1.1 unknown", "5.1.1 user unknown");
        check("550 User unknown (#5.1.1)", "5.1.1 user unknown");
        check("550 #5.1.1 User unknown", "5.1.1 user unknown");
        check("554 Нет такого ПОЛЬЗОВАТЕЛЯ", "- нет такого пользователя");
    }

    #[test]
    fn addresses_are_masked_and_links_are_kept() {
        check("550 <Spam@Example.com>: no", "- <@>: no");
        check(
            "550 RCPT TO:<full@a.example> b@c.example,d@e.example",
            "- rcpt to:<@> @,@",
        );
        check(
            "554 see https://a.example/?ip=@1",
            "- see https://a.example/?ip=@1",
        );
    }

    #[test]
    fn a_version_number_is_no_enhanced_code() {
        check("550 server 1.2.3 says no", "- server 1.2.3 says no");
        check("550 sendmail 5.1.1 says no", "- sendmail 5.1.1 says no");
        check("550 2.1.5 odd", "2.1.5 odd");
    }

    proptest! {
        #[test]
        fn any_text_is_bounded_and_normal(code in 0_u16..1000, text in "\\PC{0,3000}") {
            let words = normalise(&Reply::new(Stage::Data, code, text));
            // Lower case may be longer than upper case, by a little.
            prop_assert!(words.text.len() <= 2 * TEXT_MAX_BYTES);
            prop_assert!(!words.text.contains("  "));
            prop_assert!(!words.text.bytes().any(|b| b.is_ascii_uppercase()));
        }
    }
}
