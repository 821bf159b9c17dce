//! What readers, filters and mailbox programs hold against a letter, before it leaves.
//!
//! Owns the rules about one message: size, parts, variables, links, images, subject, display name, one-click pair, alignment.
//! Promises: pure, linear in the message, no panic on any bytes; each flaw names its rule, what was seen and the fix. Leaves
//! rendering to its parent, DNS to `check`. Read [`rules`] for the list.

mod address;
pub mod gate;
mod html;
mod link;
pub mod rules;
mod variable;

use std::collections::BTreeSet;

use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders};

pub use gate::{Gate, Looked};
use html::Page;
pub use rules::{Flaw, Gravity, Rule};

/// Gmail shows so much of the HTML and clips the rest.
const CLIPPED_OCTETS: usize = 102 * 1024;
/// RFC 5322 §2.1.1.
const LINE_MAX: usize = 998;
/// Phones show about 40 characters of a subject, desktops 70.
const SUBJECT_CHARS: usize = 70;
/// Below so many characters beside an image a letter is an image.
const WORDS_BESIDE_IMAGE: usize = 120;

/// So many of the longer words tell whether text and HTML are the same letter.
const LONG_WORDS: usize = 2_000;

/// A message with what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The whole message; signed or not.
    pub message: &'a [u8],
    /// Whether readers must be able to leave by one click.
    pub wants_unsubscribe: bool,
    /// The domain of the return path.
    pub return_path: Option<&'a str>,
    /// The domain that will sign.
    pub signer: Option<&'a str>,
    /// The reader's locale, such as `ru` or `en-GB`.
    pub locale: Option<&'a str>,
}

/// Everything that is wrong, in the order of looking.
pub fn lint(draft: &Draft<'_>) -> Vec<Flaw> {
    let mut flaws = Flaws(Vec::new());
    let Some(message) = MessageParser::default().parse(draft.message) else {
        flaws.add(&rules::NO_MESSAGE, "it has no header");
        return flaws.0;
    };
    form(draft, &message, &mut flaws);
    subject(&message, &mut flaws);
    address::look(draft, &message, &mut flaws);
    parts(draft, &message, &mut flaws);
    one_click(draft, &message, &mut flaws);
    flaws.0
}

/// Collects flaws; each rule speaks once, about the first thing that breaks it.
pub(super) struct Flaws(Vec<Flaw>);

impl Flaws {
    pub(super) fn add(&mut self, rule: &'static Rule, found: impl Into<String>) {
        if !self.0.iter().any(|flaw| flaw.rule.id == rule.id) {
            let found: String = found.into();
            let found = found
                .replace(char::is_control, " ")
                .chars()
                .take(160)
                .collect();
            self.0.push(Flaw { rule, found });
        }
    }
}

fn form(draft: &Draft<'_>, message: &Message<'_>, flaws: &mut Flaws) {
    let mut begun = 0;
    for end in memchr::memchr_iter(b'\n', draft.message).chain([draft.message.len()]) {
        if end.saturating_sub(begun) > LINE_MAX + 1 {
            flaws.add(
                &rules::LONG_LINE,
                format!("a line of {} octets", end - begun),
            );
            break;
        }
        begun = end + 1;
    }
    for name in [
        HeaderName::From,
        HeaderName::Subject,
        HeaderName::Date,
        HeaderName::MessageId,
    ] {
        let count = message
            .headers()
            .iter()
            .filter(|header| header.name == name)
            .count();
        if count != 1 && !(name == HeaderName::Subject && count == 0) {
            flaws.add(
                &rules::HEADER_COUNT,
                format!("{} {count} times", name.as_str()),
            );
        }
    }
    for part in message.attachments() {
        let name = part
            .attachment_name()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let end = name.rsplit('.').next().unwrap_or_default();
        if rules::DANGEROUS.contains(&end) {
            flaws.add(&rules::ATTACHMENT, name);
        }
    }
}

fn subject(message: &Message<'_>, flaws: &mut Flaws) {
    let subject = message.subject().unwrap_or("").trim();
    if subject.is_empty() {
        return flaws.add(&rules::SUBJECT_EMPTY, "no subject");
    }
    if subject.chars().count() > SUBJECT_CHARS {
        flaws.add(
            &rules::SUBJECT_LONG,
            format!("{} characters", subject.chars().count()),
        );
    }
    let lower = subject.to_lowercase();
    let is_reply = ["re:", "fw:", "fwd:", "aw:", "wg:", "отв:", "на:"]
        .iter()
        .any(|mark| lower.starts_with(mark));
    let has_thread = message
        .headers()
        .iter()
        .any(|header| matches!(header.name, HeaderName::InReplyTo | HeaderName::References));
    if is_reply && !has_thread {
        flaws.add(&rules::SUBJECT_REPLY, subject);
    }
    let letters: Vec<char> = subject.chars().filter(|c| c.is_alphabetic()).collect();
    if letters.len() > 8 && letters.iter().all(|c| c.is_uppercase()) {
        flaws.add(&rules::SUBJECT_SHOUTS, subject);
    }
    variable::look(subject, flaws);
}

