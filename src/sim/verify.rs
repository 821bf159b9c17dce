//! Checks of every accepted letter by people who did not write it.
//!
//! Owns what a strict receiver looks at: structure through `mail-parser`, signatures through `mail-auth`, with keys
//! from the small internet's own DNS data. Promises: no network (a key that is not published does not exist); all
//! faults of a letter are found, not only the first. Leaves counting to `tally`.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
};

use hickory_proto::op::ResponseCode;
use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsError, Error, MessageAuthenticator, Parameters,
    ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    dkim::Signature,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};
use mail_parser::{Message, MessageParser};

use super::error::SimError;

/// A fault of an accepted letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// Not readable as a message.
    Unreadable,
    /// A CR or LF alone (RFC 5322 §2.3).
    BareLineEnd,
    /// A line of more than 998 octets (RFC 5322 §2.1.1).
    LongLine,
    /// From, Date, Message-ID or Subject missing or repeated (RFC 5322 §3.6).
    HeaderCount,
    /// The Date cannot be read.
    BadDate,
    /// No DKIM signature at all.
    Unsigned,
    /// A DKIM signature that does not verify.
    BadSignature,
    /// No verified signature of the From domain (RFC 7489 §3.1.1).
    NotAligned,
    /// A From, Subject, Date or To that no verified signature covers.
    HeaderUnsigned,
    /// Only one of List-Unsubscribe and List-Unsubscribe-Post, or not both signed (RFC 8058 §4).
    UnsubscribeUnsigned,
}

/// Headers that appear exactly once in every letter.
const SINGLE: [&str; 4] = ["From", "Date", "Message-ID", "Subject"];

/// The two headers of one-click unsubscribe.
const UNSUBSCRIBE: [&str; 2] = ["List-Unsubscribe", "List-Unsubscribe-Post"];

/// What an inspection brought.
pub(super) struct Inspection {
    /// The Message-ID without its angle brackets.
    pub(super) message_id: Option<String>,
    /// What is wrong, with some words on each.
    pub(super) findings: Vec<(Finding, String)>,
}

/// Checks letters against the published keys.
pub(super) struct Inspector {
    keys: KeyRing,
    verifier: MessageAuthenticator,
}

impl Inspector {
    /// An inspector that knows no key yet.
    pub(super) fn new() -> Result<Self, SimError> {
        // The key ring answers every question, so this resolver is never asked and has nobody to ask.
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let verifier =
            MessageAuthenticator::new(nobody, ResolverOpts::default()).map_err(SimError::crypto)?;
        let keys = KeyRing::default();
        Ok(Self { keys, verifier })
    }

    /// Learns a TXT record, if it is a DKIM key.
    pub(super) fn publish(&self, name: &str, text: &str) {
        let name = format!("{}.", name.trim_end_matches('.').to_ascii_lowercase());
        if name.contains("._domainkey.") {
            let key = Txt::from(DomainKey::parse(text.as_bytes()));
            let mut keys = self.keys.0.write().unwrap_or_else(PoisonError::into_inner);
            keys.insert(name.into_boxed_str(), key);
        }
    }

    /// Looks at a letter from all sides.
    pub(super) async fn inspect(&self, raw: &[u8]) -> Inspection {
        let mut findings = Vec::new();
        check_lines(raw, &mut findings);
        let Some(parsed) = MessageParser::default().parse(raw) else {
            findings.push((Finding::Unreadable, "no headers".to_owned()));
            return Inspection {
                message_id: None,
                findings,
            };
        };
        check_headers(&parsed, &mut findings);
        self.check_signatures(&parsed, raw, &mut findings).await;
        Inspection {
            message_id: parsed.message_id().map(str::to_owned),
            findings,
        }
    }

    async fn check_signatures(
        &self,
        parsed: &Message<'_>,
        raw: &[u8],
        findings: &mut Vec<(Finding, String)>,
    ) {
        let Some(message) = AuthenticatedMessage::parse(raw) else {
            return;
        };
        if message.dkim_headers.is_empty() && message.errors.is_empty() {
            findings.push((Finding::Unsigned, "no DKIM-Signature".to_owned()));
            return;
        }
        let question = Parameters::new(&message).with_txt_cache(&self.keys);
        let outputs = self.verifier.verify_dkim(question).await;
        let mut good = Vec::new();
        for output in &outputs {
            match (output.result(), output.signature()) {
                (DkimResult::Pass, Some(signature)) => good.push(signature),
                (result, _) => findings.push((Finding::BadSignature, format!("{result:?}"))),
            }
        }
        check_coverage(parsed, &good, findings);
    }
}

fn check_lines(raw: &[u8], findings: &mut Vec<(Finding, String)>) {
    let mut line_start = 0;
    let mut longest = 0;
    let mut is_bare = false;
    for (at, byte) in raw.iter().enumerate() {
        match byte {
            b'\n' => {
                is_bare |= at == 0 || raw[at - 1] != b'\r';
                longest = longest.max(at.saturating_sub(line_start + 1));
                line_start = at + 1;
            }
            b'\r' => is_bare |= raw.get(at + 1) != Some(&b'\n'),
            _ => {}
        }
    }
    if is_bare {
        findings.push((Finding::BareLineEnd, "CR or LF alone".to_owned()));
    }
    if longest > 998 {
        findings.push((Finding::LongLine, format!("{longest} octets")));
    }
}

