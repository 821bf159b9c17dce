//! Private keys, parsed once, found by the From domain.
//!
//! Owns [`Keyring`]. Promises: a key in it can sign; the closest domain's newest selector is taken. Leaves reading files
//! and their modes to the `keys` edge.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    encoding::AsDer,
    error::KeyRejected,
    rsa::KeyPair as RsaPair,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use crate::mail::Domain;

/// A key as an operator keeps it: `dkim-keys/<domain>/<selector>.pem`.
#[derive(Clone)]
pub struct KeyFile {
    /// The domain that signs.
    pub domain: String,
    /// The selector, the label before `_domainkey`.
    pub selector: String,
    /// PKCS#8 (RSA, Ed25519) or PKCS#1 (RSA) in PEM.
    pub pem: String,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({}/{})", self.domain, self.selector)
    }
}

/// Why a key cannot sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// `domain/selector`.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DKIM key {}: {}", self.key, self.why)
    }
}

impl std::error::Error for KeyFault {}

/// The two algorithms that may sign mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `rsa-sha256` (RFC 6376 §3.3).
    Rsa,
    /// `ed25519-sha256` (RFC 8463).
    Ed25519,
}

/// The half of a key that DNS shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Where it is published.
    pub domain: Domain,
    /// Under which selector.
    pub selector: String,
    /// Which algorithm.
    pub algorithm: Algorithm,
    /// What `p=` holds, before base64.
    pub octets: Vec<u8>,
}

/// A private key with its names.
pub(super) struct Key {
    pub(super) public: PublicKey,
    pub(super) private: DkimKey,
}

/// All keys by domain; RSA and Ed25519 apart, because they sign side by side.
#[derive(Default)]
pub struct Keyring {
    domains: BTreeMap<String, Pair>,
    also_ed25519: bool,
}

#[derive(Default)]
struct Pair {
    rsa: Option<Key>,
    ed25519: Option<Key>,
}

impl Keyring {
    /// Parses every key; all faults are reported at once. Of several selectors of a domain the last by name signs,
    /// unless `chosen` names the domain's selector.
    pub fn new(
        files: impl IntoIterator<Item = KeyFile>,
        chosen: &BTreeMap<Domain, String>,
    ) -> Result<Self, Vec<KeyFault>> {
        let mut ring = Self::default();
        let mut faults = Vec::new();
        for file in files {
            match parse(&file) {
                Ok(key) => ring.add(key, chosen),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(ring)
        } else {
            Err(faults)
        }
    }

    /// Adds an Ed25519 signature where a domain has both keys. Off by default: Yahoo warns when not every aligned
    /// signature passes, and not every receiver knows RFC 8463.
    #[must_use]
    pub fn with_second_signature(mut self, also_ed25519: bool) -> Self {
        self.also_ed25519 = also_ed25519;
        self
    }

    /// The domain that signs for an author: itself, or the closest parent with a key (relaxed alignment,
    /// RFC 7489 §3.1.1).
    pub fn signing_domain(&self, author: &Domain) -> Option<&Domain> {
        let pair = self.pair(author)?;
        let key = pair.rsa.as_ref().or(pair.ed25519.as_ref())?;
        Some(&key.public.domain)
    }

    /// The public halves of the keys that sign now.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.domains
            .values()
            .flat_map(|pair| [&pair.rsa, &pair.ed25519])
            .filter_map(|key| key.as_ref().map(|key| &key.public))
    }

    /// The keys that sign for an author, first signature first.
    pub(super) fn keys(&self, author: &Domain) -> Vec<&Key> {
        let Some(pair) = self.pair(author) else {
            return Vec::new();
        };
        let second = pair
            .ed25519
            .as_ref()
            .filter(|_| self.also_ed25519 || pair.rsa.is_none());
        pair.rsa.iter().chain(second).collect()
    }

    fn pair(&self, author: &Domain) -> Option<&Pair> {
        let mut name = author.as_str();
        loop {
            if let Some(pair) = self.domains.get(name) {
                return Some(pair);
            }
            name = name.split_once('.')?.1;
        }
    }

