//! What can be wrong with a secret's file, and the way out.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a secret cannot be read or written. No message contains any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others may read or change it.
    #[error("others may read {path} (mode {mode:04o}); close it with `chmod 600 {path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a pipe, a device.
    #[error("{path} is not a file")]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// No key is so large.
    #[error("{path} is larger than 64 KiB, so it is no key")]
    TooBig {
        /// The file.
        path: PathBuf,
    },
    /// Its folder is not named for a domain.
    #[error("{path} holds keys and is not named for a domain; keys lie in <domain>/<selector>.pem")]
    BadDomain {
        /// The folder.
        path: PathBuf,
    },
    /// Not usable in DNS.
    #[error("{name} does not name a selector: letters, digits and `-`, as in s2026")]
    BadSelector {
        /// What was given.
        name: String,
    },
    /// A key is never replaced: letters on the way are signed by it.
    #[error("{path} exists already; choose another selector")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Not written by us.
    #[error("{path} cannot be read: {why}; take it away to begin anew without dates")]
    BadDates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Damaged or another file.
    #[error(
        "{path} does not hold 64 hexadecimal digits; restore it, because every link and return path sent so far needs it"
    )]
    BadSecret {
        /// The file.
        path: PathBuf,
    },
    /// A number travels in one octet.
    #[error(
        "all 255 numbers of token secrets are used; remove the files of those that no letter on the way needs"
    )]
    NoNumber,
    /// The operating system said no.
    #[error("{act} {path}")]
    System {
        /// Such as `reading`.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// Gives an I/O error the name of what was being done.
pub(super) trait Doing<T> {
    /// Names the act.
    fn doing(self, act: &'static str, path: &Path) -> Result<T, KeyError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, act: &'static str, path: &Path) -> Result<T, KeyError> {
        self.map_err(|source| KeyError::System {
            act,
            path: path.to_owned(),
            source,
        })
    }
}
