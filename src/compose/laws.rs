//! What holds for every letter, whatever its words are.

use mail_parser::{Message, MessageParser, MimeHeaders};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    mail::{Address, LetterId, Mailbox, Part, Recipient, Shard},
    token::{TokenKey, Tokens},
};

const NOW: Timestamp = Timestamp::from_seconds(1_795_435_200);

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

fn identity() -> Identity {
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
    Identity::new(domains, "sender", Tokens::new(key, vec![])).unwrap()
}

fn style() -> Style {
    let list = List::new(Some("Ряды"), "digest", &domain("list.example.com")).unwrap();
    Style::marketing("digest", list)
}

fn letter(content: Content) -> Letter {
    let mailbox = |address: &str| Mailbox {
        address: Address::parse(address).unwrap(),
        name: None,
    };
    Letter {
        id: LetterId(Uuid::from_u128(1)),
        shard: Shard(0),
        stream: "digest".to_owned(),
        campaign: None,
        to: Recipient {
            mailbox: mailbox("anna@mail.example"),
            locale: None,
            time_zone: None,
        },
        from: mailbox("news@example.com"),
        reply_to: None,
        content,
        tags: vec![],
        enqueued_at: NOW,
        send_at: None,
        valid_until: None,
    }
}

fn templates(files: &[(&str, &str)]) -> Result<TemplateSet, Vec<TemplateFault>> {
    let files = files.iter().map(|(path, source)| TemplateFile {
        path: (*path).to_owned(),
        source: (*source).to_owned(),
    });
    TemplateSet::build(files.collect(), None)
}

fn write(letter: &Letter) -> Result<Vec<u8>, Unsendable> {
    let set = templates(&[
        ("t/default/subject.txt", "{{ a }}"),
        ("t/default/text.txt", "{{ a }}\n{{ b }}"),
        ("t/default/html.html", "<p title=\"{{ a }}\">{{ b }}</p>"),
    ]);
    compose(letter, &style(), &identity(), &set.unwrap(), NOW).map(|composed| composed.message)
}

fn ready(subject: &str, text: &str, parts: Vec<Part>) -> Content {
    Content::Texts {
        subject: subject.to_owned(),
        text: Some(text.to_owned()),
        html: None,
        parts,
    }
}

/// The law of the wire: CRLF only, 998 at most, ASCII.
fn assert_legal(message: &[u8]) {
    let text = std::str::from_utf8(message).unwrap();
    assert!(text.is_ascii() && text.ends_with("\r\n"));
    for line in text.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        assert!(line.len() <= 998, "{}", line.len());
    }
}

fn field_names(message: &Message<'_>) -> Vec<String> {
    message
        .headers()
        .iter()
        .map(|h| h.name().to_owned())
        .collect()
}

/// Names and values that a stranger might try.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,120}",
        "(a|б|🧵| |\t|\r|\n|=\\?|\\?=|\"|\\\\|<|>|,|;|:|\u{0}|\u{7f}|\u{85}|\u{2028}){0,60}",
        Just("x\r\nBcc: victim@mail.example\r\n\r\n".to_owned()),
        "[a-z]{900,1200}",
    ]
}

