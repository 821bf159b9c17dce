//! MTA-STS: a domain says over https which hosts take its mail, and that they show good certificates (RFC 8461).
//!
//! Owns the record, the policy and the life of a remembered policy. Promises: a record or policy with a fault is no
//! policy, and says which fault; a remembered policy holds until its `max_age` has passed, whatever DNS or the web server
//! answer meanwhile, because an attacker on the way can make both fall silent (section 10.2).

use std::time::Duration;

use crate::mail::Timestamp;

/// Longest life of a policy: a year (section 3.2).
const AGE_MAX_SECONDS: u64 = 31_557_600;

/// Longest policy that is read.
pub const POLICY_MAX_OCTETS: usize = 65_536;

/// A remembered policy is fetched again after this, so that a life that is about to end is renewed in time.
const REFRESH: Duration = Duration::from_hours(24);

/// After a fetch that failed, the web server is left alone for this long (section 3.3).
const FETCH_PAUSE: Duration = Duration::from_mins(5);

/// What is to be done about hosts and certificates that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsMode {
    /// Such a host gets no letter.
    Enforce,
    /// It gets its letters, and the domain is told.
    Testing,
    /// The domain has no policy any more.
    None,
}

/// A domain's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsPolicy {
    /// What is to be done.
    pub mode: StsMode,
    /// Host names in lower case; `*.` in front stands for one label.
    pub mx: Vec<String>,
    /// How long it holds.
    pub max_age: Duration,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StsFault {
    /// Not a text in ASCII.
    #[error("not a text in ASCII")]
    NotText,
    /// A line that is no `key: value`.
    #[error("line {0} is not of the form `key: value`")]
    Line(usize),
    /// The version is missing or another one.
    #[error("the version is not STSv1")]
    Version,
    /// The mode is missing or unknown.
    #[error("the mode is not enforce, testing or none")]
    Mode,
    /// `max_age` is missing or no number of seconds up to a year.
    #[error("max_age is not a number of seconds from 0 to {AGE_MAX_SECONDS}")]
    MaxAge,
    /// No `mx` where the mode needs one, or one that is no host name.
    #[error("no valid mx")]
    Mx,
}

/// The id of a domain's policy by the TXT records of `_mta-sts.DOMAIN`; `None` without exactly one good record (section 3.1).
pub fn record_id(texts: &[String]) -> Option<String> {
    let mut records = texts.iter().filter(|text| {
        let rest = text.strip_prefix("v=STSv1");
        rest.is_some_and(|rest| rest.trim_start().starts_with(';'))
    });
    let record = records.next()?;
    if records.next().is_some() {
        return None;
    }
    let fields = record.split(';').skip(1).map(str::trim);
    let mut ids = fields.filter_map(|field| field.strip_prefix("id="));
    let id = ids.next()?.trim();
    let is_good =
        (1..=32).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
    is_good.then(|| id.to_owned())
}

impl StsPolicy {
    /// Reads a policy as the web server gave it (section 3.2). Of a key that comes twice the first counts, but for `mx`.
    pub fn parse(octets: &[u8]) -> Result<Self, StsFault> {
        let text = std::str::from_utf8(octets).map_err(|_| StsFault::NotText)?;
        let fields = fields(text)?;
        let first = |key: &str| {
            let found = fields.iter().find(|(name, _)| *name == key);
            found.map(|(_, value)| *value)
        };
        if first("version") != Some("STSv1") {
            return Err(StsFault::Version);
        }
        let mode = match first("mode") {
            Some("enforce") => StsMode::Enforce,
            Some("testing") => StsMode::Testing,
            Some("none") => StsMode::None,
            _ => return Err(StsFault::Mode),
        };
        let max_age =
            first("max_age").filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
        let max_age: u64 = max_age
            .and_then(|text| text.parse().ok())
            .ok_or(StsFault::MaxAge)?;
        if max_age > AGE_MAX_SECONDS {
            return Err(StsFault::MaxAge);
        }
        let mx = fields.iter().filter(|(name, _)| *name == "mx");
        let mx: Vec<String> = mx.map(|(_, value)| value.to_ascii_lowercase()).collect();
        if (mx.is_empty() && mode != StsMode::None) || !mx.iter().all(|pattern| is_pattern(pattern))
        {
            return Err(StsFault::Mx);
        }
        let max_age = Duration::from_secs(max_age);
        Ok(Self { mode, mx, max_age })
    }

    /// Whether the policy names that MX host (section 4.1): a wildcard stands for exactly one label.
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.mx
            .iter()
            .any(|pattern| match pattern.strip_prefix("*.") {
                None => *pattern == host,
                Some(parent) => host
                    .split_once('.')
                    .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            })
    }

    /// The policy as text, for reports: its lines, one after another.
    pub fn lines(&self) -> Vec<String> {
        let mode = match self.mode {
            StsMode::Enforce => "enforce",
            StsMode::Testing => "testing",
            StsMode::None => "none",
        };
        let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {mode}")];
        lines.extend(self.mx.iter().map(|mx| format!("mx: {mx}")));
        lines.push(format!("max_age: {}", self.max_age.as_secs()));
        lines
    }
}

/// `key: value` lines, ended by LF or CRLF.
fn fields(text: &str) -> Result<Vec<(&str, &str)>, StsFault> {
    if !text.is_ascii() {
        return Err(StsFault::NotText);
    }
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let (key, value) = line.split_once(':').ok_or(StsFault::Line(number + 1))?;
            Ok((key.trim(), value.trim()))
        })
        .collect()
}

fn is_pattern(pattern: &str) -> bool {
    let host = pattern.strip_prefix("*.").unwrap_or(pattern);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(is_label)
}

