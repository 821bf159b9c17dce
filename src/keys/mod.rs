//! Secrets that live in files: DKIM private keys and the token secret.
//!
//! Owns where they lie, their modes, and how new ones come to be. Promises: a secret that others could read is refused
//! with the command that closes it; an existing file is never overwritten; a crash leaves no half-written secret.
//! Leaves the meaning of a PEM to `dkim` and of the token secret to `token`.

mod error;
mod file;
mod rotation;
mod token;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use error::Doing;
pub use error::KeyError;
pub use rotation::{KeyDates, Rotation, change_rotation, rotation};
pub use token::{TokenSecret, new_token_secret, token_numbers, token_secrets};

use crate::mail::Domain;

/// Length of the secret under every token that we give away.
pub const TOKEN_SECRET_BYTES: usize = 32;

/// One private key as it lies on disk.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The domain that it signs for.
    pub domain: Domain,
    /// Its name in DNS: `<selector>._domainkey.<domain>` (RFC 6376 §3.6.2.1).
    pub selector: String,
    /// The file's content.
    pub pem: Vec<u8>,
    /// Where it lies, for messages.
    pub path: PathBuf,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KeyFile({}, {} bytes)",
            self.path.display(),
            self.pem.len()
        )
    }
}

/// Reads every `<folder>/<domain>/<selector>.pem`, in the order of their names. No folder, no keys.
pub fn read_all(folder: &Path) -> Result<Vec<KeyFile>, KeyError> {
    let mut keys = Vec::new();
    for domain in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for file in entries(&domain)?.into_iter().filter(|path| is_pem(path)) {
            keys.push(read_key(&domain, file)?);
        }
    }
    Ok(keys)
}

fn read_key(folder: &Path, path: PathBuf) -> Result<KeyFile, KeyError> {
    let domain = folder
        .file_name()
        .and_then(|name| Domain::parse(name.to_str()?).ok())
        .ok_or_else(|| KeyError::BadDomain {
            path: folder.to_owned(),
        })?;
    let selector = path
        .file_stem()
        .and_then(|name| name.to_str())
        .filter(|name| is_selector(name))
        .ok_or_else(|| KeyError::BadSelector {
            name: path.display().to_string(),
        })?
        .to_owned();
    let pem = file::read(&path)?;
    Ok(KeyFile {
        domain,
        selector,
        pem,
        path,
    })
}

/// Writes a new key to `<folder>/<domain>/<selector>.pem`, readable by us alone; an existing one stays as it is.
pub fn write_new(
    folder: &Path,
    domain: &Domain,
    selector: &str,
    pem: &[u8],
) -> Result<PathBuf, KeyError> {
    if !is_selector(selector) {
        return Err(KeyError::BadSelector {
            name: selector.to_owned(),
        });
    }
    let path = folder.join(domain.as_str()).join(format!("{selector}.pem"));
    if file::create(&path, pem)? {
        Ok(path)
    } else {
        Err(KeyError::Exists { path })
    }
}

/// What lies in a folder, sorted; hidden names are other programs' business.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing("reading", folder)?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        let entry = entry.doing("reading", folder)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_pem(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pem")
}

/// A selector is one or more DNS labels (RFC 6376 §3.1); a path or an option never is.
fn is_selector(text: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 128 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests;
