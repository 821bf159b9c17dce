//! Who has signed a mail that came in.
//!
//! Owns the asking for keys and the checking of signatures through `mail-auth`. Promises: only signatures of the domains that
//! were asked for are looked at, a few of them at most; a key that DNS does not show does not exist; `l=` proves nothing,
//! because what follows is anybody's. Leaves DNS to whoever asks.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use hickory_proto::op::ResponseCode;
use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsError, Error, MessageAuthenticator, Parameters,
    ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};

use crate::mail::Domain;

/// Signatures looked at; each costs a question and some arithmetic.
const SIGNATURES_MAX: usize = 5;

/// The names whose TXT records the signatures of these domains need.
pub fn keys_wanted(raw: &[u8], domains: &[Domain]) -> Vec<String> {
    let Some(message) = AuthenticatedMessage::parse(raw) else {
        return Vec::new();
    };
    let signatures = message.dkim_headers.iter();
    let readable = signatures.map(|header| &header.header);
    let mut names: Vec<String> = readable
        .filter(|signature| signer(&signature.d, domains).is_some())
        .map(|signature| format!("{}._domainkey.{}.", signature.s, signature.d).to_lowercase())
        .collect();
    names.dedup();
    names.truncate(SIGNATURES_MAX);
    names
}

/// Which of these domains have signed the whole mail, with keys as DNS showed them under their names.
pub async fn signers(
    raw: &[u8],
    domains: &[Domain],
    keys: &BTreeMap<String, Vec<String>>,
) -> Vec<Domain> {
    let Some(message) = AuthenticatedMessage::parse(raw) else {
        return Vec::new();
    };
    // The ring answers every question, so this resolver is never asked and has nobody to ask.
    let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let Ok(verifier) = MessageAuthenticator::new(nobody, ResolverOpts::default()) else {
        return Vec::new();
    };
    let ring = Ring::of(keys);
    let question = Parameters::new(&message).with_txt_cache(&ring);
    let outputs = verifier.verify_dkim(question).await;
    let passed = outputs
        .iter()
        .filter(|output| *output.result() == DkimResult::Pass);
    passed
        .filter_map(|output| output.signature())
        .filter(|signature| signature.l == 0)
        .filter_map(|signature| signer(&signature.d, domains))
        .collect()
}

/// The domain of ours to trust that this signature speaks for: itself, nothing below it.
fn signer(d: &str, domains: &[Domain]) -> Option<Domain> {
    let d = Domain::parse(d).ok()?;
    domains.contains(&d).then_some(d)
}

/// Keys by their names.
struct Ring(HashMap<Box<str>, Txt>);

impl Ring {
    fn of(keys: &BTreeMap<String, Vec<String>>) -> Self {
        let texts = keys
            .iter()
            .filter_map(|(name, texts)| Some((name, texts.first()?)));
        let read = texts.map(|(name, text)| {
            let key = Txt::from(DomainKey::parse(text.as_bytes()));
            (name.clone().into_boxed_str(), key)
        });
        Self(read.collect())
    }
}

fn absent() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

impl ResolverCache<Box<str>, Txt> for Ring {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).cloned().unwrap_or_else(absent))
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
