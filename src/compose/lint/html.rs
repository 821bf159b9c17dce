//! The HTML of a letter in one pass.
//!
//! Owns a walk over tags and words. Promises: linear, whatever the HTML is; what no browser shows (comments, styles, scripts)
//! is no word.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;
use memchr::{memchr, memchr3, memmem};

use super::{Flaws, link, rules};

/// Links that are looked at; a letter with more of them has been complained about already.
const LINKS_MAX: usize = 500;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Page<'h> {
    /// What readers see, entities as they stand.
    pub(super) words: String,
    pub(super) images: usize,
    /// Whether a link says that one can leave.
    pub(super) offers_leaving: bool,
    /// Where each link leads, and which of the words show it.
    links: Vec<(Cow<'h, str>, Range<usize>)>,
    without_alt: Option<Cow<'h, str>>,
    embedded: bool,
    plain_image: Option<Cow<'h, str>>,
    active: Option<&'static str>,
    sheet: bool,
}

/// Elements that mailbox programs remove, and filters dislike.
const ACTIVE: [&str; 8] = [
    "script", "iframe", "form", "object", "embed", "applet", "video", "audio",
];

/// Elements within a word.
const INLINE: [&str; 8] = ["b", "i", "a", "span", "strong", "em", "font", "u"];

/// What a link says by which one can leave.
static LEAVING: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = [
        "unsubscribe",
        "opt out",
        "отпис",
        "отказаться от",
        "abbestellen",
        "abmelden",
    ];
    AhoCorasick::new(words).ok()
});

impl<'h> Page<'h> {
    pub(super) fn read(html: &'h str) -> Self {
        let mut page = Self::default();
        let mut rest = html;
        let mut open: Option<(Cow<'h, str>, usize)> = None;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            page.say(&rest[..at]);
            let after = &rest[at..];
            let end = end_of_tag(after);
            let whole = &after[..end];
            let tag = whole.strip_suffix('>').unwrap_or(whole);
            let tag = tag.get(1..).unwrap_or("");
            rest = &after[end..];
            let (name, is_end) = name_of(tag);
            let is = |known: &&str| name.eq_ignore_ascii_case(known);
            if is(&"a") {
                page.close(&mut open);
                let href = || Some((attribute(tag, "href")?, page.words.len()));
                open = Some(is_end).filter(|is_end| !is_end).and_then(|_| href());
            } else if !is_end && ["style", "script", "title"].iter().any(is) {
                rest = skip(rest, name);
            }
            if !is_end {
                page.element(name, tag);
            }
            if !INLINE.iter().any(is) {
                page.words.push(' ');
            }
        }
        page.say(rest);
        page.close(&mut open);
        page
    }

    fn say(&mut self, text: &str) {
        self.words.push_str(text);
    }

    fn close(&mut self, open: &mut Option<(Cow<'h, str>, usize)>) {
        let Some((href, from)) = open.take() else {
            return;
        };
        let shown = self.words.get(from..).unwrap_or("");
        let says = |lower: &str| LEAVING.as_ref().is_some_and(|words| words.is_match(lower));
        self.offers_leaving = self.offers_leaving || says(&shown.to_lowercase());
        if self.links.len() < LINKS_MAX {
            self.links.push((href, from..self.words.len()));
        }
    }

    fn element(&mut self, name: &str, tag: &'h str) {
        if let Some(active) = ACTIVE
            .iter()
            .find(|active| active.eq_ignore_ascii_case(name))
        {
            self.active = self.active.or(Some(active));
        }
        if name.eq_ignore_ascii_case("link") {
            let rel = attribute(tag, "rel");
            self.sheet |= rel.is_some_and(|rel| rel.eq_ignore_ascii_case("stylesheet"));
        }
        if name.eq_ignore_ascii_case("img") {
            self.image(tag);
        }
    }

    fn image(&mut self, tag: &'h str) {
        let [source, alt, width, height] = values(tag, ["src", "alt", "width", "height"]);
        let source = source.unwrap_or_default();
        // Pixels that count openings are not for eyes.
        let is_pixel = width.as_deref() == Some("1") || height.as_deref() == Some("1");
        self.images += usize::from(!is_pixel);
        if alt.is_none() && !is_pixel {
            self.without_alt.get_or_insert_with(|| source.clone());
        }
        self.embedded |= begins(&source, "data:");
        if begins(&source, "http://") {
            self.plain_image.get_or_insert(source);
        }
    }

    pub(super) fn look(&self, flaws: &mut Flaws) {
        for (href, shown) in &self.links {
            let shown = self.words.get(shown.clone()).unwrap_or("");
            link::look(href, shown.trim(), flaws);
        }
        if let Some(source) = &self.without_alt {
            flaws.add(&rules::IMAGE_ALT, source.as_ref());
        }
        if self.embedded {
            flaws.add(&rules::IMAGE_DATA, "an image with a data: address");
        }
        if let Some(source) = &self.plain_image {
            flaws.add(&rules::IMAGE_HTTP, source.as_ref());
        }
        if let Some(name) = self.active {
            flaws.add(&rules::ACTIVE, format!("<{name}>"));
        }
        if self.sheet {
            flaws.add(&rules::STYLE_SHEET, "<link rel=stylesheet>");
        }
    }
}

fn begins(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Where the tag that begins this text ends: behind its `>`, quotes minded; comments whole.
fn end_of_tag(text: &str) -> usize {
    if let Some(inner) = text.strip_prefix("<!--") {
        return memmem::find(inner.as_bytes(), b"-->").map_or(text.len(), |at| at + 7);
    }
    let bytes = text.as_bytes();
    let mut from = 1;
    while let Some(at) = memchr3(b'>', b'"', b'\'', &bytes[from..]) {
        let at = from + at;
        from = at + 1;
        if bytes[at] == b'>' {
            return from;
        }
        if bytes[at - 1] == b'=' {
            let Some(close) = memchr(bytes[at], &bytes[from..]) else {
                break;
            };
            from += close + 1;
        }
    }
    text.len()
}

/// The name of an element, as written, and whether this is its end.
fn name_of(tag: &str) -> (&str, bool) {
    let (tag, is_end) = match tag.strip_prefix('/') {
        Some(rest) => (rest, true),
        None => (tag, false),
    };
    let end = tag.bytes().position(|byte| !byte.is_ascii_alphanumeric());
    (&tag[..end.unwrap_or(tag.len()).min(16)], is_end)
}

/// Behind the end of an element whose content is not text.
fn skip<'a>(rest: &'a str, name: &str) -> &'a str {
    let ends = memmem::find_iter(rest.as_bytes(), b"</");
    let is_close = |here: &usize| {
        let closed = rest.get(here + 2..here + 2 + name.len());
        closed.is_some_and(|closed| closed.eq_ignore_ascii_case(name))
    };
    let mut closes = ends.filter(is_close);
    closes.next().map_or("", |here| &rest[here..])
}

