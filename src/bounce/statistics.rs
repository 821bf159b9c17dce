//! Reports in sum: DMARC in XML, TLS in JSON, plain, gzip or zip.
//!
//! Owns recognising them by their form and reading them through `mail-auth`. Promises: what comes out of a compressed file is
//! capped, and so is the number of lines; entities of XML are never expanded; any bytes give a report or none.

use std::fmt::Write as _;

use mail_auth::report::{
    ActionDisposition, DmarcResult, Record, Report,
    tlsrpt::{FailureDetails, Policy, PolicyType, ResultType, TlsReport},
};

use crate::mail::{Statistics, StatisticsKind, StatisticsLine, Timestamp};

/// A day of the largest sender at the largest reporter is a few megabytes.
const OCTETS_MAX: usize = 16 << 20;
/// More groups than any report has.
const LINES_MAX: usize = 20_000;
/// Names and words beyond are noise.
const WORDS_MAX: usize = 250;

/// Reads a mail that may be such a report.
pub fn read(raw: &[u8]) -> Option<Statistics> {
    if !may_be_one(raw) {
        return None;
    }
    // A report about nobody is none, whatever its form.
    let is_about = |report: &Statistics| !report.domain.is_empty();
    let found = Report::parse_rfc5322(raw, OCTETS_MAX).ok();
    let found = found.map(|report| dmarc(&report)).filter(is_about);
    found.or_else(|| {
        let report = TlsReport::parse_rfc5322(raw, OCTETS_MAX).ok()?;
        Some(tls(&report)).filter(is_about)
    })
}

/// Whether a part bears a name or a type of such reports. Most mails have none; the readers would decode all of it to find out.
pub fn may_be_one(raw: &[u8]) -> bool {
    let marks = ["gzip", "zip", "xml", "tlsrpt", "json"];
    let lines = raw.split(|byte| *byte == b'\n').take(4_000);
    let mut heads = lines.filter(|line| {
        let is_about = |name: &[u8]| {
            line.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        let is_continued = line.first().is_some_and(u8::is_ascii_whitespace);
        is_about(b"content-type:") || is_about(b"content-disposition:") || is_continued
    });
    heads.any(|line| {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase();
        marks.iter().any(|mark| line.contains(mark))
    })
}

fn clip(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(WORDS_MAX)
        .collect()
}

fn moment(seconds: u64) -> Timestamp {
    // The year 9999, so that every moment has a text.
    Timestamp::from_seconds(i64::try_from(seconds.min(253_402_300_799)).unwrap_or(0))
}

fn dmarc(report: &Report) -> Statistics {
    Statistics {
        kind: StatisticsKind::Dmarc,
        reporter: clip(report.org_name()),
        report_id: clip(report.report_id()),
        domain: clip(&report.domain().to_ascii_lowercase()),
        begins: moment(report.date_range_begin()),
        ends: moment(report.date_range_end()),
        lines: report
            .records()
            .iter()
            .take(LINES_MAX)
            .map(record)
            .collect(),
    }
}

fn record(record: &Record) -> StatisticsLine {
    let mut detail = String::new();
    for signature in record.dkim_auth_result() {
        // Writing into a String cannot fail.
        let _ = write!(
            detail,
            "dkim {}/{} {:?}; ",
            signature.domain(),
            signature.selector(),
            signature.result()
        );
    }
    for path in record.spf_auth_result() {
        let _ = write!(detail, "spf {} {:?}; ", path.domain(), path.result());
    }
    let verdict = match record.action_disposition() {
        ActionDisposition::Quarantine => "quarantine",
        ActionDisposition::Reject => "reject",
        _ => "none",
    };
    StatisticsLine {
        source: record.source_ip().map(|address| address.to_string()),
        count: record.count(),
        dkim: record.dmarc_dkim_result() == DmarcResult::Pass,
        spf: record.dmarc_spf_result() == DmarcResult::Pass,
        verdict: verdict.to_owned(),
        subject: clip(&record.header_from().to_ascii_lowercase()),
        detail: clip(
            detail
                .trim_end_matches([';', ' '])
                .to_ascii_lowercase()
                .as_str(),
        ),
    }
}

fn tls(report: &TlsReport) -> Statistics {
    let seconds = |at: &mail_parser::DateTime| u64::try_from(at.to_timestamp()).unwrap_or(0);
    let domain = report
        .policies
        .first()
        .map_or("", |policy| &policy.policy.policy_domain);
    Statistics {
        kind: StatisticsKind::Tls,
        reporter: clip(report.organization_name.as_deref().unwrap_or("")),
        report_id: clip(&report.report_id),
        domain: clip(&domain.to_ascii_lowercase()),
        begins: moment(seconds(&report.date_range.start_datetime)),
        ends: moment(seconds(&report.date_range.end_datetime)),
        lines: report
            .policies
            .iter()
            .flat_map(sessions)
            .take(LINES_MAX)
            .collect(),
    }
}

fn sessions(policy: &Policy) -> Vec<StatisticsLine> {
    let subject = match policy.policy.policy_type {
        PolicyType::Tlsa => "tlsa",
        PolicyType::Sts => "sts",
        PolicyType::NoPolicyFound => "no policy",
        PolicyType::Other => "other",
    };
    let good = StatisticsLine {
        count: policy.summary.total_success,
        dkim: true,
        spf: true,
        verdict: "ok".to_owned(),
        subject: subject.to_owned(),
        ..StatisticsLine::default()
    };
    let failed = policy
        .failure_details
        .iter()
        .map(|failure| failed(failure, subject));
    [good]
        .into_iter()
        .filter(|line| line.count > 0)
        .chain(failed)
        .collect()
}

fn failed(failure: &FailureDetails, subject: &str) -> StatisticsLine {
    let words = [
        &failure.failure_reason_code,
        &failure.additional_information,
    ];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    StatisticsLine {
        source: failure.receiving_mx_hostname.as_deref().map(clip),
        count: failure.failed_session_count,
        verdict: what_failed(failure.result_type).to_owned(),
        subject: subject.to_owned(),
        detail: clip(&words.join("; ")),
        ..StatisticsLine::default()
    }
}

/// The words of RFC 8460 §4.3.
const fn what_failed(result: ResultType) -> &'static str {
    match result {
        ResultType::StartTlsNotSupported => "starttls-not-supported",
        ResultType::CertificateHostMismatch => "certificate-host-mismatch",
        ResultType::CertificateExpired => "certificate-expired",
        ResultType::CertificateNotTrusted => "certificate-not-trusted",
        ResultType::ValidationFailure => "validation-failure",
        ResultType::TlsaInvalid => "tlsa-invalid",
        ResultType::DnssecInvalid => "dnssec-invalid",
        ResultType::DaneRequired => "dane-required",
        ResultType::StsPolicyFetchError => "sts-policy-fetch-error",
        ResultType::StsPolicyInvalid => "sts-policy-invalid",
        ResultType::StsWebpkiInvalid => "sts-webpki-invalid",
        ResultType::Other => "other",
    }
}
