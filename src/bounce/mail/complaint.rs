//! Feedback reports of every form, and what they have in common.
//!
//! Owns the list of their forms. Promises: a mail is a complaint only where it has the fields of one or the marks of a
//! reporter's own form; the complainant is looked for in the returned letter as well.

use super::{
    address,
    any_of::AnyOf,
    arf, date,
    form::{self, Case},
    part::{Kind, Part},
};
use crate::mail::{Complaint, RcptSource, Report, ReportKind};

type Reader = fn(&Case<'_, '_>) -> Option<Complaint>;

/// The forms, in the order in which they are tried.
const FORMS: [(&str, Reader); 5] = [
    ("rfc5965", feedback),
    ("jmrp", microsoft),
    ("dmarc-notice", notice),
    ("amazon-sns", amazon),
    ("sendgrid", form::sendgrid_complaint),
];

/// Reads a feedback report.
pub(super) fn read(case: &Case<'_, '_>) -> Option<Report> {
    let found = FORMS
        .iter()
        .find_map(|(name, read)| Some((*name, read(case)?)));
    let (form, mut complaint) = found?;
    arf::complete(&mut complaint, case.letter);
    Some(Report {
        kind: ReportKind::Complaint,
        form,
        complaint: Some(complaint),
        ..Report::default()
    })
}

/// The machine part of RFC 5965, or its fields in a part that is typed as text.
fn feedback(case: &Case<'_, '_>) -> Option<Complaint> {
    if let Some(part) = case.mail.of(Kind::Feedback).next() {
        return arf::read(&part.text());
    }
    if !case.mail.is_report("feedback-report") {
        return None;
    }
    let texts = case.mail.of(Kind::Text).map(Part::text);
    texts.into_iter().find_map(|text| {
        let start = text.find("Feedback-Type:")?;
        let block = text[..start].rfind("\n\n").map_or(0, |at| at + 2);
        arf::read(&text[block..])
    })
}

/// Microsoft's form before it wrote RFC 5965 (JMRP): the letter with `X-HmXmrOriginalRecipient`, bare or in a mail whose
/// subject names the source.
fn microsoft(case: &Case<'_, '_>) -> Option<Complaint> {
    let subject = case.mail.head.get("Subject").unwrap_or_default();
    let source = subject.trim().strip_prefix("complaint about message from ");
    let header = "X-HmXmrOriginalRecipient";
    let bare = case.mail.head.has(header);
    (source.is_some() || bare || case.letter.has(header)).then(|| {
        let mut complaint = Complaint {
            feedback_type: "abuse".to_owned(),
            source_ip: source.map(|ip| ip.trim().to_owned()),
            incidents: 1,
            ..Complaint::default()
        };
        if bare {
            arf::complete(&mut complaint, &case.mail.head);
        }
        complaint
    })
}

/// Exim's words for people about a failed DMARC check, without a machine part.
fn notice(case: &Case<'_, '_>) -> Option<Complaint> {
    static SAYS: AnyOf = AnyOf::new(&["failed the published DMARC policy"]);
    let text = case.notice.text;
    SAYS.is_in(text).then_some(())?;
    let field = |name: &str| {
        let mut values = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(name));
        values.next().map(|value| value.trim().to_owned())
    };
    let arrival_date = field("Received date:");
    Some(Complaint {
        feedback_type: "auth-failure".to_owned(),
        source_ip: field("Sender IP Address:"),
        arrived_at: arrival_date.as_deref().and_then(date::read),
        arrival_date,
        reported_domain: field("Sender Domain:"),
        auth_failure: Some("dmarc".to_owned()),
        redacted: true,
        incidents: 1,
        ..Complaint::default()
    })
}

/// A complaint that Amazon SES passes on as JSON.
fn amazon(case: &Case<'_, '_>) -> Option<Complaint> {
    let told = form::notification(case)?;
    let complaint = told
        .get("complaint")
        .filter(|complaint| complaint.is_object())?;
    let text = |name: &str| complaint[name].as_str().map(str::to_owned);
    let list = complaint["complainedRecipients"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let named = list.iter().filter_map(|one| one["emailAddress"].as_str());
    let original_rcpt_to: Vec<String> = named
        .map(|address| address::bare(address).to_owned())
        .collect();
    Some(Complaint {
        feedback_type: text("complaintFeedbackType").unwrap_or_else(|| "abuse".to_owned()),
        user_agent: text("userAgent"),
        arrival_date: text("arrivalDate"),
        arrived_at: text("arrivalDate")
            .as_deref()
            .and_then(crate::mail::Timestamp::parse),
        original_mail_from: told["mail"]["source"].as_str().map(str::to_owned),
        rcpt_source: (!original_rcpt_to.is_empty()).then_some(RcptSource::Report),
        original_rcpt_to,
        incidents: 1,
        ..Complaint::default()
    })
}