/// Text as readers see it: control characters are spaces, spaces count once.
fn shown(text: &str) -> String {
    let text = text.replace(
        |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}',
        " ",
    );
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_words_make_a_header(subject in any_text(), text in any_text(), name in any_text()) {
        let mut letter = letter(ready(&subject, &text, vec![]));
        letter.to.mailbox.name = Some(name.clone());
        let plain = write(&self::letter(ready("s", "t", vec![]))).unwrap();
        let expected = field_names(&MessageParser::default().parse(&plain).unwrap());
        match write(&letter) {
            Err(fault) => prop_assert!(shown(&subject).is_empty(), "{fault}"),
            Ok(message) => {
                assert_legal(&message);
                let read = MessageParser::default().parse(&message).unwrap();
                prop_assert_eq!(&field_names(&read)[..expected.len() - 1], &expected[..expected.len() - 1]);
                prop_assert_eq!(read.headers().len(), expected.len());
                prop_assert_eq!(shown(read.subject().unwrap_or_default()), shown(&subject));
                let to = read.to().and_then(|to| to.first()).unwrap();
                prop_assert_eq!(to.address(), Some("anna@mail.example"));
                prop_assert_eq!(shown(to.name().unwrap_or_default()), shown(&name));
            }
        }
    }

    #[test]
    fn variables_stay_variables(a in any_text(), b in any_text()) {
        let variables = serde_json::json!({ "a": a, "b": b }).to_string();
        let content = Content::Template { name: "t".to_owned(), variables, parts: vec![] };
        if let Ok(message) = write(&letter(content)) {
            assert_legal(&message);
            let read = MessageParser::default().parse(&message).unwrap();
            prop_assert_eq!(shown(read.subject().unwrap_or_default()), shown(&a));
            prop_assert_eq!(read.text_body_count(), 1);
            prop_assert_eq!(read.html_body_count(), 1);
            let html = read.body_html(0).unwrap();
            prop_assert_eq!(html.matches('<').count(), 2, "{}", html);
        }
    }

    #[test]
    fn files_come_back_as_they_went(name in any_text(), bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let part = Part {
            name: name.clone(),
            media_type: "application/octet-stream".to_owned(),
            content_id: None,
            bytes: bytes.clone(),
        };
        if let Ok(message) = write(&letter(ready("s", "t", vec![part]))) {
            assert_legal(&message);
            let read = MessageParser::default().parse(&message).unwrap();
            let file = read.attachment(0).unwrap();
            prop_assert_eq!(file.contents(), &bytes);
            prop_assert_eq!(shown(file.attachment_name().unwrap_or_default()), shown(&name));
        }
    }

    #[test]
    fn raw_bytes_never_break_the_wire(
        head in "((Subject|X-A|Content-Type|Content-Transfer-Encoding|From): (\\PC|\r\n |\n|multipart/mixed; boundary=b|8bit|base64){0,5}(\r\n|\n|\r)){0,6}",
        body in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), any::<u8>()], 0..300),
    ) {
        let bytes = [b"Subject: s\r\n", head.as_bytes(), b"\r\n", body.as_slice()].concat();
        if let Ok(message) = write(&letter(Content::Raw(bytes))) {
            assert_legal(&message);
            let read = MessageParser::default().parse(&message).unwrap();
            prop_assert_eq!(read.from().unwrap().first().unwrap().address(), Some("news@example.com"));
        }
    }
}

fn check(content: Content, expected: &str) {
    let found = write(&letter(content)).map(|_| "fine".to_owned());
    assert_eq!(found.unwrap_or_else(|fault| fault.to_string()), expected);
}

fn raw(text: &str) -> Content {
    Content::Raw(text.as_bytes().to_vec())
}

fn file(name: &str, media_type: &str, content_id: Option<&str>) -> Content {
    let part = Part {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        content_id: content_id.map(str::to_owned),
        bytes: vec![],
    };
    ready("s", "t", vec![part])
}

#[test]
fn a_letter_that_cannot_be_written_says_why() {
    check(ready(" \r\n ", "t", vec![]), "subject: is empty");
    check(raw("Subject: s\r\n\r\nx"), "fine");
    check(raw("X-A: b\r\n\r\nx"), "raw: has no Subject");
    check(
        raw("Subject: s\r\nnot a field\r\n\r\nx"),
        "raw: line 2 is neither a header field nor the empty line before the body",
    );
    check(
        raw("Subject: s\nContent-Transfer-Encoding: base64\n\nпривет"),
        "raw: a part claims to be base64 but has 8-bit octets or lines beyond 998",
    );
    check(
        raw("Subject: s\nContent-Type: multipart/mixed\n\nпривет"),
        "raw: is multipart without a boundary",
    );
    check(
        raw("Subject: s\r\n\r\na\0b"),
        "raw: a text has a zero character",
    );
    check(
        raw("Subject: s\r\nContent-Type: image/png\r\n\r\na\0b"),
        "fine",
    );
    check(file("", "a/b", None), "attachments[0].name: is empty");
    check(
        file("a", "message/rfc822", None),
        "attachments[0].type: is not a media type that can carry a file",
    );
    check(
        file("a", "text/plain\r\nBcc: x", None),
        "attachments[0].type: is not a media type that can carry a file",
    );
    check(
        file("a", "image/png", Some("<a>")),
        "attachments[0].content_id: must be visible ASCII without spaces and <>",
    );
}

