//! TLS reports to the domains that ask for them (RFC 8460).
//!
//! Owns the hourly look for reports that are due, their composing and their sending. Promises: of all nodes one sends a day's report
//! of a domain; a report goes to whom the domain's own record names, by mail signed by our domain (section 5.3) or by https; what became
//! of it is kept. Leaves counting to `engine::tls`, the form of a report to the library.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use mail_auth::report::tlsrpt::{
    DateRange, FailureDetails, Policy, PolicyDetails, PolicyType as ReportPolicy,
    ResultType as ReportResult, Summary, TlsReport,
};
use serde_json::json;
use time::{OffsetDateTime, Time};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::Config,
    mail::{PolicyType, ResultType, Timestamp},
    net::{self, Resolver, SystemClock, Tcp},
    port::{Clock, Dial, Dns, HostAnswer, TlsCount},
    store::{Answer, PgStore, tls::DueReport},
    tls::fetch,
};

/// How often somebody looks for reports that are due.
const ROUND: Duration = Duration::from_hours(1);

/// Reports made in one round.
const REPORTS_MAX: u32 = 500;

/// Receivers of one report.
const WAYS_MAX: usize = 4;

/// An https receiver that does not answer by then gets no report.
const PATIENCE: Duration = Duration::from_secs(30);

/// Letters with reports are far smaller.
const LETTER_MAX_OCTETS: u32 = 10 << 20;

/// What making reports needs.
pub struct Reports {
    /// Counts, and the queue that takes reports as letters.
    pub store: PgStore,
    /// Asks for the domains' records.
    pub dns: Resolver,
    /// Opens connections to https receivers.
    pub dial: Tcp,
    /// Who stands behind their certificates.
    pub trust: net::Trust,
    /// The author of reports.
    pub from: String,
    /// The stream that carries them.
    pub stream: String,
}

impl Reports {
    /// As the operator has set; `None` when no reports are wanted.
    pub fn new(config: &Config, store: &PgStore) -> Result<Option<Self>> {
        let Some(from) = config.tls.reports_from.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            store: store.clone(),
            dns: super::names::resolver(config)?,
            dial: Tcp::default(),
            trust: net::Trust::new().context("preparing TLS")?,
            from,
            stream: config.tls.reports_stream.clone(),
        }))
    }

    /// Makes reports until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(trouble) = self.round(SystemClock.now()).await {
                error!(error = ?trouble, "TLS reports were not made; trying again at the next round");
            }
            let pause = tokio::time::sleep(ROUND);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Makes what is due; returns how many reports found a receiver.
    pub async fn round(&self, now: Timestamp) -> Result<usize> {
        let mut sent = 0;
        for due in self.store.claim_tls_reports(now, REPORTS_MAX).await? {
            let outcome = match self.make(&due, now).await {
                Ok(ways) if ways.is_empty() => "the domain asks for none".to_owned(),
                Ok(ways) => {
                    sent += 1;
                    info!(domain = %due.domain, day = %due.day, "Sent a TLS report");
                    ways.join(", ")
                }
                Err(trouble) => {
                    warn!(domain = %due.domain, error = %format!("{trouble:#}"), "A TLS report could not be sent");
                    format!("{trouble:#}")
                }
            };
            self.store.tls_report_done(&due, &outcome, now).await?;
        }
        Ok(sent)
    }

    async fn make(&self, due: &DueReport, now: Timestamp) -> Result<Vec<String>> {
        let texts = self.dns.texts(&format!("_smtp._tls.{}", due.domain)).await;
        let ways = receivers(&texts);
        if ways.is_empty() {
            return Ok(ways);
        }
        let counts = self.store.tls_counts(due.day, &due.domain).await?;
        let report = report(due, &counts, &self.from);
        let mut told = Vec::new();
        let mut last = None;
        for way in ways.into_iter().take(WAYS_MAX) {
            let sent = match way.strip_prefix("mailto:") {
                Some(address) => self.by_mail(&report, due, address, now).await,
                None => self.by_https(&report, &way).await,
            };
            match sent {
                Ok(()) => told.push(way),
                Err(trouble) => last = Some(trouble),
            }
        }
        match last {
            Some(trouble) if told.is_empty() => Err(trouble),
            _ => Ok(told),
        }
    }

    /// As a letter in our own queue, so that it is signed, paced and accounted for as any other.
    async fn by_mail(
        &self,
        report: &TlsReport,
        due: &DueReport,
        to: &str,
        now: Timestamp,
    ) -> Result<()> {
        let submitter = domain_of(&self.from);
        let mut raw = Vec::new();
        let to_all = std::iter::once(to);
        report
            .write_rfc5322(&due.domain, submitter, self.from.as_str(), to_all, &mut raw)
            .context("writing the report")?;
        let letter = json!({
            "stream": self.stream, "to": to, "from": self.from, "raw": String::from_utf8(raw)?,
            "idempotency_key": format!("tls-report {} {} {to}", due.day, due.domain),
        });
        let answers = self
            .store
            .enqueue(&[letter.to_string()], LETTER_MAX_OCTETS, now)
            .await?;
        match answers.first() {
            Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Ok(()),
            other => bail!("the queue did not take the report to {to}: {other:?}"),
        }
    }

    async fn by_https(&self, report: &TlsReport, url: &str) -> Result<()> {
        let url: hyper::Uri = url.parse().with_context(|| format!("reading {url}"))?;
        ensure!(url.scheme_str() == Some("https"), "{url} is not https");
        let host = url.host().context("no host in it")?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let octets = gzip(&report.to_json())?;
        let address = self.address(host).await?;
        let port = url.port_u16().unwrap_or(443);
        let sending = async {
            let wire = self.dial.dial_at(None, address, port).await;
            let wire = wire.map_err(|trouble| anyhow::anyhow!(trouble.detail))?;
            let trust = Arc::clone(&self.trust.verified);
            fetch::report(wire, &trust, host, path, octets).await?;
            Ok(())
        };
        timeout(PATIENCE, sending)
            .await
            .with_context(|| format!("{host} did not answer"))?
    }

    async fn address(&self, host: &str) -> Result<IpAddr> {
        match self.dns.addresses(host).await {
            HostAnswer::Addresses(found) if !found.is_empty() => Ok(found[0]),
            other => bail!("{host} has no address: {other:?}"),
        }
    }
}

