//! Private keys, parsed once, found by the From domain.
//!
//! Owns [`Keyring`]. Promises: a key in it can sign; the closest domain's newest selector is taken. Leaves reading files
//! and their modes to the `keys` edge.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeyPair as RsaPair,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use crate::mail::Domain;

/// Verifiers need not accept shorter keys (RFC 8301 §3.2).
const RSA_BITS_MIN: usize = 1_024;
/// Signers should not use shorter keys (RFC 8301 §3.2); Gmail and Yahoo ask for the same.
const RSA_BITS_GOOD: usize = 2_048;

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

/// A key that signs, but should be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// `domain/selector`.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DKIM key {}: {}", self.key, self.why)
    }
}

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
    warnings: Vec<Warning>,
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
                Ok((key, warning)) => {
                    ring.warnings.extend(warning);
                    ring.add(key, chosen);
                }
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

    /// Keys that sign but should be replaced.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
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

/// Reads one key, with a warning where it is weak.
fn parse(file: &KeyFile) -> Result<(Key, Option<Warning>), KeyFault> {
    let name = format!("{}/{}", file.domain, file.selector);
    let fault = |why: String| KeyFault {
        key: name.clone(),
        why,
    };
    let domain = Domain::parse(&file.domain).map_err(|why| fault(format!("the domain {why}")))?;
    if !is_selector(&file.selector) {
        return Err(fault("the selector is not a DNS label".to_owned()));
    }
    let der = PrivateKeyDer::from_pem_slice(file.pem.as_bytes())
        .map_err(|error| fault(format!("is no private key in PEM: {error}")))?;
    let (algorithm, octets, private, bits) = read(&der).map_err(|why| fault(why.to_owned()))?;
    let warning = (bits < RSA_BITS_GOOD).then(|| Warning {
        key: name.clone(),
        why: format!("has {bits} bits; make one of {RSA_BITS_GOOD}"),
    });
    let public = PublicKey {
        domain,
        selector: file.selector.to_ascii_lowercase(),
        algorithm,
        octets,
    };
    Ok((Key { public, private }, warning))
}

type Parsed = (Algorithm, Vec<u8>, DkimKey, usize);

fn read(der: &PrivateKeyDer<'_>) -> Result<Parsed, &'static str> {
    const NEITHER: &str = "is neither an RSA nor an Ed25519 key in PKCS#8 or PKCS#1";
    let (rsa, ed25519) = match der {
        PrivateKeyDer::Pkcs1(der) => (RsaPair::from_der(der.secret_pkcs1_der()).ok(), None),
        PrivateKeyDer::Pkcs8(der) => {
            let octets = der.secret_pkcs8_der();
            // OpenSSL writes PKCS#8 version 1 without the public half; both versions are read.
            let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(octets).ok();
            (RsaPair::from_pkcs8(octets).ok(), ed25519)
        }
        _ => return Err(NEITHER),
    };
    match (rsa, ed25519, der) {
        (Some(pair), _, _) => read_rsa(der, &pair),
        (None, Some(pair), PrivateKeyDer::Pkcs8(der)) => {
            let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der())
                .map_err(|_| NEITHER)?;
            let octets = pair.public_key().as_ref().to_vec();
            Ok((Algorithm::Ed25519, octets, key.into(), usize::MAX))
        }
        _ => Err(NEITHER),
    }
}

fn read_rsa(der: &PrivateKeyDer<'_>, pair: &RsaPair) -> Result<Parsed, &'static str> {
    let bits = pair.public_modulus_len() * 8;
    if bits < RSA_BITS_MIN {
        return Err("has less than 1024 bits, which verifiers reject (RFC 8301)");
    }
    let key = RsaKey::<Sha256>::from_key_der(der.clone_key())
        .map_err(|_| "is an RSA key that cannot sign")?;
    // RFC 6376 §3.6.1 shows the SubjectPublicKeyInfo form, as every tool publishes it.
    let octets = pair
        .public_key()
        .as_der()
        .map_err(|_| "has no public half")?
        .as_ref()
        .to_vec();
    Ok((Algorithm::Rsa, octets, key.into(), bits))
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