fn check_headers(parsed: &Message<'_>, findings: &mut Vec<(Finding, String)>) {
    for name in SINGLE {
        let count = count_header(parsed, name);
        if count != 1 {
            findings.push((Finding::HeaderCount, format!("{count} x {name}")));
        }
    }
    if parsed.date().is_none_or(|date| !date.is_valid()) {
        findings.push((Finding::BadDate, "unreadable Date".to_owned()));
    }
}

fn count_header(parsed: &Message<'_>, name: &str) -> usize {
    let names = parsed.headers_raw().map(|(found, _)| found);
    names
        .filter(|found| found.eq_ignore_ascii_case(name))
        .count()
}

/// What the signatures that verified say about the sender and protect.
fn check_coverage(
    parsed: &Message<'_>,
    good: &[&Signature],
    findings: &mut Vec<(Finding, String)>,
) {
    let from = parsed.from().and_then(|from| from.first());
    let from = from.and_then(|from| from.address()).unwrap_or_default();
    let domain = from.rsplit('@').next().unwrap_or_default();
    let aligned: Vec<_> = good
        .iter()
        .filter(|signature| is_aligned(domain, &signature.d))
        .collect();
    if aligned.is_empty() {
        findings.push((Finding::NotAligned, format!("no d={domain} verified")));
    }
    let covers = |name: &str| {
        let mut signed = aligned.iter().flat_map(|signature| &signature.h);
        signed.any(|signed| signed.eq_ignore_ascii_case(name))
    };
    for name in ["From", "Subject", "Date", "To"] {
        if count_header(parsed, name) > 0 && !covers(name) && !aligned.is_empty() {
            findings.push((Finding::HeaderUnsigned, name.to_owned()));
        }
    }
    let present = UNSUBSCRIBE.map(|name| count_header(parsed, name));
    let is_whole = present == [1, 1] && UNSUBSCRIBE.into_iter().all(covers);
    // A List-Unsubscribe by mail alone is old but legal; the pair is needed once the Post header appears.
    let wants_click = present[1] > 0 || present[0] > 1;
    if wants_click && !is_whole {
        findings.push((Finding::UnsubscribeUnsigned, format!("{present:?} present")));
    }
}

/// Relaxed alignment, without a list of public suffixes: one of the two names lies within the other.
fn is_aligned(from: &str, signer: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        let head = inner.strip_suffix(outer);
        head.is_some_and(|head| head.is_empty() || head.ends_with('.'))
    };
    let (from, signer) = (from.to_ascii_lowercase(), signer.to_ascii_lowercase());
    !signer.is_empty() && (within(&from, &signer) || within(&signer, &from))
}

/// The published keys. Answers for names it does not know too: they do not exist.
#[derive(Default)]
struct KeyRing(RwLock<HashMap<Box<str>, Txt>>);

impl ResolverCache<Box<str>, Txt> for KeyRing {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let absent = || Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
        Some(keys.get(name).cloned().unwrap_or_else(absent))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &[Finding]) {
        let inspector = Inspector::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let inspection = runtime.block_on(inspector.inspect(raw.as_bytes()));
        let found: Vec<Finding> = inspection.findings.iter().map(|found| found.0).collect();
        assert_eq!(found, expected, "{raw:?} {:?}", inspection.findings);
    }

    const HEAD: &str = "From: a@example.com\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
                        Message-ID: <1@example.com>\r\nSubject: hello\r\n";

    #[test]
    fn an_unsigned_letter_is_noticed() {
        check(&format!("{HEAD}\r\nhello\r\n"), &[Finding::Unsigned]);
    }

    #[test]
    fn bare_line_ends_and_long_lines_are_noticed() {
        check(
            &format!("{HEAD}\r\nhel\nlo\r\n"),
            &[Finding::BareLineEnd, Finding::Unsigned],
        );
        check(
            &format!("{HEAD}\r\n{}\r\n", "a".repeat(999)),
            &[Finding::LongLine, Finding::Unsigned],
        );
    }

    #[test]
    fn a_repeated_or_missing_header_is_noticed() {
        check(
            &format!("{HEAD}Subject: again\r\n\r\nhello\r\n"),
            &[Finding::HeaderCount, Finding::Unsigned],
        );
        check(
            "Subject: hello\r\n\r\nhello\r\n",
            &[
                Finding::HeaderCount,
                Finding::HeaderCount,
                Finding::HeaderCount,
                Finding::BadDate,
                Finding::Unsigned,
            ],
        );
    }

    #[test]
    fn a_signer_is_aligned_only_inside_the_same_domain() {
        assert!(is_aligned("example.com", "example.com"));
        assert!(is_aligned("news.Example.com", "example.com"));
        assert!(is_aligned("example.com", "news.example.com"));
        assert!(!is_aligned("example.com", "badexample.com"));
        assert!(!is_aligned("example.com", "example.org"));
    }
}
