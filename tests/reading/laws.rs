//! What holds for any mail, however broken.

use std::{fs, io::Write, process::Command, time::Duration};

use data_encoding::BASE64_MIME;
use flate2::{Compression, write::GzEncoder};
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

/// Mails of about that size that somebody sends to keep a reader busy.
fn hostile(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let repeat = |text: &str| text.repeat(size / text.len()).into_bytes();
    let head = "From: MAILER-DAEMON@a.example\nSubject: failure notice\nReturn-Path: <>\n";
    let with_head =
        |more: &str, text: &str| [head.as_bytes(), more.as_bytes(), &repeat(text)].concat();
    let levels =
        (0..size / 52).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"));
    vec![
        ("fields", repeat("X-A: b\n")),
        ("folds", with_head("X-A: b\n", " c\n")),
        ("one line", repeat("a")),
        ("one long value", with_head("X-A:", " b")),
        ("ats", with_head("\n", "@")),
        (
            "addresses",
            with_head("\nThe following address failed:\n", "<a@b.example>:\n"),
        ),
        ("brackets", with_head("\n", "<")),
        (
            "opened parts",
            with_head(
                "Content-Type: multipart/mixed; boundary=x\n\n",
                "--x\nContent-Type: multipart/mixed; boundary=y\n\n",
            ),
        ),
        (
            "parts",
            with_head("Content-Type: multipart/mixed; boundary=x\n\n", "--x\n\n"),
        ),
        ("nested parts", levels.collect::<String>().into_bytes()),
        ("nested letters", repeat("Content-Type: message/rfc822\n\n")),
        (
            "status",
            with_head(
                "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n",
                "Final-Recipient: rfc822; a@b.example\n\n",
            ),
        ),
        (
            "words",
            with_head("Subject: =?utf-8?B?YQ==?=\n\n", "=?utf-8?B?YQ==?= "),
        ),
        (
            "encoded subject",
            with_head("Subject:", " =?utf-8?B?YQ==?=\n"),
        ),
        (
            "html",
            with_head("Content-Type: text/html\n\n", "<div>&amp;"),
        ),
        (
            "quoted-printable",
            with_head("Content-Transfer-Encoding: quoted-printable\n\n", "=3D=\n"),
        ),
        ("json", with_head("\n{\"a\":", "[{\"a\":")),
        ("bomb", bomb(size)),
    ]
}

/// A bounce with an archive that would become a thousand times as large as it is.
fn bomb(size: usize) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![0; 1 << 20]).unwrap();
    let member = packer.finish().unwrap();
    // Members behind each other are one archive (RFC 1952 section 2.2).
    let archive = member.repeat((size * 3 / 4 / member.len()).max(1));
    let lines = BASE64_MIME.encode(&archive);
    format!(
        "From: MAILER-DAEMON@a.example\r\nSubject: failure notice\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: application/gzip; name=log.gz\r\nContent-Disposition: attachment\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n{lines}\r\n\
        --x\r\n\r\nThe following address failed:\r\n<a@b.example>: 550 5.1.1 User unknown\r\n--x--\r\n"
    )
    .into_bytes()
}

/// What linear work may take for ten times as much: a cache that is too small, and neighbours on a busy machine.
const GROWTH_MAX: u32 = 15;
/// A shorter time is measured too badly to be compared with.
const CLEAR: Duration = Duration::from_millis(50);

/// The best of three times.
fn spent(bytes: &[u8]) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert!(read(bytes).recipients.len() <= 1000);
        best = best.min(start.elapsed());
    }
    best
}

#[test]
fn ten_times_as_much_of_anything_takes_no_longer_than_in_proportion() {
    for ((name, short), (_, long)) in hostile(1 << 20).into_iter().zip(hostile(10 << 20)) {
        let (short, long) = (spent(&short), spent(&long));
        let allowed = short.max(CLEAR) * GROWTH_MAX;
        assert!(long < allowed, "{name}: {short:?} became {long:?}");
    }
}

#[test]
fn an_archive_beside_a_bounce_is_left_alone() {
    let report = read(&bomb(1 << 20));
    assert_eq!(report.kind, ReportKind::Bounce);
    let told = report.recipients.first().unwrap();
    assert_eq!(
        (told.address.as_str(), told.code),
        ("a@b.example", Some(550))
    );
}

/// The process may have so much memory beyond the mail itself; an archive that is opened, or parts that are copied, need
/// gigabytes.
#[test]
fn no_mail_takes_more_memory_than_a_reader_may_have() {
    const KIBIBYTES: u32 = 512 * 1024;
    let place = tempfile::tempdir().unwrap();
    for (number, (name, bytes)) in hostile(10 << 20).into_iter().enumerate() {
        let file = place.path().join(format!("{number}.eml"));
        fs::write(&file, bytes).unwrap();
        let limited = format!("ulimit -v {KIBIBYTES}; exec \"$0\" bounce explain --json \"$1\"");
        let mut shell = Command::new("sh");
        let run = shell.arg("-c").arg(limited);
        let run = run.arg(env!("CARGO_BIN_EXE_postrider")).arg(&file);
        let told = run.output().unwrap();
        let complaint = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{name}: {complaint}");
        assert!(told.stdout.ends_with(b"\n"), "{name}");
    }
}
