//! Letters as strangers see them: every signature verifies, every field reads back, every line is legal.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

#[path = "letter/corpus.rs"]
mod corpus;
#[path = "letter/python.rs"]
mod python;
#[path = "letter/strangers.rs"]
mod strangers;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use corpus::{Case, NOW, all, identity, styles, template_set};
use mail_auth::DkimResult;
use mail_parser::{Message, MessageParser, MimeHeaders};
use postrider::{
    compose::{TemplateSet, compose},
    dkim::{KeyFile, Keyring, Signed, dns_record, generate_ed25519, generate_rsa_2048, sign},
    mail::Content,
    token::Kind,
};

fn key(selector: &str, pem: String) -> KeyFile {
    KeyFile {
        domain: "example.com".to_owned(),
        selector: selector.to_owned(),
        pem,
    }
}

/// Two signatures, so that one corpus shows both algorithms.
fn ring() -> Keyring {
    let files = [
        key("2026q4a", generate_rsa_2048().unwrap()),
        key("2026q4e", generate_ed25519().unwrap()),
    ];
    Keyring::new(files, &BTreeMap::new())
        .unwrap()
        .with_second_signature(true)
}

fn send(case: &Case, templates: &TemplateSet, ring: &Keyring) -> Signed {
    let composed = compose(&case.letter, &case.style, &identity(), templates, NOW);
    let composed = composed.unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
    sign(ring, &composed, NOW).unwrap()
}

/// A letter as text, with nothing folded away.
fn picture(case: &Case) -> String {
    let composed = compose(&case.letter, &case.style, &identity(), &template_set(), NOW).unwrap();
    String::from_utf8(composed.message().to_vec())
        .unwrap()
        .replace("\r\n", "\n")
}

#[tokio::test]
async fn every_signature_verifies_at_a_receiver() {
    let (ring, templates) = (ring(), template_set());
    let zone = strangers::Zone::of(&ring);
    for case in all() {
        let signed = send(&case, &templates, &ring);
        let results = zone.verify(signed.bytes()).await;
        assert_eq!(
            results,
            [DkimResult::Pass, DkimResult::Pass],
            "{}",
            case.name
        );
        let spoilt = replace_once(signed.bytes(), b"Date: ", b"Date: X");
        let results = zone.verify(&spoilt).await;
        assert!(!results.contains(&DkimResult::Pass), "{}", case.name);
    }
}

fn replace_once(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn every_signature_verifies_in_dkimpy() {
    let Some(python) = python::interpreter() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs python3 for dkimpy"
        );
        eprintln!("SKIPPED: no python3 here, so dkimpy did not check our signatures");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write_corpus(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/letter/verify.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .output()
        .unwrap();
    python::succeed(&output, "verifying with dkimpy");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains(&format!("{} signatures checked, 0 wrong", all().len() * 2)),
        "{said}"
    );
}

fn write_corpus(folder: &Path) {
    let (ring, templates) = (ring(), template_set());
    let records: BTreeMap<String, String> = ring
        .public_keys()
        .map(dns_record)
        .map(|record| (format!("{}.", record.name), record.text))
        .collect();
    fs::write(
        folder.join("records.json"),
        serde_json::to_string(&records).unwrap(),
    )
    .unwrap();
    for case in all() {
        let signed = send(&case, &templates, &ring);
        fs::write(folder.join(format!("{}.eml", case.name)), signed.bytes()).unwrap();
    }
}

#[test]
fn every_line_is_legal() {
    let (ring, templates) = (ring(), template_set());
    for case in all() {
        let signed = send(&case, &templates, &ring);
        let utf8_address = case.letter.to.mailbox.address.needs_smtputf8();
        assert_eq!(signed.needs_smtputf8(), utf8_address, "{}", case.name);
        let (head, _) = split(signed.bytes());
        assert!(signed.bytes().ends_with(b"\r\n"), "{}", case.name);
        for line in lines(signed.bytes()) {
            assert!(line.len() <= 998, "{}: {line}", case.name);
            assert!(line.is_ascii() || utf8_address, "{}: {line}", case.name);
        }
        for line in lines(head) {
            let folded = line.len() <= 78 || !line.trim_start().contains(' ') || is_ours(line);
            assert!(folded, "{}: {line}", case.name);
            for word in line.split(' ').filter(|word| word.starts_with("=?")) {
                assert!(word.len() <= 75, "{}: {word}", case.name);
            }
        }
    }
}

/// A token and a domain do not fit in 78 columns together with their field's name.
fn is_ours(line: &str) -> bool {
    ["CFBL-Address: ", "Message-ID: ", "List-Unsubscribe: "]
        .iter()
        .any(|name| line.starts_with(name))
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    (&bytes[..at + 2], &bytes[at + 4..])
}

/// Lines, after checking that nothing but CRLF ends them.
fn lines(bytes: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])));
    lines
}

