//! The secrets under the tokens that we give away.
//!
//! Owns their files: `token.secret` is number 1, `token.2.secret` and so on came later. Promises: the first is made when
//! there is none; a new one never replaces an old one, because letters on the way bear tokens of it; a file is never made
//! twice. Leaves the codec to `token`.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{TOKEN_SECRET_BYTES, entries, error::KeyError, file};

/// The first file.
const FIRST: &str = "token.secret";

/// One secret as it lies on disk.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret {
    /// Its number, which travels in each token.
    pub id: u8,
    /// The secret.
    pub secret: [u8; TOKEN_SECRET_BYTES],
    /// Where it lies, for messages.
    pub path: PathBuf,
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSecret({}, {})", self.id, self.path.display())
    }
}

/// Every secret of that folder, newest first; never none. When there is none yet, `fresh` becomes the first; of several
/// nodes that start at once one wins, and all of them read the winner's.
pub fn token_secrets(
    folder: &Path,
    fresh: [u8; TOKEN_SECRET_BYTES],
) -> Result<Vec<TokenSecret>, KeyError> {
    let mut found = found(folder)?;
    if found.is_empty() {
        // Whether ours or another node's was first, the file is there now.
        create(&path(folder, 1), fresh)?;
        found.push(1);
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|id| read(folder, id)).collect()
}

/// The numbers of the secrets of that folder, the newest first; none is made.
pub fn token_numbers(folder: &Path) -> Result<Vec<u8>, KeyError> {
    let mut found = found(folder)?;
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

/// Adds a secret with the next number.
pub fn new_token_secret(
    folder: &Path,
    fresh: [u8; TOKEN_SECRET_BYTES],
) -> Result<TokenSecret, KeyError> {
    let newest = found(folder)?.into_iter().max().unwrap_or(0);
    let id = newest.checked_add(1).ok_or(KeyError::NoNumber)?;
    let path = path(folder, id);
    if !create(&path, fresh)? {
        return Err(KeyError::Exists { path });
    }
    read(folder, id)
}

fn path(folder: &Path, id: u8) -> PathBuf {
    match id {
        1 => folder.join(FIRST),
        id => folder.join(format!("token.{id}.secret")),
    }
}

/// The numbers of the secrets that are there.
fn found(folder: &Path) -> Result<Vec<u8>, KeyError> {
    let names = entries(folder)?.into_iter();
    let ids = names.filter_map(|path| number(path.file_name()?.to_str()?));
    Ok(ids.collect())
}

fn number(name: &str) -> Option<u8> {
    if name == FIRST {
        return Some(1);
    }
    let digits = name.strip_prefix("token.")?.strip_suffix(".secret")?;
    let id: u8 = digits.parse().ok()?;
    // One number has one name.
    (id > 1 && id.to_string() == digits).then_some(id)
}

fn create(path: &Path, fresh: [u8; TOKEN_SECRET_BYTES]) -> Result<bool, KeyError> {
    let text = format!("{}\n", HEXLOWER_PERMISSIVE.encode(&fresh));
    file::create(path, text.as_bytes())
}

fn read(folder: &Path, id: u8) -> Result<TokenSecret, KeyError> {
    let path = path(folder, id);
    let text = file::read(&path)?;
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).ok();
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(secret) => Ok(TokenSecret { id, secret, path }),
        None => Err(KeyError::BadSecret { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(secrets: &[TokenSecret]) -> Vec<(u8, u8)> {
        let pairs = secrets.iter().map(|secret| (secret.id, secret.secret[0]));
        pairs.collect()
    }

    #[test]
    fn the_newest_comes_first_and_old_ones_stay() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        assert_eq!(ids(&token_secrets(&folder, [7; 32]).unwrap()), [(1, 7)]);
        assert_eq!(new_token_secret(&folder, [8; 32]).unwrap().id, 2);
        assert_eq!(new_token_secret(&folder, [9; 32]).unwrap().id, 3);
        let all = token_secrets(&folder, [0; 32]).unwrap();
        assert_eq!(ids(&all), [(3, 9), (2, 8), (1, 7)]);
        // An old one that is taken away stays away.
        std::fs::remove_file(&all[2].path).unwrap();
        let rest = token_secrets(&folder, [0; 32]).unwrap();
        assert_eq!(ids(&rest), [(3, 9), (2, 8)]);
    }

    #[test]
    fn only_names_of_ours_are_secrets() {
        let names = ["token.secret", "token.2.secret", "token.255.secret"];
        let known: Vec<_> = names.into_iter().filter_map(number).collect();
        assert_eq!(known, [1, 2, 255]);
        for name in [
            "token.1.secret",
            "token.02.secret",
            "token.256.secret",
            "token.secret.bak",
            "token.x.secret",
            "",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_end_at_255() {
        let place = tempfile::tempdir().unwrap();
        create(&path(place.path(), 255), [1; 32]).unwrap();
        assert!(matches!(
            new_token_secret(place.path(), [2; 32]),
            Err(KeyError::NoNumber)
        ));
    }
}