fn parts(draft: &Draft<'_>, message: &Message<'_>, flaws: &mut Flaws) {
    // The parser makes a text of HTML and the other way round; only parts that are there count.
    let html = message.html_part(0).filter(|part| part.is_text_html());
    let text = message
        .text_part(0)
        .filter(|part| part.is_text() && !part.is_text_html());
    let text = text.and_then(|part| part.text_contents());
    let html = html.and_then(|part| part.text_contents());
    if let Some(text) = text {
        variable::look(text, flaws);
    }
    let Some(html) = html else {
        if let Some(text) = text {
            locale(draft, text, flaws);
        } else {
            flaws.add(&rules::EMPTY, "neither text nor HTML");
        }
        return;
    };
    if html.len() > CLIPPED_OCTETS {
        flaws.add(&rules::CLIPPED, format!("{} KB of HTML", html.len() / 1024));
    }
    let page = Page::read(html);
    page.look(flaws);
    variable::look(&page.words, flaws);
    locale(draft, &page.words, flaws);
    match text {
        None => flaws.add(&rules::NO_TEXT, "HTML alone"),
        Some(text) if is_another(text, &page.words) => {
            flaws.add(
                &rules::TEXT_DIFFERS,
                "few of the words of the HTML are in the text",
            );
        }
        Some(_) => {}
    }
    if page.images > 0 && page.words.trim().chars().count() < WORDS_BESIDE_IMAGE {
        flaws.add(
            &rules::IMAGE_ONLY,
            format!(
                "{} images, {} characters",
                page.images,
                page.words.trim().chars().count()
            ),
        );
    }
    if draft.wants_unsubscribe && !page.offers_leaving {
        flaws.add(&rules::NO_VISIBLE_LINK, "no link that says so");
    }
}

/// Whether a text is not the same letter as its HTML: less than a third of the longer words are in it.
fn is_another(text: &str, words: &str) -> bool {
    let (wanted, there) = (long_words(words), long_words(text));
    wanted.len() >= 12 && wanted.intersection(&there).count() * 3 < wanted.len()
}

/// The longer words of a text, hashed.
fn long_words(text: &str) -> BTreeSet<u64> {
    let is_long = |word: &&[u8]| word.len() > 4;
    // What is ASCII need not be taken apart into characters first.
    if text.is_ascii() {
        let bytes = text.as_bytes();
        let each = bytes.split(|byte| !byte.is_ascii_alphanumeric());
        return each.filter(is_long).take(LONG_WORDS).map(hash).collect();
    }
    let each = text.split(|c: char| !c.is_alphanumeric());
    let each = each.map(str::as_bytes).filter(is_long);
    each.take(LONG_WORDS).map(hash).collect()
}

/// FNV-1a: words are compared, not kept.
fn hash(word: &[u8]) -> u64 {
    word.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Letters of the wrong alphabet: a Russian reader with a text that has none of his, or the other way round.
fn locale(draft: &Draft<'_>, words: &str, flaws: &mut Flaws) {
    let Some(locale) = draft.locale else { return };
    let (mut cyrillic, mut latin) = (0_usize, 0_usize);
    for c in words.chars().take(20_000) {
        match c {
            '\u{400}'..='\u{4ff}' => cyrillic += 1,
            'a'..='z' | 'A'..='Z' => latin += 1,
            _ => {}
        }
    }
    let language = locale.split(['-', '_']).next().unwrap_or("");
    let wants_cyrillic = ["ru", "uk", "be", "kk", "bg", "mk", "ky"].contains(&language);
    let wants_latin = ["en", "de", "fr", "es", "it", "pt", "pl", "tr", "uz"].contains(&language);
    let total = cyrillic + latin;
    let is_wrong =
        (wants_cyrillic && cyrillic * 10 < total) || (wants_latin && cyrillic * 2 > total);
    if total >= 40 && is_wrong {
        flaws.add(
            &rules::WRONG_LOCALE,
            format!("locale {locale}, {cyrillic} Cyrillic and {latin} Latin letters"),
        );
    }
}

fn one_click(draft: &Draft<'_>, message: &Message<'_>, flaws: &mut Flaws) {
    let raw = |name: &'static str| message.header_raw(name).map(str::trim);
    let list = raw("List-Unsubscribe");
    let post = raw("List-Unsubscribe-Post");
    if let Some(list) = list
        && list.contains("http://")
    {
        flaws.add(&rules::ONE_CLICK_HTTP, list);
    }
    if !draft.wants_unsubscribe {
        return;
    }
    let has_https = list.is_some_and(|list| list.contains("<https://"));
    let says_so = post.is_some_and(|post| post.eq_ignore_ascii_case("List-Unsubscribe=One-Click"));
    if !has_https || !says_so {
        return flaws.add(
            &rules::ONE_CLICK_MISSING,
            format!(
                "List-Unsubscribe: {}; List-Unsubscribe-Post: {}",
                list.unwrap_or("none"),
                post.unwrap_or("none")
            ),
        );
    }
    let all = message.headers_raw();
    let signatures = all.filter(|(name, _)| name.eq_ignore_ascii_case("DKIM-Signature"));
    let signatures: Vec<String> = signatures
        .map(|(_, value)| value.to_ascii_lowercase())
        .collect();
    let covers = |signature: &String| {
        let fields = signature
            .split(';')
            .map(str::trim)
            .find_map(|tag| tag.strip_prefix("h="));
        let fields: Vec<&str> = fields.unwrap_or("").split(':').map(str::trim).collect();
        ["list-unsubscribe", "list-unsubscribe-post"]
            .iter()
            .all(|name| fields.contains(name))
    };
    if !signatures.is_empty() && !signatures.iter().any(covers) {
        flaws.add(
            &rules::ONE_CLICK_UNSIGNED,
            "no signature covers both fields",
        );
    }
}
