//! The HTML of a letter in one pass.
//!
//! Owns a walk over tags and words. Promises: linear, whatever the HTML is; what no browser shows (comments, styles, scripts)
//! is no word.

use super::{Flaws, link, rules};

/// Links that are looked at; a letter with more of them has been complained about already.
const LINKS_MAX: usize = 500;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What readers see, entities as they stand.
    pub(super) words: String,
    pub(super) images: usize,
    /// Whether a link says that one can leave.
    pub(super) offers_leaving: bool,
    links: Vec<(String, String)>,
    without_alt: Option<String>,
    embedded: bool,
    plain_image: Option<String>,
    active: Option<&'static str>,
    sheet: bool,
}

/// Elements that mailbox programs remove, and filters dislike.
const ACTIVE: [&str; 8] = [
    "script", "iframe", "form", "object", "embed", "applet", "video", "audio",
];

impl Page {
    pub(super) fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut rest = html;
        let mut open: Option<(String, usize)> = None;
        while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
            page.say(&rest[..at]);
            let after = &rest[at..];
            let end = end_of_tag(after);
            let whole = &after[..end];
            let tag = whole
                .strip_suffix('>')
                .unwrap_or(whole)
                .get(1..)
                .unwrap_or("");
            rest = &after[end..];
            let (name, is_end) = name_of(tag);
            match (name.as_str(), is_end) {
                ("style" | "script" | "title", false) => rest = skip(rest, &name),
                ("a", true) => page.close(&mut open),
                ("a", false) => {
                    page.close(&mut open);
                    open = attribute(tag, "href").map(|href| (href, page.words.len()));
                }
                _ => {}
            }
            if !is_end {
                page.element(&name, tag);
            }
            if !matches!(
                name.as_str(),
                "b" | "i" | "a" | "span" | "strong" | "em" | "font" | "u"
            ) {
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

    fn close(&mut self, open: &mut Option<(String, usize)>) {
        let Some((href, from)) = open.take() else {
            return;
        };
        let shown = self.words.get(from..).unwrap_or("").trim().to_owned();
        let lower = shown.to_lowercase();
        let leaving = [
            "unsubscribe",
            "opt out",
            "отпис",
            "отказаться от",
            "abbestellen",
            "abmelden",
        ];
        self.offers_leaving |= leaving.iter().any(|word| lower.contains(word));
        if self.links.len() < LINKS_MAX {
            self.links.push((href, shown));
        }
    }

    fn element(&mut self, name: &str, tag: &str) {
        if let Some(active) = ACTIVE.iter().find(|active| **active == name) {
            self.active = self.active.or(Some(active));
        }
        if name == "link"
            && attribute(tag, "rel").is_some_and(|rel| rel.eq_ignore_ascii_case("stylesheet"))
        {
            self.sheet = true;
        }
        if name != "img" {
            return;
        }
        let source = attribute(tag, "src").unwrap_or_default();
        // Pixels that count openings are not for eyes.
        let is_pixel = attribute(tag, "width").as_deref() == Some("1")
            || attribute(tag, "height").as_deref() == Some("1");
        self.images += usize::from(!is_pixel);
        if attribute(tag, "alt").is_none() && !is_pixel {
            self.without_alt.get_or_insert_with(|| source.clone());
        }
        let lower: String = source
            .chars()
            .take(8)
            .collect::<String>()
            .to_ascii_lowercase();
        self.embedded |= lower.starts_with("data:");
        if lower.starts_with("http://") {
            self.plain_image.get_or_insert(source);
        }
    }

    pub(super) fn look(&self, flaws: &mut Flaws) {
        for (href, shown) in &self.links {
            link::look(href, shown, flaws);
        }
        if let Some(source) = &self.without_alt {
            flaws.add(&rules::IMAGE_ALT, source.as_str());
        }
        if self.embedded {
            flaws.add(&rules::IMAGE_DATA, "an image with a data: address");
        }
        if let Some(source) = &self.plain_image {
            flaws.add(&rules::IMAGE_HTTP, source.as_str());
        }
        if let Some(name) = self.active {
            flaws.add(&rules::ACTIVE, format!("<{name}>"));
        }
        if self.sheet {
            flaws.add(&rules::STYLE_SHEET, "<link rel=stylesheet>");
        }
    }
}

/// Where the tag that begins this text ends: behind its `>`, quotes minded; comments whole.
fn end_of_tag(text: &str) -> usize {
    if let Some(inner) = text.strip_prefix("<!--") {
        return memchr::memmem::find(inner.as_bytes(), b"-->").map_or(text.len(), |at| at + 7);
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') if text.as_bytes()[at - 1] == b'=' => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn name_of(tag: &str) -> (String, bool) {
    let (tag, is_end) = match tag.strip_prefix('/') {
        Some(rest) => (rest, true),
        None => (tag, false),
    };
    let end = tag
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(tag.len());
    (tag[..end.min(16)].to_ascii_lowercase(), is_end)
}

/// Behind the end of an element whose content is not text.
fn skip<'a>(rest: &'a str, name: &str) -> &'a str {
    let close = format!("</{name}");
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&rest.as_bytes()[from..], b"</") {
        let here = from + at;
        let is_close = rest
            .get(here..here + close.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(&close));
        if is_close {
            return &rest[here..];
        }
        from = here + 2;
    }
    ""
}

/// The value of an attribute; empty where it has none.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some(at) = rest.find(|c: char| c.is_ascii_whitespace()) {
        rest = rest[at..].trim_start();
        let end = rest
            .find(|c: char| c == '=' || c == '/' || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let is_it = rest[..end].eq_ignore_ascii_case(name);
        let after = rest[end..].trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            if is_it {
                return Some(String::new());
            }
            rest = &rest[end..];
            continue;
        };
        let (value, behind) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(
                value
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(value.len()),
            ),
        };
        if is_it {
            return Some(value.replace("&amp;", "&"));
        }
        if behind.is_empty() {
            return None;
        }
        // What follows a quote need not be set off.
        if !behind.starts_with(|c: char| c.is_ascii_whitespace()) {
            return attribute(&format!(" {behind}"), name);
        }
        rest = behind;
    }
    None
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
        assert_eq!(
            page.links,
            [(
                "https://e.example/a?x=1&y=2".to_owned(),
                "Unsubscribe here".to_owned()
            )]
        );
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
