//! What holds for any mail, however broken.

use std::time::Duration;

use postrider::{
    bounce::mail::read,
    mail::{Action, Class, ReportKind, Term, Told},
};
use proptest::prelude::*;

use super::samples;

/// Whether a finding would suppress an address.
fn suppresses(told: &Told) -> bool {
    let classes = [Class::BadMailbox, Class::BadDomain, Class::InactiveMailbox];
    let finding = told.finding.as_ref();
    told.action == Action::Failed
        && told.is_permanent()
        && finding.is_some_and(|finding| {
            finding.term == Term::Permanent && classes.contains(&finding.class)
        })
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.join(b"\r\n".as_slice())
}

#[test]
fn lf_and_crlf_say_the_same() {
    for (name, bytes) in samples() {
        assert_eq!(read(&bytes), read(&with_crlf(&bytes)), "{name}");
    }
}

#[test]
fn a_mail_that_broke_off_suppresses_nobody_else() {
    for (name, bytes) in samples() {
        let whole = read(&bytes);
        for end in (0..bytes.len()).step_by(7) {
            for told in read(&bytes[..end])
                .recipients
                .iter()
                .filter(|told| suppresses(told))
            {
                // The end of an address may be cut off, and a reason that would have made it milder.
                let known = whole
                    .recipients
                    .iter()
                    .any(|full| full.address.starts_with(&told.address));
                assert!(known, "{name} cut at {end}: {}", told.address);
            }
        }
    }
}

#[test]
fn what_is_no_report_names_nobody() {
    for (name, bytes) in samples() {
        let report = read(&bytes);
        if matches!(report.kind, ReportKind::AutoReply | ReportKind::Other) {
            assert!(report.recipients.is_empty(), "{name}");
            assert!(report.complaint.is_none(), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }

    #[test]
    fn a_sample_with_broken_bytes_is_read(pick in any::<prop::sample::Index>(), breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let samples = samples();
        let mut bytes = pick.get(&samples).1.clone();
        for (at, byte) in breaks {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}

/// Generous: a debug build on a busy machine. What is quadratic takes hours.
fn is_quick(name: &str, bytes: &[u8]) {
    let start = tokio::time::Instant::now();
    let report = read(bytes);
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(20), "{name} took {spent:?}");
    assert!(report.recipients.len() <= 1000, "{name}");
}

#[test]
fn ten_megabytes_of_anything_take_no_longer_than_they_should() {
    const SIZE: usize = 10 << 20;
    let repeat = |text: &str| text.repeat(SIZE / text.len()).into_bytes();
    let head = "From: MAILER-DAEMON@a.example\nSubject: failure notice\nReturn-Path: <>\n";
    let with_head =
        |more: &str, text: &str| [head.as_bytes(), more.as_bytes(), &repeat(text)].concat();
    is_quick("fields", &repeat("X-A: b\n"));
    is_quick("folds", &with_head("X-A: b\n", " c\n"));
    is_quick("one line", &repeat("a"));
    is_quick("ats", &with_head("\n", "@"));
    is_quick(
        "addresses",
        &with_head("\nThe following address failed:\n", "<a@b.example>:\n"),
    );
    is_quick("brackets", &with_head("\n", "<"));
    is_quick(
        "opened parts",
        &with_head(
            "Content-Type: multipart/mixed; boundary=x\n\n",
            "--x\nContent-Type: multipart/mixed; boundary=y\n\n",
        ),
    );
    is_quick(
        "parts",
        &with_head("Content-Type: multipart/mixed; boundary=x\n\n", "--x\n\n"),
    );
    let levels: Vec<String> = (0..200_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    is_quick("nested parts", levels.concat().as_bytes());
    is_quick(
        "status",
        &with_head(
            "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n",
            "Final-Recipient: rfc822; a@b.example\n\n",
        ),
    );
    is_quick(
        "words",
        &with_head("Subject: =?utf-8?B?YQ==?=\n\n", "=?utf-8?B?YQ==?= "),
    );
    is_quick(
        "html",
        &with_head("Content-Type: text/html\n\n", "<div>&amp;"),
    );
    is_quick("json", &with_head("\n{\"a\":", "[{\"a\":"));
}
