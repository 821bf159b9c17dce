//! The folder of the server's socket, and the address that leads there.
//!
//! A socket's whole path has 103 bytes at most (macOS; Linux 107), so a deep data folder gets its socket elsewhere.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    error::{ClusterError, Doing},
    folder,
    initdb::SUPERUSER,
    place::Place,
};

/// 103 bytes less `/.s.PGSQL.5432`.
const PATH_BYTES_MAX: usize = 89;

/// Where the socket is.
#[derive(Debug)]
pub(super) struct SocketFolder {
    path: PathBuf,
    /// Made for this run alone.
    temporary: bool,
}

impl SocketFolder {
    /// `run/` beside the data where its path is short and plain, else a temporary folder.
    pub(super) fn choose(place: &Place) -> Result<Self, ClusterError> {
        let beside = place.folder.join("run");
        if !is_plain(&beside) {
            // A temporary folder of macOS has about 50 bytes, its random name 16.
            let path = folder::temporary(&[std::env::temp_dir(), "/tmp".into()], &place.account)?;
            return Ok(Self {
                path,
                temporary: true,
            });
        }
        folder::create(&beside, 0o700)?;
        place.account.give(&beside)?;
        // The folder's mode is what guards the data: put it right even if somebody changed it.
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o700))
            .doing(|| format!("closing {} to others", beside.display()))?;
        Ok(Self {
            path: beside,
            temporary: false,
        })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, when nobody needs it after the server.
    pub(super) fn temporary_path(&self) -> Option<&Path> {
        self.temporary.then_some(&self.path)
    }

    /// Where clients find that database; `psql` and every libpq client understand it as well.
    pub(super) fn url(&self, database: &str) -> String {
        url(&self.path, database)
    }

    /// Removes a folder made for this run.
    pub(super) fn remove(&self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The address of a database behind the socket in that folder.
pub(super) fn url(folder: &Path, database: &str) -> String {
    format!(
        "postgres://{SUPERUSER}@localhost:5432/{database}?host={}",
        folder.display()
    )
}

/// Neither PostgreSQL's list of folders nor an URL needs quoting for such a path.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.len() <= PATH_BYTES_MAX
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: bool) {
        assert_eq!(is_plain(Path::new(path)), expected, "{path}");
    }

    #[test]
    fn a_socket_stays_beside_the_data_when_its_path_is_short_and_plain() {
        check("/var/lib/postrider/run", true);
        check("/home/anna/My Mail/run", false);
        check("/srv/почта/run", false);
        check("/srv/a,b/run", false);
        check(&format!("/{}/run", "x".repeat(84)), true);
        check(&format!("/{}/run", "x".repeat(85)), false);
    }
}