/// Renders `source` as a text part with these variables.
fn check_template(source: &str, variables: &str, expected: &str) {
    let set = templates(&[
        ("t/default/subject.txt", "s"),
        ("t/default/text.txt", source),
    ]);
    let content = Content::Template {
        name: "t".to_owned(),
        variables: variables.to_owned(),
        parts: vec![],
    };
    let composed = compose(&letter(content), &style(), &identity(), &set.unwrap(), NOW);
    let found = match composed {
        Ok(composed) => {
            let message = MessageParser::default().parse(&composed.message).unwrap();
            message.body_text(0).unwrap().trim_end().to_owned()
        }
        Err(fault) => fault.to_string(),
    };
    assert_eq!(found, expected, "{source}");
}

#[test]
fn a_missing_variable_is_named_with_its_line() {
    check_template("{{ a }}", r#"{"a": "б"}"#, "б");
    check_template(
        "\n\n{{ order.title|upper }}",
        r#"{"order": {}}"#,
        "variables.order.title: is missing; templates/t/default/text.txt line 3 needs it",
    );
    check_template(
        "{% for x in orders %}{{ x }}{% endfor %}",
        "{}",
        "variables.orders: is missing; templates/t/default/text.txt line 1 needs it",
    );
    check_template(
        "{{ a.b.c }}",
        "{}",
        "variables.a: is missing; templates/t/default/text.txt line 1 needs it",
    );
    check_template(
        "a",
        "[]",
        "variables: are not a JSON object: invalid type: sequence, expected a map at line 1 column 0",
    );
    check_template(
        "{{ letter.to_address }}",
        r#"{"letter": 1}"#,
        "anna@mail.example",
    );
    check_template(
        "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}",
        "{}",
        "template: templates/t/default/text.txt line 1 works too long; is there an endless or a very long loop?",
    );
    check_template(
        "{% include \"../../secrets.txt\" %}",
        "{}",
        "template: templates/t/default/text.txt line 1: template not found: tried to include non-existing template '../../secrets.txt'",
    );
}

#[test]
fn every_fault_of_every_template_is_in_one_report() {
    let faults = templates(&[
        ("a/ru/subject.txt", "{{ a"),
        ("a/ru/html.html", "<p>\n{% if %}"),
        ("b/en/text.txt", "fine"),
        ("c/en/subject.txt", "fine"),
        ("c/en/body.txt", "x"),
        ("stray.txt", "x"),
    ])
    .unwrap_err();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_closest_language_is_taken() {
    let set = |default_locale| {
        let files = ["default", "ru", "en", "en-GB"].map(|locale| TemplateFile {
            path: format!("t/{locale}/subject.txt"),
            source: locale.to_owned(),
        });
        let texts = files.clone().map(|file| TemplateFile {
            path: file.path.replace("subject", "text"),
            source: file.source,
        });
        TemplateSet::build(files.into_iter().chain(texts).collect(), default_locale).unwrap()
    };
    let subject = |locale: Option<&str>, default_locale| {
        let mut letter = letter(Content::Template {
            name: "t".to_owned(),
            variables: "{}".to_owned(),
            parts: vec![],
        });
        letter.to.locale = locale.map(str::to_owned);
        let message = compose(&letter, &style(), &identity(), &set(default_locale), NOW).unwrap();
        let message = MessageParser::default()
            .parse(&message.message)
            .unwrap()
            .into_owned();
        message.subject().unwrap().to_owned()
    };
    assert_eq!(subject(Some("ru"), None), "ru");
    assert_eq!(subject(Some("ru_RU"), None), "ru");
    assert_eq!(subject(Some("EN-gb"), None), "en-GB");
    assert_eq!(subject(Some("en-US"), None), "en");
    assert_eq!(subject(Some("de"), None), "default");
    assert_eq!(subject(None, Some("en")), "en");
}