#[test]
fn every_field_reads_back() {
    let (ring, templates, tokens) = (ring(), template_set(), identity());
    for case in all() {
        let signed = send(&case, &templates, &ring);
        let message = MessageParser::default().parse(signed.bytes()).unwrap();
        let letter = &case.letter;
        let from = message.from().unwrap().first().unwrap();
        assert_eq!(
            from.address(),
            Some(letter.from.address.to_string().as_str())
        );
        assert_eq!(from.name(), letter.from.name.as_deref(), "{}", case.name);
        let to = message.to().unwrap().first().unwrap();
        assert_eq!(
            to.address(),
            Some(letter.to.mailbox.address.to_string().as_str())
        );
        assert_eq!(to.name(), letter.to.mailbox.name.as_deref());
        assert_eq!(message.date().unwrap().to_timestamp(), NOW.seconds());
        assert!(
            message.bcc().is_none() && message.cc().is_none(),
            "{}",
            case.name
        );
        let message_id = message.message_id().unwrap().split('@').next().unwrap();
        let named = tokens.tokens().decode(Kind::MessageId, message_id).unwrap();
        assert_eq!((named.id, named.shard), (letter.id, letter.shard));
        let returned = signed.return_path().split('@').next().unwrap();
        assert_eq!(
            tokens.tokens().decode_local(Kind::ReturnPath, returned),
            Some(named)
        );
        check_texts(&case, &message);
        check_once(&case, &message);
    }
}

fn check_texts(case: &Case, message: &Message<'_>) {
    let Content::Texts {
        subject,
        text,
        html,
        parts,
    } = &case.letter.content
    else {
        return;
    };
    let name = &case.name;
    let shown: String = subject.replace(|c: char| c.is_control(), " ");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        squeeze(message.subject().unwrap()),
        squeeze(&shown),
        "{name}"
    );
    let readable = |text: &str| squeeze(&text.replace('\r', "\n").replace(['\0', '\u{7}'], ""));
    if let Some(text) = text {
        assert_eq!(
            readable(&message.body_text(0).unwrap()),
            readable(text),
            "{name}"
        );
    }
    if let Some(html) = html {
        assert_eq!(
            readable(&message.body_html(0).unwrap()),
            readable(html),
            "{name}"
        );
    }
    let mut expected: Vec<_> = parts
        .iter()
        .map(|part| (part.name.clone(), part.bytes.clone()))
        .collect();
    let mut found: Vec<_> = message
        .attachments()
        .map(|part| {
            (
                part.attachment_name().unwrap().to_owned(),
                part.contents().to_owned(),
            )
        })
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "{name}");
}

/// No field of the letter itself stands there twice, but the two signatures and what a raw letter repeats.
fn check_once(case: &Case, message: &Message<'_>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for header in message.headers() {
        *seen.entry(header.name().to_ascii_lowercase()).or_default() += 1;
    }
    assert_eq!(seen.remove("dkim-signature"), Some(2));
    assert!(
        seen.values().all(|count| *count == 1),
        "{}: {seen:?}",
        case.name
    );
    let listed = case.style.unsubscribe;
    for name in [
        "list-unsubscribe",
        "list-unsubscribe-post",
        "list-id",
        "precedence",
    ] {
        assert_eq!(seen.contains_key(name), listed, "{}: {name}", case.name);
    }
}

#[test]
fn each_stream_has_its_own_fields() {
    for style in styles() {
        let case = Case {
            name: style.stream.clone(),
            letter: corpus::letter(1, corpus::template("new-order")),
            style,
        };
        let text = picture(&case);
        let (head, _) = text.split_once("\n\n").unwrap();
        insta::assert_snapshot!(format!("fields of {}", case.name), head);
    }
}

#[test]
fn odd_letters_have_these_bytes() {
    for case in all() {
        if [
            "control-characters",
            "raw-8bit",
            "raw-multipart",
            "inline-and-attached",
            "html-only",
        ]
        .contains(&case.name.as_str())
        {
            insta::assert_snapshot!(case.name.clone(), picture(&case));
        }
    }
}

#[test]
fn the_signature_has_these_tags() {
    let (ring, templates) = (ring(), template_set());
    let case = all()
        .into_iter()
        .find(|case| case.name == "cyrillic")
        .unwrap();
    let signed = send(&case, &templates, &ring.with_second_signature(false));
    let (head, _) = split(signed.bytes());
    let fields = String::from_utf8(head.to_vec())
        .unwrap()
        .replace("\r\n\t", " ");
    let field = fields.lines().next().unwrap();
    let tags: Vec<&str> = field
        .split(';')
        .map(|tag| tag.trim().split('=').next().unwrap())
        .collect();
    assert_eq!(
        tags,
        [
            "DKIM-Signature: v",
            "a",
            "s",
            "d",
            "c",
            "h",
            "t",
            "bh",
            "b",
            ""
        ]
    );
    insta::assert_snapshot!(
        "signature without its hashes",
        field.split("bh=").next().unwrap()
    );
}

/// `cargo test --release --test letter -- --ignored --nocapture measure`
#[test]
#[ignore = "measures speed; run it alone and in release mode"]
fn measure_composing_and_signing() {
    let case = Case {
        name: "measured".to_owned(),
        letter: corpus::letter(1, corpus::template("new-order")),
        style: styles()[2].clone(),
    };
    let ring = ring().with_second_signature(false);
    let (templates, identity) = (template_set(), identity());
    let composed = || compose(&case.letter, &case.style, &identity, &templates, NOW).unwrap();
    let ready = composed();
    let rate = |doing: &str, times: u32, work: &dyn Fn()| {
        let start = tokio::time::Instant::now();
        (0..times).for_each(|_| work());
        let each = start.elapsed() / times;
        println!(
            "{doing}: {each:?} each for {} octets",
            ready.message().len()
        );
    };
    rate("compose", 20_000, &|| drop(composed()));
    rate("sign", 4_000, &|| drop(sign(&ring, &ready, NOW).unwrap()));
    rate("compose and sign", 4_000, &|| {
        drop(sign(&ring, &composed(), NOW).unwrap());
    });
}
