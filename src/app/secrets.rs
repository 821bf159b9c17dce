//! The secrets behind tokens: where they lie, which one signs, and how a new one is made.
//!
//! Owns the way from the data folder to [`Tokens`]. Leaves the files to `keys` and their meaning to `token`.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand;

use crate::{
    keys::{self, TokenSecret},
    token::{TokenKey, Tokens},
};

/// The secrets that sign return paths and links: the newest signs, the others are still read. The first is made at the
/// first start.
pub(super) fn tokens(data_folder: &Path) -> Result<Tokens> {
    let secrets = secrets(data_folder)?;
    let newest = secrets.first().context("there is no token secret")?.id;
    codec(secrets, newest)
}

/// The codec that signs with the secret of that number and reads those of all.
pub(super) fn codec(secrets: Vec<TokenSecret>, signs: u8) -> Result<Tokens> {
    let key = |secret: TokenSecret| TokenKey {
        id: secret.id,
        secret: secret.secret,
    };
    let (mut signing, others): (Vec<_>, Vec<_>) = secrets
        .into_iter()
        .map(key)
        .partition(|key| key.id == signs);
    let signing = signing
        .pop()
        .with_context(|| format!("there is no token secret {signs}"))?;
    Ok(Tokens::new(signing, others))
}

/// The secrets as they lie in the folder, the newest first.
pub(super) fn secrets(data_folder: &Path) -> Result<Vec<TokenSecret>> {
    fs::create_dir_all(data_folder)
        .with_context(|| format!("making data_folder {}", data_folder.display()))?;
    Ok(keys::token_secrets(data_folder, fresh_secret()?)?)
}

/// A secret that nobody knows yet.
pub fn fresh_secret() -> Result<[u8; keys::TOKEN_SECRET_BYTES]> {
    let mut fresh = [0; keys::TOKEN_SECRET_BYTES];
    rand::fill(&mut fresh).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(fresh)
}
