//! The rules of a letter: a good one breaks none, and each rule has a letter that breaks it.
#![expect(clippy::too_many_lines, reason = "one letter for each rule")]

use std::collections::BTreeMap;

use postrider::compose::lint::{Draft, Flaw, lint, rules::ALL};
use proptest::prelude::*;

const HEAD: &str = "From: Example Market <news@example.shop>\r\nTo: Anna <anna@mail.ru>\r\nDate: Wed, 25 Nov 2026 18:00:00 +0000\r\n\
Message-ID: <1@example.shop>\r\nSubject: Three new suppliers for you\r\nMIME-Version: 1.0\r\n\
List-Unsubscribe: <https://u.example.shop/o/t>, <mailto:u@example.shop>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
DKIM-Signature: v=1; d=example.shop; h=from:list-unsubscribe:list-unsubscribe-post; b=x\r\n";

const WORDS: &str = "Three suppliers answered your request for steel pipes this morning, and each of them can deliver within a week. \
Compare their prices, delivery times and certificates, then choose the one that fits your factory.";

fn page() -> String {
    format!(
        "<html><body><h1>Hello</h1><p>{WORDS}</p><img src=\"https://cdn.example.shop/logo.png\" alt=\"Market\">\
         <a href=\"https://example.shop/r/1\">Compare</a> <a href=\"https://u.example.shop/o/t\">Unsubscribe</a></body></html>"
    )
}

fn letter(head: &str, text: Option<&str>, html: Option<&str>) -> Vec<u8> {
    let part = |kind: &str, body: &str| {
        format!("--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n")
    };
    let parts: String = [("plain", text), ("html", html)]
        .into_iter()
        .filter_map(|(kind, body)| Some(part(kind, body?)))
        .collect();
    let kind = "Content-Type: multipart/alternative; boundary=b\r\n";
    // As composers do, long bodies are broken into lines.
    let parts = parts.replace("> <", ">\r\n<");
    format!("{head}{kind}\r\n{parts}--b--\r\n").into_bytes()
}

fn draft(message: &[u8]) -> Draft<'_> {
    Draft {
        message,
        wants_unsubscribe: true,
        return_path: Some("bounce.example.shop"),
        signer: Some("example.shop"),
        locale: Some("en"),
    }
}

fn ids(flaws: &[Flaw]) -> Vec<&'static str> {
    flaws.iter().map(|flaw| flaw.rule.id).collect()
}

#[test]
fn a_good_letter_has_no_flaw() {
    let message = letter(HEAD, Some(WORDS), Some(&page()));
    let flaws = lint(&draft(&message));
    assert!(flaws.is_empty(), "{flaws:?}");
}

/// A letter with one line of the header changed.
fn header(from: &str, to: &str) -> Vec<u8> {
    assert!(HEAD.contains(from), "{from}");
    letter(&HEAD.replace(from, to), Some(WORDS), Some(&page()))
}

/// A letter with something more in its HTML.
fn more(html: &str) -> Vec<u8> {
    letter(
        HEAD,
        Some(WORDS),
        Some(&page().replace("</body>", &format!("{html}</body>"))),
    )
}

