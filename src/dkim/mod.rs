//! DKIM: keys, signatures and DNS records (RFC 6376, RFC 8301, RFC 8463).
//!
//! Owns the keyring, the header list and [`Signed`], the only thing that can be sent. Promises: a stranger's verifier
//! accepts every signature; the time in it is the one we were given; keys are parsed once. Leaves key files to the
//! `keys` edge and message bytes to `compose`. Read `sign` first, then `keyring`; `record` is for people and DNS.

mod generate;
mod keyring;
mod record;
mod sign;
mod verify;

pub use generate::{GenerateFault, generate_ed25519, generate_rsa_2048};
pub use keyring::{Algorithm, KeyFault, KeyFile, Keyring, PublicKey};
pub use record::{DnsRecord, dns_record, is_published};
pub use sign::{Signed, sign};
pub use verify::{keys_wanted, signers};

#[cfg(test)]
mod tests;
