//! Mails that came back, explained.
//!
//! Owns the reading of files and Maildirs and both forms of the answer. Promises: one mail in memory at a time, and none
//! larger than [`MAIL_MAX_BYTES`]; a file that cannot be read is named and stops no other; files of a folder are told in
//! the order of their names. Leaves meaning to `bounce::mail`, fate to the judge behind [`Bench`].

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    super::{
        out::{Out, say},
        words::plain,
    },
    outcome::{Bench, Outcome},
    reply::{fault, term},
};
use crate::{
    bounce::mail,
    mail::{Complaint, LateWord, Original, Report, ReportKind, Told},
};

/// Larger than what any mail system takes; a report is a few kilobytes.
const MAIL_MAX_BYTES: u64 = 64 << 20;

/// Whether an argument names mails and is no reply line.
pub(super) fn is_mail(argument: &str) -> bool {
    let path = Path::new(argument);
    let named = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("eml"));
    named || path.exists()
}

/// Explains a file, or every mail in a folder; `true` when all could be read.
pub(super) fn explain(path: &Path, bench: &Bench, out: &mut Out) -> Result<bool> {
    let files = match files_of(path) {
        Ok(files) => files,
        Err(error) => return Ok(unreadable(path, &error)),
    };
    let mut all_read = true;
    for file in files {
        match read(&file) {
            Ok(bytes) => tell(&file, &mail::read(&bytes), bench, out)?,
            Err(error) => all_read = unreadable(&file, &error),
        }
    }
    Ok(all_read)
}

fn unreadable(path: &Path, error: &io::Error) -> bool {
    say(format!("{}: cannot be read: {error}", path.display()));
    false
}

/// The mails behind a path: a Maildir's `new` and `cur`, the files of any other folder, or the file itself.
fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let rooms = ["new", "cur"].map(|room| path.join(room));
    let maildir = rooms.iter().all(|room| room.is_dir());
    let folders: &[PathBuf] = if maildir { &rooms } else { &[path.to_owned()] };
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let entry = entry?.path();
            files.extend(entry.is_file().then_some(entry));
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAIL_MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAIL_MAX_BYTES {
        let words = format!("it is larger than {} MiB", MAIL_MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

fn tell(path: &Path, report: &Report, bench: &Bench, out: &mut Out) -> Result<()> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    out.thing(&wire(&name, report, bench), words(&name, report, bench))?;
    Ok(())
}

/// What would happen to the letter and its recipient if a token proved this report: the judge's own answer.
fn fate(told: &Told, bench: &Bench) -> Outcome {
    bench.revised(&LateWord::Reported(told.clone()))
}

fn fate_of_complaint(complaint: &Complaint, bench: &Bench) -> Outcome {
    bench.revised(&LateWord::Complained(Box::new(complaint.clone())))
}

fn words(name: &str, report: &Report, bench: &Bench) -> String {
    let form = if report.form.is_empty() {
        String::new()
    } else {
        format!(" ({})", report.form)
    };
    let mut lines = vec![format!("{}: {}{form}", plain(name), kind(report.kind))];
    lines.extend(
        report
            .recipients
            .iter()
            .flat_map(|told| recipient(told, bench)),
    );
    let complaint = report.complaint.iter();
    lines.extend(complaint.flat_map(|complaint| complainant(complaint, bench)));
    lines.join("\n")
}

const fn kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Bounce => "a delivery report",
        ReportKind::Complaint => "a feedback report",
        ReportKind::AutoReply => "an automatic answer; nothing changes",
        ReportKind::Other => "no report; nothing changes",
    }
}

fn recipient(told: &Told, bench: &Bench) -> Vec<String> {
    let mut lines = vec![format!(
        "  {}: {}",
        plain(&told.address),
        told.action.name()
    )];
    if let Some(finding) = &told.finding {
        let (fault, term) = (fault(finding.class), term(finding.term));
        lines.push(format!(
            "    class     {}: {fault}, {term}",
            finding.class.name()
        ));
        lines.push(format!("    rule      {}", finding.rule));
    }
    if !told.words.is_empty() {
        let start: String = plain(&told.words).chars().take(160).collect();
        lines.push(format!("    evidence  {start}"));
    }
    lines.push(format!("    next      {}", fate(told, bench).late_words()));
    lines
}

fn complainant(complaint: &Complaint, bench: &Bench) -> Vec<String> {
    let next = fate_of_complaint(complaint, bench).late_words();
    let hidden = vec!["(hidden by the reporter)".to_owned()];
    let list = if complaint.original_rcpt_to.is_empty() {
        &hidden
    } else {
        &complaint.original_rcpt_to
    };
    let line = |address: &String| {
        format!(
            "  {}: {}\n    next      {next}",
            plain(address),
            plain(&complaint.feedback_type)
        )
    };
    list.iter().map(line).collect()
}

fn wire(name: &str, report: &Report, bench: &Bench) -> Value {
    let told = report.recipients.iter().map(|told| told_wire(told, bench));
    let complaint = report.complaint.as_ref();
    let complained = complaint.into_iter().flat_map(|complaint| {
        let hard = fate_of_complaint(complaint, bench).is_hard();
        complaint
            .original_rcpt_to
            .iter()
            .map(move |address| json!({"address": address, "hard": hard}))
    });
    json!({
        "file": name,
        "kind": report.kind.name(),
        "form": report.form,
        "recipients": told.chain(complained).collect::<Vec<_>>(),
        "feedback": complaint.map(feedback_wire),
        "original": original_wire(&report.original),
    })
}

fn told_wire(told: &Told, bench: &Bench) -> Value {
    let finding = told.finding.as_ref();
    json!({
        "address": told.address,
        "also": told.also,
        "action": told.action.name(),
        "code": told.code,
        "status": told.enhanced.map(|code| code.to_string()),
        "class": finding.map_or("delivered", |finding| finding.class.name()),
        "permanent": told.is_permanent(),
        "hard": fate(told, bench).is_hard(),
        "rule": finding.map(|finding| finding.rule),
        "evidence": told.words,
    })
}

fn feedback_wire(complaint: &Complaint) -> Value {
    json!({
        "feedback_type": complaint.feedback_type,
        "user_agent": complaint.user_agent,
        "version": complaint.version,
        "source_ip": complaint.source_ip,
        "arrival_date": complaint.arrival_date,
        "arrival_epoch": complaint.arrived_at.map(crate::mail::Timestamp::seconds),
        "original_mail_from": complaint.original_mail_from,
        "original_rcpt_to": complaint.original_rcpt_to,
        "rcpt_source": complaint.rcpt_source.map(crate::mail::RcptSource::name),
        "recipient_redacted": complaint.redacted,
        "reported_domain": complaint.reported_domain,
        "original_message_id": complaint.original_message_id,
        "auth_failure": complaint.auth_failure,
        "incidents": complaint.incidents,
    })
}

fn original_wire(original: &Original) -> Value {
    json!({
        "message_id": original.message_id,
        "return_path": original.return_path,
        "list_unsubscribe": original.list_unsubscribe,
        "cfbl_address": original.cfbl_address,
        "cfbl_feedback_id": original.cfbl_feedback_id,
        "feedback_id": original.feedback_id,
    })
}