fn broken() -> BTreeMap<&'static str, Vec<u8>> {
    let attachment = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello there\r\n--b\r\n\
        Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"price.pdf.exe\"\r\n\r\nMZ\r\n--b--\r\n";
    BTreeMap::from([
        ("message.unreadable", Vec::new()),
        ("size.clipped", more(&"<p>more words</p>\r\n".repeat(6_000))),
        ("line.too-long", more(&"x".repeat(1_200))),
        (
            "header.count",
            header("Subject:", "Message-ID: <2@example.shop>\r\nSubject:"),
        ),
        (
            "attachment.dangerous",
            format!("{HEAD}{attachment}").into_bytes(),
        ),
        (
            "body.empty",
            format!("{HEAD}Content-Type: application/pdf\r\n\r\n%PDF\r\n").into_bytes(),
        ),
        ("subject.empty", header("Three new suppliers for you", "")),
        ("subject.long", header("Three new", &"Three new ".repeat(8))),
        ("subject.fake-reply", header("Subject: ", "Subject: Re: ")),
        (
            "subject.shouts",
            header("Three new suppliers for you", "THREE NEW SUPPLIERS"),
        ),
        (
            "from.count",
            header("<news@example.shop>", "<news@example.shop>, b@example.shop"),
        ),
        (
            "from.name-address",
            header("Example Market", "\"support@bank.example\""),
        ),
        (
            "from.name-picture",
            header("Example Market", "=?utf-8?B?4pyFIE1hcmtldA==?="),
        ),
        ("from.name-reader", header("Example Market", "Anna")),
        (
            "align.signer",
            header("news@example.shop", "news@other.shop"),
        ),
        (
            "align.return-path",
            header("news@example.shop", "news@other.shop"),
        ),
        ("variable.open", more("<p>Hello {{ name }}</p>")),
        ("variable.empty", more("<p>Hello, None!</p>")),
        ("locale.wrong", letter(HEAD, Some(WORDS), Some(&page()))),
        ("text.missing", letter(HEAD, None, Some(&page()))),
        (
            "text.differs",
            letter(HEAD, Some("Open this letter in a browser."), Some(&page())),
        ),
        (
            "image.only",
            letter(
                HEAD,
                Some("Big sale"),
                Some(
                    "<img src=\"https://e.example.shop/1.png\" alt=\"Sale\"><a href=\"https://u.example.shop\">Unsubscribe</a>",
                ),
            ),
        ),
        (
            "image.alt",
            more("<img src=\"https://cdn.example.shop/2.png\">"),
        ),
        (
            "image.data",
            more("<img alt=\"\" src=\"data:image/png;base64,AAAA\">"),
        ),
        (
            "image.http",
            more("<img alt=\"\" src=\"http://cdn.example.shop/2.png\">"),
        ),
        (
            "link.http",
            more("<a href=\"http://example.shop/\">here</a>"),
        ),
        ("link.broken", more("<a href=\"\">here</a>")),
        (
            "link.desk",
            more("<a href=\"https://localhost:3000/a\">here</a>"),
        ),
        (
            "link.ip",
            more("<a href=\"https://203.0.113.7/a\">here</a>"),
        ),
        (
            "link.shortener",
            more("<a href=\"https://bit.ly/3xyz\">here</a>"),
        ),
        (
            "link.lies",
            more("<a href=\"https://evil.example/\">https://www.example.shop/login</a>"),
        ),
        (
            "html.active",
            more("<form action=\"https://example.shop/\"></form>"),
        ),
        (
            "html.style-sheet",
            more("<link rel=\"stylesheet\" href=\"https://example.shop/a.css\">"),
        ),
        (
            "one-click.missing",
            header("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", ""),
        ),
        (
            "one-click.http",
            header(
                "<https://u.example.shop/o/t>",
                "<http://u.example.shop/o/t>",
            ),
        ),
        (
            "one-click.unsigned",
            header("h=from:list-unsubscribe:list-unsubscribe-post", "h=from"),
        ),
        (
            "unsubscribe.no-link",
            letter(
                HEAD,
                Some(WORDS),
                Some(&page().replace(">Unsubscribe<", ">Bye<")),
            ),
        ),
    ])
}

#[test]
fn each_rule_has_a_letter_that_breaks_it() {
    let letters = broken();
    let good = letter(HEAD, Some(WORDS), Some(&page()));
    for rule in ALL {
        let message = letters
            .get(rule.id)
            .unwrap_or_else(|| panic!("{} has no letter", rule.id));
        let mut broken = draft(message);
        if rule.id == "locale.wrong" {
            broken.locale = Some("ru");
        }
        let found = ids(&lint(&broken));
        assert!(found.contains(&rule.id), "{}: {found:?}", rule.id);
        assert!(!ids(&lint(&draft(&good))).contains(&rule.id));
    }
    assert_eq!(letters.len(), ALL.len());
}

#[test]
fn ordinary_words_are_no_variables() {
    for words in [
        "None of the offers fits? Tell us.",
        "The result is null and void under this contract.",
        "Save 20% now, 30%% never.",
        "Nan is a river, and so is the Null.",
    ] {
        let message = letter(HEAD, Some(&format!("{WORDS} {words}")), Some(&page()));
        assert_eq!(ids(&lint(&draft(&message))), Vec::<&str>::new(), "{words}");
    }
}

#[test]
fn every_rule_is_in_the_documentation() {
    let docs = include_str!("../docs/lint.md");
    for rule in ALL {
        let row = format!(
            "| `{}` | {} | {} | {} | {} |",
            rule.id,
            rule.gravity.name(),
            rule.source,
            rule.why,
            rule.fix
        );
        assert!(docs.contains(&row), "docs/lint.md lacks\n{row}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = lint(&draft(&bytes));
    }

    #[test]
    fn no_html_panics(html in "(<a href=|<img |>|\"|'|&|жж|None|\\{\\{| |\\PC){0,60}") {
        let message = letter(HEAD, Some("hello"), Some(&html));
        let _ = lint(&draft(&message));
    }
}