/// Where a domain wants its reports, by its one record (section 3).
fn receivers(texts: &[String]) -> Vec<String> {
    let mut records = texts.iter().filter_map(|text| {
        let rest = text.strip_prefix("v=TLSRPTv1")?.trim_start();
        rest.strip_prefix(';')
    });
    let (Some(record), None) = (records.next(), records.next()) else {
        return Vec::new();
    };
    let fields = record.split(';').map(str::trim);
    let mut ways = fields.filter_map(|field| field.strip_prefix("rua="));
    let ways = ways.next().unwrap_or_default().split(',').map(str::trim);
    ways.filter(|way| way.starts_with("mailto:") || way.starts_with("https:"))
        .map(ToOwned::to_owned)
        .collect()
}

/// The report of one day and domain.
fn report(due: &DueReport, counts: &[TlsCount], from: &str) -> TlsReport {
    let begin = due.day.with_time(Time::MIDNIGHT).assume_utc();
    let end = begin + Duration::from_hours(24) - Duration::from_secs(1);
    let seconds = OffsetDateTime::unix_timestamp;
    let submitter = domain_of(from);
    TlsReport {
        organization_name: Some(submitter.to_owned()),
        date_range: DateRange::from_timestamps(seconds(begin), seconds(end)),
        contact_info: Some(from.to_owned()),
        report_id: format!("{}.{}@{submitter}", due.day, due.domain),
        policies: [PolicyType::Tlsa, PolicyType::Sts, PolicyType::NoPolicyFound]
            .into_iter()
            .filter_map(|basis| policy(due, counts, basis))
            .collect(),
    }
}