    fn add(&mut self, key: Key, chosen: &BTreeMap<Domain, String>) {
        let chosen = chosen.get(&key.public.domain);
        let pair = self
            .domains
            .entry(key.public.domain.to_string())
            .or_default();
        let slot = match key.public.algorithm {
            Algorithm::Rsa => &mut pair.rsa,
            Algorithm::Ed25519 => &mut pair.ed25519,
        };
        let rank = |key: &Key| {
            let selector = key.public.selector.clone();
            (chosen == Some(&selector), selector)
        };
        if slot.as_ref().is_none_or(|old| rank(old) < rank(&key)) {
            *slot = Some(key);
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                self.public_keys()
                    .map(|key| format!("{}/{}", key.domain, key.selector)),
            )
            .finish()
    }
}

fn parse(file: &KeyFile) -> Result<Key, KeyFault> {
    let fault = |why: String| KeyFault {
        key: format!("{}/{}", file.domain, file.selector),
        why,
    };
    let domain = Domain::parse(&file.domain).map_err(|why| fault(format!("the domain {why}")))?;
    if !is_selector(&file.selector) {
        return Err(fault("the selector is not a DNS label".to_owned()));
    }
    let der = PrivateKeyDer::from_pem_slice(file.pem.as_bytes())
        .map_err(|error| fault(format!("is no private key in PEM: {error}")))?;
    let (algorithm, octets, private) = read(&der).map_err(|why| fault(why.to_owned()))?;
    let public = PublicKey {
        domain,
        selector: file.selector.to_ascii_lowercase(),
        algorithm,
        octets,
    };
    Ok(Key { public, private })
}

type Parsed = (Algorithm, Vec<u8>, DkimKey);

const UNKNOWN: &str = "is neither an RSA nor an Ed25519 key in PKCS#8 or PKCS#1";
/// Verifiers take 1024 bits (RFC 8301 §3.2), but signers should not use them, Gmail and Yahoo ask for 2048, and the
/// crypto library refuses to sign with less.
const TOO_SMALL: &str = "has less than 2048 bits; make a new one with `postrider dkim new` and publish it under a new selector";

fn read(der: &PrivateKeyDer<'_>) -> Result<Parsed, &'static str> {
    let octets = match der {
        PrivateKeyDer::Pkcs1(pkcs1) => {
            return read_rsa(der, RsaPair::from_der(pkcs1.secret_pkcs1_der()));
        }
        PrivateKeyDer::Pkcs8(pkcs8) => pkcs8.secret_pkcs8_der(),
        _ => return Err(UNKNOWN),
    };
    // OpenSSL writes Ed25519 keys without the public half; both forms are read.
    match Ed25519KeyPair::from_pkcs8_maybe_unchecked(octets) {
        Ok(pair) => read_ed25519(octets, &pair),
        Err(_) => read_rsa(der, RsaPair::from_pkcs8(octets)),
    }
}

fn read_ed25519(octets: &[u8], pair: &Ed25519KeyPair) -> Result<Parsed, &'static str> {
    let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(octets).map_err(|_| UNKNOWN)?;
    // RFC 8463 §4.1: the bare 32 octets.
    let public = pair.public_key().as_ref().to_vec();
    Ok((Algorithm::Ed25519, public, key.into()))
}

fn read_rsa(
    der: &PrivateKeyDer<'_>,
    pair: Result<RsaPair, KeyRejected>,
) -> Result<Parsed, &'static str> {
    let pair = pair.map_err(|rejected| {
        if rejected.to_string() == "TooSmall" {
            TOO_SMALL
        } else {
            UNKNOWN
        }
    })?;
    let key = RsaKey::<Sha256>::from_key_der(der.clone_key()).map_err(|_| UNKNOWN)?;
    // RFC 6376 §3.6.1 shows the SubjectPublicKeyInfo form, as every tool publishes it.
    let public = pair.public_key().as_der().map_err(|_| UNKNOWN)?;
    Ok((Algorithm::Rsa, public.as_ref().to_vec(), key.into()))
}

/// One or more DNS labels (RFC 6376 §3.1).
fn is_selector(selector: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    selector.split('.').all(is_label) && selector.len() <= 128
}
