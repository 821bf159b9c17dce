//! One form for many spellings of the same reply.
//!
//! Owns the normal form that rules are matched against: lower case, single spaces, no repeated codes, addresses masked.
//! Promises: case, spacing, and the way a reply is cut into lines change nothing; what is inside an address cannot
//! steer a rule, because recipients and forgers choose their own names; a text of any length costs a bounded time.
//! Does not judge: see [`super::rules`].

use memchr::memrchr;

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
    let start = &text[..text.floor_char_boundary(TEXT_MAX_BYTES)];
    let mut words = Words {
        text: String::with_capacity(start.len() + 64),
        enhanced,
    };
    let joint = digits(code);
    let mut from = 0;
    // Everything before the next odd place is copied as it stands.
    while let Some(odd) = next_odd(start.as_bytes(), from) {
        if start.as_bytes()[odd].is_ascii_whitespace() {
            words.push_plain(start[from..odd].trim_ascii_end());
            from = odd + blanks(&start[odd..]);
            continue;
        }
        let begin = memrchr(b' ', &start.as_bytes()[from..odd]);
        let begin = begin.map_or(from, |space| from + space + 1);
        words.push_plain(start[from..begin].trim_ascii_end());
        let len = start[begin..].bytes().position(is_blank);
        let end = len.map_or(start.len(), |len| begin + len);
        words.take(without_joint(&start[begin..end], joint), code);
        from = end + blanks(&start[end..]);
    }
    words.push_plain(start[from..].trim_ascii_end());
    words.text.make_ascii_lowercase();
    words
}

const fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

fn blanks(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_whitespace).count()
}

/// The next place, from the beginning of a word on, where more is to be done than to copy.
fn next_odd(bytes: &[u8], from: usize) -> Option<usize> {
    let first = KINDS[usize::from(*bytes.get(from)?)];
    if first & (ODD | ODD_AFTER_BLANK) != 0 {
        return Some(from);
    }
    let mut at = from;
    // Most of a reply is plain, which the processor sees of many bytes at once.
    while bytes[at..].first_chunk().is_some_and(is_plain) {
        at += STEP;
    }
    let mut pairs = bytes[at..].array_windows();
    let odd = pairs.position(|[before, byte]| {
        let after_blank = if *before == b' ' { ODD_AFTER_BLANK } else { 0 };
        KINDS[usize::from(*byte)] & (ODD | after_blank) != 0
    })?;
    Some(at + 1 + odd)
}

/// So many bytes are looked at together.
const STEP: usize = 16;

/// Whether none of these bytes is odd, but for the first, which only tells whether a word begins behind it.
///
/// Written in lanes of one wide number, because each branch of a loop would be guessed wrong at every other word: with
/// bytes below 128, a sum below 256 stays in its lane, and its highest bit is the answer.
const fn is_plain(bytes: &[u8; STEP + 1]) -> bool {
    const HIGH: u128 = every(0x80);
    let (Some(before), Some(after)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return false;
    };
    let (before, after) = (
        u128::from_le_bytes(*before) & !HIGH,
        u128::from_le_bytes(*after),
    );
    if after & HIGH != 0 {
        return false;
    }
    let within_word = differs(before, b' ');
    let letter = (after + every(0x80 - b'A')) & differs(after, b'[');
    let no_control = after + every(0x80 - b' ');
    no_control & differs(after, b'@') & (within_word | letter) & HIGH == HIGH
}

/// That byte in every lane.
const fn every(byte: u8) -> u128 {
    u128::from_le_bytes([byte; STEP])
}

/// The highest bit of each lane whose byte, below 128, is another one.
const fn differs(bytes: u128, byte: u8) -> u128 {
    (bytes ^ every(byte)) + every(0x7f)
}

/// Never only to be copied: what has an own lower case, what is masked, what separates words in another way.
const ODD: u8 = 1;
/// Odd where a word begins: it may be a code or be glued to one, or it is one blank too many.
const ODD_AFTER_BLANK: u8 = 2;

static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let kind = match byte as u8 {
            b'\t' | b'\n' | b'\r' | 0x0c | b'@' | 128.. => ODD,
            b'0'..=b'9' | b'#' | b'(' | b'[' | b' ' => ODD_AFTER_BLANK,
            _ => 0,
        };
        kinds[byte] = kind;
        byte += 1;
    }
    kinds
};

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
        self.begin();
        if word.contains('@') && !is_link(word) {
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
        let bare = bare_code(word);
        let Some(found) = EnhancedCode::parse_prefix(bare) else {
            return false;
        };
        let agrees = u16::from(found.class) == code / 100;
        if self.enhanced.is_none() && agrees && (self.text.is_empty() || word.contains('#')) {
            self.enhanced = Some(found);
        }
        self.enhanced == Some(found)
    }

    /// Adds words that need no change, if any.
    fn push_plain(&mut self, words: &str) {
        if !words.is_empty() {
            self.begin();
            self.text.push_str(words);
        }
    }

    /// Begins a new word.
    fn begin(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn push_masked(&mut self, word: &str) {
        let opening =
            |byte: &u8| matches!(byte, b'<' | b'(' | b'[' | b'"' | b'\'' | b':' | b'=' | b',');
        let closing =
            |byte: &u8| matches!(byte, b'>' | b')' | b']' | b'"' | b'\'' | b',' | b';' | b':');
        let mut rest = word;
        // Several addresses may be glued together; each turn leaves at least one `@` behind.
        while let Some(at) = rest.find('@') {
            let (before, behind) = rest.as_bytes().split_at(at);
            let start = before
                .iter()
                .rposition(opening)
                .map_or(0, |index| index + 1);
            let end = behind
                .iter()
                .position(closing)
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

/// What is written as a link is masked nowhere: its path may hold an address.
fn is_link(word: &str) -> bool {
    word.split(':').skip(1).any(|rest| rest.starts_with("//"))
}

/// A word without the marks that stand around codes.
fn bare_code(word: &str) -> &str {
    let is_mark = |byte: &u8| {
        matches!(
            byte,
            b'#' | b'(' | b')' | b'[' | b']' | b':' | b';' | b',' | b'.'
        )
    };
    let bytes = word.as_bytes();
    let start = bytes.iter().position(|byte| !is_mark(byte));
    let end = bytes.iter().rposition(|byte| !is_mark(byte));
    start.zip(end).map_or("", |(start, end)| &word[start..=end])
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

    /// The same without the copying of many words at once.
    fn word_by_word(text: &str, code: u16) -> Words {
        let mut words = Words {
            text: String::new(),
            enhanced: None,
        };
        for word in text.split_ascii_whitespace() {
            words.take(without_joint(word, digits(code)), code);
        }
        words.text.make_ascii_lowercase();
        words
    }

    proptest! {
        #[test]
        fn copying_many_words_at_once_changes_nothing(
            words in prop::collection::vec("(550|550-x|5\\.1\\.1|#5\\.7\\.1|\\(no\\)|USER|a@b|<A@b>,c@d|Ящик|[1]| |\t|\r\n|\u{c}|ok)", 0..20)
        ) {
            let text = words.join(" ");
            prop_assert_eq!(normal_form(&text, 550, None), word_by_word(&text, 550), "{}", text);
            let glued = words.concat();
            prop_assert_eq!(normal_form(&glued, 550, None), word_by_word(&glued, 550), "{}", glued);
        }

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