fn policy(due: &DueReport, counts: &[TlsCount], basis: PolicyType) -> Option<Policy> {
    let of_policy = |count: &&TlsCount| count.outcome.basis == basis;
    let counts: Vec<&TlsCount> = counts.iter().filter(of_policy).collect();
    let first = counts.first()?;
    let sum = |good: bool| {
        let kind = counts
            .iter()
            .filter(|count| count.outcome.fault.is_none() == good);
        let sum: u64 = kind.map(|count| count.sessions).sum();
        u32::try_from(sum).unwrap_or(u32::MAX)
    };
    let (policy_type, lines) = (policy_type(basis), &first.outcome.policy);
    let mx = lines.iter().filter_map(|line| line.strip_prefix("mx: "));
    let failures = counts.iter().filter_map(|count| {
        let fault = count.outcome.fault?;
        let host = Some(count.outcome.host.clone()).filter(|host| !host.is_empty());
        Some(FailureDetails {
            result_type: result_type(fault),
            receiving_mx_hostname: host,
            failed_session_count: u32::try_from(count.sessions).unwrap_or(u32::MAX),
            ..FailureDetails::default()
        })
    });
    Some(Policy {
        policy: PolicyDetails {
            policy_type,
            policy_string: lines.clone(),
            policy_domain: due.domain.clone(),
            mx_host: mx.map(ToOwned::to_owned).collect(),
        },
        summary: Summary {
            total_success: sum(true),
            total_failure: sum(false),
        },
        failure_details: failures.collect(),
    })
}

const fn policy_type(basis: PolicyType) -> ReportPolicy {
    match basis {
        PolicyType::Tlsa => ReportPolicy::Tlsa,
        PolicyType::Sts => ReportPolicy::Sts,
        PolicyType::NoPolicyFound => ReportPolicy::NoPolicyFound,
    }
}

const fn result_type(fault: ResultType) -> ReportResult {
    match fault {
        ResultType::StarttlsNotSupported => ReportResult::StartTlsNotSupported,
        ResultType::CertificateHostMismatch => ReportResult::CertificateHostMismatch,
        ResultType::CertificateExpired => ReportResult::CertificateExpired,
        ResultType::CertificateNotTrusted => ReportResult::CertificateNotTrusted,
        ResultType::ValidationFailure => ReportResult::ValidationFailure,
        ResultType::TlsaInvalid => ReportResult::TlsaInvalid,
        ResultType::DnssecInvalid => ReportResult::DnssecInvalid,
        ResultType::StsPolicyFetchError => ReportResult::StsPolicyFetchError,
        ResultType::StsPolicyInvalid => ReportResult::StsPolicyInvalid,
    }
}

fn domain_of(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or(address)
}

fn gzip(text: &str) -> Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(text.as_bytes())
        .context("compressing the report")?;
    encoder.finish().context("compressing the report")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::TlsOutcome;

    fn check(texts: &[&str], expected: &[&str]) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(receivers(&texts), expected, "{texts:?}");
    }

    #[test]
    fn reports_go_where_the_one_record_says() {
        check(
            &["v=TLSRPTv1; rua=mailto:tls@example.com"],
            &["mailto:tls@example.com"],
        );
        let both = "v=TLSRPTv1;rua=mailto:tls@example.com, https://r.example.com/v1?a=b;";
        check(
            &["v=spf1 -all", both],
            &["mailto:tls@example.com", "https://r.example.com/v1?a=b"],
        );
        check(&["v=TLSRPTv1; rua=ftp://example.com"], &[]);
        check(
            &["v=TLSRPTv1; rua=mailto:a@b", "v=TLSRPTv1; rua=mailto:c@d"],
            &[],
        );
        check(&["v=TLSRPTv11; rua=mailto:a@b"], &[]);
        check(&[], &[]);
    }

    #[test]
    fn a_report_says_what_was_counted() {
        let due = DueReport {
            day: time::macros::date!(2026 - 11 - 24),
            domain: "example.com".to_owned(),
        };
        let count = |host: &str, fault, sessions| TlsCount {
            outcome: TlsOutcome {
                domain: "example.com".to_owned(),
                host: host.to_owned(),
                basis: PolicyType::Sts,
                policy: vec!["version: STSv1".to_owned(), "mx: mx.example.com".to_owned()],
                fault,
            },
            sessions,
        };
        let counts = [
            count("mx.example.com", None, 40),
            count("mx.example.com", Some(ResultType::CertificateExpired), 2),
            count("", Some(ResultType::StsPolicyFetchError), 1),
        ];
        let report = report(&due, &counts, "tls@sender.example");
        insta::assert_snapshot!("report", report.to_json());
    }
}