/// The value of an attribute; empty where it has none.
fn attribute<'h>(tag: &'h str, name: &str) -> Option<Cow<'h, str>> {
    let [value] = values(tag, [name]);
    value
}

/// The values of attributes, of each the first.
fn values<'h, const N: usize>(tag: &'h str, names: [&str; N]) -> [Option<Cow<'h, str>>; N] {
    let mut values = [const { None }; N];
    for (name, value) in (Attributes {
        rest: tag,
        inside: false,
    }) {
        for (known, place) in names.iter().zip(&mut values) {
            if place.is_none() && name.eq_ignore_ascii_case(known) {
                *place = Some(plain(value));
            }
        }
    }
    values
}

fn plain(value: &str) -> Cow<'_, str> {
    if value.contains('&') {
        Cow::Owned(value.replace("&amp;", "&"))
    } else {
        Cow::Borrowed(value)
    }
}

/// The attributes of a tag, each with its value.
struct Attributes<'h> {
    rest: &'h str,
    /// Whether a name may begin here: what follows a quote need not be set off.
    inside: bool,
}

impl<'h> Iterator for Attributes<'h> {
    type Item = (&'h str, &'h str);

    fn next(&mut self) -> Option<Self::Item> {
        let is_space = |byte: u8| byte.is_ascii_whitespace();
        if !self.inside {
            let at = self.rest.bytes().position(is_space)?;
            self.rest = &self.rest[at..];
        }
        self.inside = false;
        let rest = self.rest.trim_start();
        let end = rest
            .bytes()
            .position(|b| b == b'=' || b == b'/' || is_space(b));
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            self.rest = behind;
            return Some((name, ""));
        };
        let value = value.trim_start();
        let (value, behind) = match value.bytes().next() {
            Some(quote @ (b'"' | b'\'')) => value[1..]
                .split_once(char::from(quote))
                .unwrap_or((&value[1..], "")),
            _ => value.split_at(value.bytes().position(is_space).unwrap_or(value.len())),
        };
        self.rest = behind;
        self.inside = !behind.is_empty();
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_links_and_images_are_told_apart() {
        let html = r#"<html><head><title>t</title><style>a > b { color: red }</style></head><!-- <a href="x"> -->
            <p>Hello <b>An</b>na</p><A HREF='https://e.example/a?x=1&amp;y=2' title="a > b">Unsubscribe here</A>
            <img src="cid:1"><img alt src=http://e.example/1.png width="1"></html>"#;
        let page = Page::read(html);
        assert_eq!(
            page.words.split_whitespace().collect::<Vec<_>>().join(" "),
            "Hello Anna Unsubscribe here"
        );
        let [(href, shown)] = page.links.as_slice() else {
            panic!("{:?}", page.links)
        };
        assert_eq!(href, "https://e.example/a?x=1&y=2");
        assert_eq!(&page.words[shown.clone()], "Unsubscribe here");
        assert!(page.offers_leaving);
        assert_eq!(
            (page.images, page.without_alt.as_deref()),
            (1, Some("cid:1"))
        );
    }

    proptest! {
        #[test]
        fn no_html_panics(html in "(<|>|/|a|=|\"|'| |style|img|script|--|!|ж|\\PC){0,80}") {
            let _ = Page::read(&html);
        }
    }
}
