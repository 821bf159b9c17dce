//! Mails that came back, read: composed samples of every form, laws over broken ones, and a corpus where there is one.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]
#![expect(
    clippy::print_stderr,
    reason = "shares on a corpus are there to be seen"
)]

#[path = "reading/corpus.rs"]
mod corpus;
#[path = "reading/laws.rs"]
mod laws;

use std::{fs, path::PathBuf};

use postrider::{
    bounce::mail::read,
    mail::{Complaint, Report, Timestamp, Told},
};

/// The samples, in the order of their names. Adding one is adding a file.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "eml" || end == "json")
        })
        .collect();
    files.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files
        .iter()
        .map(|path| (name(path), fs::read(path).unwrap()))
        .collect()
}

/// What is read, in a few lines.
fn told(report: &Report) -> String {
    let mut lines = vec![format!("{} {}", report.kind.name(), report.form)];
    lines.extend(report.recipients.iter().map(recipient));
    lines.extend(report.complaint.iter().map(complaint));
    let original = &report.original;
    if let Some(id) = &original.message_id {
        lines.push(format!("  about {id}"));
    }
    lines.join("\n")
}

fn recipient(told: &Told) -> String {
    let also = if told.also.is_empty() {
        String::new()
    } else {
        format!(" also {}", told.also.join(" "))
    };
    let code = told
        .code
        .map_or_else(String::new, |code| format!(" {code}"));
    let enhanced = told
        .enhanced
        .map_or_else(String::new, |code| format!(" {code}"));
    let finding = told.finding.as_ref().map_or_else(String::new, |finding| {
        format!(
            ": {} {:?} by {}",
            finding.class.name(),
            finding.term,
            finding.rule
        )
        .to_lowercase()
    });
    format!(
        "  {}{also} {}{code}{enhanced}{finding} | {}",
        told.address,
        told.action.name(),
        told.words
    )
}

fn complaint(complaint: &Complaint) -> String {
    let source = complaint
        .rcpt_source
        .map_or("nobody", |source| source.name());
    format!(
        "  {} of {:?} by {source}, from {:?} at {:?} on {:?}, redacted {}, x{}",
        complaint.feedback_type,
        complaint.original_rcpt_to,
        complaint.original_mail_from,
        complaint.source_ip,
        complaint.arrived_at.map(Timestamp::seconds),
        complaint.redacted,
        complaint.incidents,
    )
}

#[test]
fn every_form_is_read_as_reviewed() {
    let all: Vec<String> = samples()
        .iter()
        .map(|(name, bytes)| format!("{name}: {}", told(&read(bytes))))
        .collect();
    insta::assert_snapshot!("forms", all.join("\n\n"));
}
