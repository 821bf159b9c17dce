//! The signature.
//!
//! Owns the header list and [`Signed`]. Promises: rsa-sha256, relaxed/relaxed, the tags of DELIVERABILITY 2.4 and no
//! others, `t=` from the `now` we are given. Canonical forms, tags and cryptography are `mail-auth`'s; its own `sign`
//! reads the wall clock, so its parts are called one by one here.

use mail_auth::{
    common::{
        crypto::{HashOutput, SigningKey},
        headers::{HeaderStream, Writable},
    },
    dkim::{Canonicalization, Signature},
};

use super::{
    Keyring,
    keyring::{Algorithm, Key},
};
use crate::{
    compose::Composed,
    mail::{Timestamp, Unsendable},
};

/// Fields that are signed where they are present (RFC 6376 §5.4.1 and what receivers act on).
const SIGNED: [&str; 21] = [
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "CFBL-Address",
    "CFBL-Feedback-ID",
    "X-Postmaster-Msgtype",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
];

/// Fields signed once more than present: nobody can add a second one and replay the letter (RFC 6376 §8.15).
const OVERSIGNED: [&str; 11] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Room for one signature field.
const SIGNATURE_OCTETS: usize = 1_280;

/// A signed message: the only thing that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    bytes: Vec<u8>,
    return_path: String,
    needs_smtputf8: bool,
}

impl Signed {
    /// The message as it goes on the wire, before dot-stuffing.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// MAIL FROM.
    pub fn return_path(&self) -> &str {
        &self.return_path
    }

    /// Whether the receiver must offer SMTPUTF8.
    pub const fn needs_smtputf8(&self) -> bool {
        self.needs_smtputf8
    }
}

/// Signs a message for the domain of its author.
pub fn sign(ring: &Keyring, composed: &Composed, now: Timestamp) -> Result<Signed, Unsendable> {
    let author = composed.author();
    let keys = ring.keys(author);
    if keys.is_empty() {
        return Err(Unsendable::new(
            "dkim",
            format!("no key signs for {author}; make one with `postrider dkim new {author}`"),
        ));
    }
    let message = composed.message();
    let mut bytes = Vec::with_capacity(keys.len() * SIGNATURE_OCTETS + message.len());
    for key in keys {
        write_signature(&mut bytes, key, message, now)?;
    }
    bytes.extend_from_slice(message);
    Ok(Signed {
        bytes,
        return_path: composed.return_path().to_owned(),
        needs_smtputf8: composed.needs_smtputf8(),
    })
}

/// Appends one DKIM-Signature field over the message.
fn write_signature(
    out: &mut Vec<u8>,
    key: &Key,
    message: &[u8],
    now: Timestamp,
) -> Result<(), Unsendable> {
    let mut signature = unsigned(key, now);
    let (_, headers, _, body) = signature.canonicalize(Fields::new(message));
    let body_hash: HashOutput = key.private.hash(body);
    signature.bh = body_hash.as_ref().to_vec();
    signature.h = header_list(message);
    let mut canonical = Vec::with_capacity(4_096);
    headers.write(&mut canonical);
    signature.write(&mut canonical, false);
    signature.b = key
        .private
        .sign(canonical.as_slice())
        .map_err(|error| Unsendable::new("dkim", format!("signing failed: {error}")))?;
    write_folded(out, &signature);
    Ok(())
}

/// Writes the field as `mail-auth` folds it, but for two places. Relaxed canonicalisation takes any fold for the one
/// space that was signed (RFC 6376 §3.4.2), so neither changes what verifiers hash:
/// `d=` starts a line of its own, for the line must not pass 78; and no fold stands between the value of `b=` and its
/// semicolon, because some verifiers, dkimpy among them, remove the value and keep that space.
fn write_folded(out: &mut Vec<u8>, signature: &Signature) {
    let mut field = Vec::with_capacity(SIGNATURE_OCTETS);
    signature.write(&mut field, true);
    let field = field.strip_suffix(b"\r\n").unwrap_or(&field);
    let field = field.strip_suffix(b";").unwrap_or(field).trim_ascii_end();
    let domain = field.windows(4).position(|tag| tag == b"; d=");
    let (head, tail) = field.split_at(domain.map_or(0, |at| at + 1));
    out.extend_from_slice(head);
    if !head.is_empty() {
        out.extend_from_slice(b"\r\n\t");
    }
    out.extend_from_slice(tail.trim_ascii_start());
    out.extend_from_slice(b";\r\n");
}

fn unsigned(key: &Key, now: Timestamp) -> Signature {
    Signature {
        v: 1,
        a: match key.public.algorithm {
            Algorithm::Rsa => mail_auth::common::crypto::Algorithm::RsaSha256,
            Algorithm::Ed25519 => mail_auth::common::crypto::Algorithm::Ed25519Sha256,
        },
        d: key.public.domain.as_str().to_owned(),
        s: key.public.selector.clone(),
        h: SIGNED.map(str::to_owned).to_vec(),
        t: u64::try_from(now.seconds()).unwrap_or(0),
        ch: Canonicalization::Relaxed,
        cb: Canonicalization::Relaxed,
        ..Signature::default()
    }
}

/// `h=`: the present fields from the last to the first, as verifiers take them (RFC 6376 §5.4.2), then the absent.
fn header_list(message: &[u8]) -> Vec<String> {
    let mut fields = Fields::new(message);
    let mut present: Vec<String> = std::iter::from_fn(|| fields.next_header())
        .filter_map(|(name, _)| signed_name(name))
        .map(str::to_owned)
        .collect();
    present.reverse();
    present.extend(OVERSIGNED.map(str::to_owned));
    present
}

fn signed_name(name: &[u8]) -> Option<&'static str> {
    SIGNED
        .into_iter()
        .find(|signed| name.eq_ignore_ascii_case(signed.as_bytes()))
}

/// The fields of a message that `compose` wrote: each has a colon and ends in CRLF, an empty line ends them.
struct Fields<'x> {
    rest: &'x [u8],
}

impl<'x> Fields<'x> {
    const fn new(message: &'x [u8]) -> Self {
        Self { rest: message }
    }
}

impl<'x> HeaderStream<'x> for Fields<'x> {
    fn next_header(&mut self) -> Option<(&'x [u8], &'x [u8])> {
        if self.rest.starts_with(b"\r\n") {
            return None;
        }
        let (field, rest) = self.rest.split_at_checked(field_length(self.rest))?;
        let colon = field.iter().position(|b| *b == b':')?;
        self.rest = rest;
        Some((&field[..colon], &field[colon + 1..]))
    }

    fn body(&mut self) -> &'x [u8] {
        self.rest.strip_prefix(b"\r\n").unwrap_or_default()
    }
}

/// Octets up to the first line end that no folding space follows.
fn field_length(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = rest[from..].iter().position(|b| *b == b'\n') {
        from += at + 1;
        if !matches!(rest.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    rest.len()
}
