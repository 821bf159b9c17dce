//! What a mail that came back says: bytes in, a [`Report`] out.
//!
//! Owns the reading of bounces, feedback reports and auto-replies, in the forms of the standards and in those of the wild.
//! Promises: any bytes give some report; the time is linear in the mail; the same bytes give the same report, and LF and
//! CRLF are the same; recipients come only from words that say something about a delivery. Proves nothing: a token or a
//! known reporter does. Read [`part`] next, then [`form`].

#![expect(
    dead_code,
    reason = "the forms of reports for people, which need the rest, are the next change"
)]

mod address;
mod arf;
mod code;
mod date;
mod decode;
mod draft;
mod dsn;
mod field;
mod original;
mod part;

use crate::mail::{Action, Complaint, Report, ReportKind};

use self::{
    field::Fields,
    part::{Kind, Mail, Part},
};

/// Reads one mail.
pub fn read(bytes: &[u8]) -> Report {
    let mail = Mail::take_apart(bytes);
    let letter = mail.of(Kind::Original).next().map(Part::text);
    let (letter, _) = Fields::split(letter.as_deref().unwrap_or_default().as_bytes());
    let report = bounce(&mail).or_else(|| complaint(&mail, &letter));
    Report {
        original: original::read(&letter),
        ..report.unwrap_or_default()
    }
}

fn bounce(mail: &Mail<'_>) -> Option<Report> {
    let status = mail.of(Kind::Status).map(Part::text);
    let drafts: Vec<_> = status.flat_map(|text| dsn::read(&text)).collect();
    let finished = drafts.into_iter().map(|draft| draft.finish(Action::Failed));
    let recipients: Vec<_> = finished.collect();
    (!recipients.is_empty()).then(|| Report {
        kind: ReportKind::Bounce,
        form: "rfc3464",
        recipients,
        ..Report::default()
    })
}

fn complaint(mail: &Mail<'_>, letter: &Fields<'_>) -> Option<Report> {
    let feedback = mail.of(Kind::Feedback).next()?.text();
    let mut complaint: Complaint = arf::read(&feedback)?;
    arf::complete(&mut complaint, letter);
    Some(Report {
        kind: ReportKind::Complaint,
        form: "rfc5965",
        complaint: Some(complaint),
        ..Report::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_standard_is_read() {
        let text = "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n\
            Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\
            Diagnostic-Code: smtp; 550 5.1.1 user unknown\n--x\nContent-Type: message/rfc822\n\nMessage-ID: <1@example.com>\n\n--x--\n";
        let report = read(text.as_bytes());
        assert_eq!(report.kind, ReportKind::Bounce);
        assert_eq!(report.recipients[0].address, "a@b.example");
        assert_eq!(report.original.message_id.as_deref(), Some("1@example.com"));
    }
}
