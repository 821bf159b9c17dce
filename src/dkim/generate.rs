//! New key pairs.
//!
//! Owns making them and their PEM text. Leaves the file, its name and its mode to the `keys` edge.

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaPair, KeySize},
    signature::Ed25519KeyPair,
};
use data_encoding::BASE64;

/// The crypto library gave no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the crypto library could not generate a key")]
pub struct GenerateFault;

/// A private key of 2048 bits, PKCS#8 in PEM: what every receiver verifies.
pub fn generate_rsa_2048() -> Result<String, GenerateFault> {
    let pair = RsaPair::generate(KeySize::Rsa2048).map_err(|_| GenerateFault)?;
    let der = pair.as_der().map_err(|_| GenerateFault)?;
    Ok(pem(der.as_ref()))
}

/// A private key for the second signature, PKCS#8 in PEM.
pub fn generate_ed25519() -> Result<String, GenerateFault> {
    let pair = Ed25519KeyPair::generate().map_err(|_| GenerateFault)?;
    let der = pair.to_pkcs8v1().map_err(|_| GenerateFault)?;
    Ok(pem(der.as_ref()))
}

/// Lines of 64 characters (RFC 7468 §2).
fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in der.chunks(48) {
        text.push_str(&BASE64.encode(line));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}
