//! Letters of every shape, for the verifiers.

use std::path::Path;

use postrider::{
    compose::{Domains, Identity, List, Style, TemplateSet},
    mail::{
        Address, Content, Domain, Letter, LetterId, Mailbox, Part, Recipient, Shard, Timestamp,
    },
    templates,
    token::{TokenKey, Tokens},
};
use uuid::Uuid;

/// The moment at which the whole corpus is sent: 2026-11-23 12:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_435_200);

/// One letter with the stream it belongs to.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) letter: Letter,
    pub(crate) style: Style,
}

pub(crate) fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

pub(crate) fn identity() -> Identity {
    let key = TokenKey {
        id: 1,
        secret: [7; 32],
    };
    let domains = Domains {
        return_path: domain("bounce.example.com"),
        message_id: domain("mail.example.com"),
        unsubscribe_url: "https://u.example.com/o/".to_owned(),
        unsubscribe_mail: domain("unsub.example.com"),
        feedback: domain("fbl.example.com"),
    };
    Identity::new(domains, "ryady", Tokens::new(key, vec![])).unwrap()
}

pub(crate) fn template_set() -> TemplateSet {
    templates::load(&folder(), None).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")
}

pub(crate) fn styles() -> [Style; 3] {
    let list = |stream| List::new(Some("Ряды"), stream, &domain("list.example.com")).unwrap();
    [
        Style::transactional("account"),
        Style::trigger("new_orders", list("new_orders")),
        Style::marketing("digest", list("digest")),
    ]
}

pub(crate) fn mailbox(name: Option<&str>, address: &str) -> Mailbox {
    Mailbox {
        address: Address::parse(address).unwrap(),
        name: name.map(str::to_owned),
    }
}

pub(crate) fn letter(number: u128, content: Content) -> Letter {
    Letter {
        id: LetterId(Uuid::from_u128(
            0x019a_b5c4_0000_7000_8000_0000_0000_0000 + number,
        )),
        shard: Shard(17),
        stream: "digest".to_owned(),
        campaign: Some("week-47".to_owned()),
        to: Recipient {
            mailbox: mailbox(Some("Анна Смирнова"), "anna@mail.example"),
            locale: Some("ru".to_owned()),
            time_zone: None,
        },
        from: mailbox(Some("Ряды"), "news@example.com"),
        reply_to: Some(mailbox(None, "help@example.com")),
        content,
        tags: vec![],
        enqueued_at: NOW,
        send_at: None,
        valid_until: None,
    }
}

pub(crate) fn texts(
    subject: &str,
    text: Option<&str>,
    html: Option<&str>,
    parts: Vec<Part>,
) -> Content {
    Content::Texts {
        subject: subject.to_owned(),
        text: text.map(str::to_owned),
        html: html.map(str::to_owned),
        parts,
    }
}

pub(crate) fn part(name: &str, media_type: &str, content_id: Option<&str>, bytes: &[u8]) -> Part {
    Part {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        content_id: content_id.map(str::to_owned),
        bytes: bytes.to_owned(),
    }
}

pub(crate) fn template(name: &str) -> Content {
    Content::Template {
        name: name.to_owned(),
        variables: templates::sample(&folder(), name).unwrap(),
        parts: vec![],
    }
}

/// Everything, in an order that does not change.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, content) in ready() {
        let [_, _, style] = styles();
        push(&mut cases, name, content, style);
    }
    for template_name in [
        "new-order",
        "order-response",
        "weekly-digest",
        "password-reset",
    ] {
        for locale in ["ru", "en", "de"] {
            for style in styles() {
                let name = format!("{template_name}-{locale}-{}", style.stream);
                push(&mut cases, &name, template(template_name), style);
                let last = cases.last_mut().unwrap();
                last.letter.to.locale = Some(locale.to_owned());
            }
        }
    }
    push_odd_addresses(&mut cases);
    cases
}

fn push(cases: &mut Vec<Case>, name: &str, content: Content, style: Style) {
    let number = cases.len() as u128;
    cases.push(Case {
        name: name.to_owned(),
        letter: letter(number, content),
        style,
    });
}

fn push_odd_addresses(cases: &mut Vec<Case>) {
    let hello = || texts("Привет", Some("Здравствуйте!"), None, vec![]);
    let [style, ..] = styles();
    push(cases, "idn-domain", hello(), style.clone());
    cases.last_mut().unwrap().letter.to.mailbox = mailbox(None, "anna@почта.рф");
    push(cases, "utf8-local-part", hello(), style.clone());
    cases.last_mut().unwrap().letter.to.mailbox = mailbox(Some("Анна"), "анна@почта.рф");
    push(cases, "subdomain-author", hello(), style);
    cases.last_mut().unwrap().letter.from = mailbox(
        Some(
            "\"Sales\" =?utf-8?Q?x?= (team), a name that is longer than one line of a header can be",
        ),
        "sales@shop.example.com",
    );
}