/// What is remembered of one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StsMemory {
    /// The policy with the id of its record and the moment of its fetch.
    pub known: Option<Known>,
    /// The last fetch, when it failed.
    pub failed_at: Option<Timestamp>,
}

/// A policy that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The record's id.
    pub id: String,
    /// The policy.
    pub policy: StsPolicy,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

impl StsMemory {
    /// The policy that holds at that moment.
    pub fn policy(&self, now: Timestamp) -> Option<&StsPolicy> {
        let known = self.known.as_ref()?;
        let holds = now < known.fetched_at.plus(known.policy.max_age);
        (holds && known.policy.mode != StsMode::None).then_some(&known.policy)
    }

    /// Whether the policy is to be fetched, `id` being what DNS says now; without a record there is nothing to fetch.
    pub fn wants_fetch(&self, id: Option<&str>, now: Timestamp) -> bool {
        let Some(id) = id else { return false };
        if self.failed_at.is_some_and(|at| now < at.plus(FETCH_PAUSE)) {
            return false;
        }
        self.known.as_ref().is_none_or(|known| {
            let life = REFRESH.min(known.policy.max_age / 2);
            known.id != id || now >= known.fetched_at.plus(life)
        })
    }

    /// Remembers a fetch that succeeded.
    pub fn learn(&mut self, id: &str, policy: StsPolicy, now: Timestamp) {
        self.known = Some(Known {
            id: id.to_owned(),
            policy,
            fetched_at: now,
        });
        self.failed_at = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn policy(text: &str) -> Result<StsPolicy, StsFault> {
        StsPolicy::parse(text.as_bytes())
    }

    fn good() -> StsPolicy {
        policy("version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n").unwrap()
    }

    #[test]
    fn a_policy_is_read_with_either_line_ending() {
        let lf = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.example.net\nmax_age: 604800";
        assert_eq!(policy(lf), Ok(good()));
        assert_eq!(policy(&good().lines().join("\n")), Ok(good()));
        let none = policy("version: STSv1\nmode: none\nmax_age: 86400\n").unwrap();
        assert_eq!(none.mode, StsMode::None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, fault| assert_eq!(policy(text), Err(fault), "{text}");
        check("", StsFault::Version);
        check(
            "version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1",
            StsFault::Version,
        );
        check(
            "version: STSv1\nmode: Enforce\nmx: a.b\nmax_age: 1",
            StsFault::Mode,
        );
        check("version: STSv1\nmode: enforce\nmax_age: 1", StsFault::Mx);
        check(
            "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1",
            StsFault::Mx,
        );
        check(
            "version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1",
            StsFault::Mx,
        );
        check("version: STSv1\nmode: enforce\nmx: a.b", StsFault::MaxAge);
        check(
            "version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1",
            StsFault::MaxAge,
        );
        check(
            "version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 99999999",
            StsFault::MaxAge,
        );
        check("version: STSv1\n<html>", StsFault::Line(2));
        assert_eq!(StsPolicy::parse(b"\xff"), Err(StsFault::NotText));
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let check = |host: &str, expected| assert_eq!(good().names(host), expected, "{host}");
        check("mx1.example.com", true);
        check("MX1.example.com.", true);
        check("mx2.example.com", false);
        check("a.example.net", true);
        check("example.net", false);
        check("a.b.example.net", false);
        check(".example.net", false);
        check("a.example.net.evil.example", false);
    }

    #[test]
    fn exactly_one_record_counts() {
        let check = |texts: &[&str], expected: Option<&str>| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(record_id(&texts).as_deref(), expected, "{texts:?}");
        };
        check(&["v=STSv1; id=20260101T000000;"], Some("20260101T000000"));
        check(&["v=spf1 -all", "v=STSv1;id=1"], Some("1"));
        check(&["v=STSv1; id=1;", "v=STSv1; id=2;"], None);
        check(&["v=STSv1"], None);
        check(&["v=STSv10; id=1"], None);
        check(&["v=STSv1; id="], None);
        check(&["v=STSv1; id=a-b"], None);
        check(&[], None);
    }

    #[test]
    fn a_remembered_policy_outlives_silence_and_no_more() {
        let mut memory = StsMemory::default();
        assert!(!memory.wants_fetch(None, NOW));
        assert!(memory.wants_fetch(Some("1"), NOW));
        memory.learn("1", good(), NOW);
        assert!(!memory.wants_fetch(Some("1"), NOW));
        assert!(memory.wants_fetch(Some("2"), NOW));
        assert!(memory.wants_fetch(Some("1"), NOW.plus(REFRESH)));
        memory.failed_at = Some(NOW);
        assert!(!memory.wants_fetch(Some("2"), NOW));
        assert!(memory.wants_fetch(Some("2"), NOW.plus(FETCH_PAUSE)));
        let end = NOW.plus(good().max_age);
        assert_eq!(memory.policy(NOW), Some(&good()));
        assert_eq!(memory.policy(end), None);
        let none = StsPolicy {
            mode: StsMode::None,
            ..good()
        };
        memory.learn("3", none, NOW);
        assert_eq!(memory.policy(NOW), None);
    }

    proptest! {
        #[test]
        fn whatever_reads_as_a_policy_reads_the_same_again(
            text in "(version: STSv1\n)?(mode: (enforce|testing|none)\n)?(mx: [a-z*.]{0,12}\n){0,3}(max_age: [0-9]{0,9})?",
        ) {
            if let Ok(policy) = policy(&text) {
                prop_assert_eq!(super::StsPolicy::parse(policy.lines().join("\r\n").as_bytes()), Ok(policy));
            }
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StsPolicy::parse(&octets);
        }
    }
}