fn ready() -> Vec<(&'static str, Content)> {
    let long = "слово ".repeat(400) + &"x".repeat(3_000);
    let long_html = format!("<p>{}</p>", "y".repeat(5_000));
    let pdf: Vec<u8> = (0..20_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 4])
        .collect();
    vec![
        ("cyrillic", texts("Заказ №15 на ткань", Some("Здравствуйте!\n\nТкань, 200 м.\n"), None, vec![])),
        ("ascii", texts("Order 15", Some("Hello,\n\n200 m of cotton.\n.\n.. dots\nFrom here\n"), None, vec![])),
        ("emoji", texts("🎉 Скидки 🧵🧶 до конца недели, не пропустите: ткани, фурнитура, нитки 🎉", Some("🧵"), Some("<b>🧵</b>"), vec![])),
        ("long-lines", texts(&"Очень длинная тема ".repeat(20), Some(&long), Some(&long_html), vec![])),
        ("trailing-spaces", texts("Spaces  inside  and tabs\tin a subject", Some("a   \nb\t\t \n   \n\n\n"), Some("<p> x </p>   \r\n\r\n\r\n"), vec![])),
        ("empty-body", texts("Empty", Some(""), None, vec![])),
        ("html-only", texts("HTML only", None, Some("<h1>Привет</h1><p><a href=\"https://example.com/a?b=1&amp;c=2\">Открыть</a></p>"), vec![])),
        ("encoded-looking", texts("=?utf-8?Q?Buy_now?= is plain text here", Some("="), None, vec![])),
        ("control-characters", texts("a\r\nBcc: victim@mail.example\r\n\r\nbody\u{0}", Some("a\rb\u{0}c\u{7}d"), None, vec![])),
        ("attachment", texts("Счёт", Some("Во вложении."), Some("<p>Во вложении.</p>"), vec![part("Счёт № 15 от 23 ноября 2026 года для общества с ограниченной ответственностью.pdf", "application/pdf", None, &pdf), part("a.csv", "text/csv; charset=utf-8", None, b"a;b\r1;2\n")])),
        ("inline-image", texts("Логотип", None, Some("<img src=\"cid:logo@example.com\" alt=\"Ряды\">"), vec![part("logo.png", "image/png", Some("logo@example.com"), &pdf[..500])])),
        ("inline-and-attached", texts("Всё сразу", Some("т"), Some("<img src=\"cid:logo\" alt=\"\">"), vec![part("logo.png", "image/png", Some("logo"), b"png"), part("empty.bin", "application/octet-stream", None, b"")])),
        ("raw-plain", Content::Raw(b"From: a@b.example\nTo: c@d.example\nSubject: =?utf-8?B?0J/RgNC40LLQtdGC?=\nX-Order: 15\n\nHello\nworld   \n\n\n".to_vec())),
        ("raw-8bit", Content::Raw("Subject: Привет из сырого письма\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Note: заметка\r\nReferences: <a@example.com>\r\n <b@example.com>\r\n\r\nЗдравствуйте!\rОдин\nДва\r\n".as_bytes().to_vec())),
        ("raw-multipart", Content::Raw(raw_multipart())),
        ("raw-many-headers", Content::Raw(raw_many_headers())),
        ("raw-empty", Content::Raw(b"Subject: nothing\r\n\r\n".to_vec())),
    ]
}

fn raw_multipart() -> Vec<u8> {
    let long = "z".repeat(2_500);
    format!(
        "Subject: parts\r\nContent-Type: multipart/mixed; boundary=\"out er\"\r\nContent-Type: text/plain\r\n\r\npreamble\r\n\
         --out er\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n\
         --inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nПривет\r\n\
         --inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{long}</p>\r\n--inner--\r\n\
         --out er\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--out er--\r\nepilogue\r\n"
    )
    .into_bytes()
}

fn raw_many_headers() -> Vec<u8> {
    let mut text = String::from(
        "Subject: first\r\nSubject: second\r\nReceived: from x\r\n\tby y; now\r\nDKIM-Signature: v=1; a=x\r\nBcc: v@mail.example\r\nReturn-Path: <a@b.example>\r\nMessage-ID: <theirs@b.example>\r\nDate: yesterday\r\nList-Unsubscribe: <https://evil.example/>\r\n",
    );
    for n in 0..300 {
        text.extend(["X-Field-", &n.to_string(), ": value\r\n folded\r\n"]);
    }
    (text + "\r\nbody\r\n").into_bytes()
}
