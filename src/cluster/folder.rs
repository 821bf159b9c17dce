//! The cluster's folder: whose it is, and whether it may be used.
//!
//! Owns making and taking it. Promises: nothing that was there before us changes hands or is removed. Leaves what lies in
//! it to `place`, and one program at a time to `lock`.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use super::{
    account::Account,
    error::{ClusterError, Doing},
    lock,
    place::Place,
};

/// A container's usual 64 MiB of shared memory would be full after a few databases.
const MEMORY_BYTES_MIN: u128 = 2 * 1024 * 1024 * 1024;

/// A cluster's folder, taken for this program.
#[derive(Debug)]
pub(super) struct Home {
    /// What lies there.
    pub(super) place: Place,
    lock: File,
}

impl Home {
    /// Makes the folder if need be and takes it for this program.
    pub(super) fn open(folder: &Path, account: Option<&str>) -> Result<Self, ClusterError> {
        let folder =
            std::path::absolute(folder).doing(|| format!("reading {}", folder.display()))?;
        let account = Account::choose(account, Some(&folder.join("data")))?;
        create(&folder, 0o700)?;
        refuse_foreign(&folder)?;
        account.give(&folder)?;
        if let Some(blocked) = account.blocked_at(&folder) {
            let account = account.name;
            return Err(ClusterError::OutOfReach {
                folder,
                blocked,
                account,
            });
        }
        let place = Place { folder, account };
        let lock = lock::take(&place)?;
        Ok(Self { place, lock })
    }

    /// The lock, for a child process to hold as well.
    pub(super) fn lock(&self) -> Result<File, ClusterError> {
        let path = self.place.lock_path();
        self.lock
            .try_clone()
            .doing(|| format!("sharing {}", path.display()))
    }

    /// Takes this program's name off the lock: whoever comes next waits for the last process of the folder, because
    /// nobody is left who would keep it.
    pub(super) fn resign(&self) -> Result<(), ClusterError> {
        let path = self.place.lock_path();
        self.lock
            .set_len(0)
            .doing(|| format!("writing {}", path.display()))
    }
}

/// A new folder in the first of these that the account can reach.
pub(super) fn temporary(roots: &[PathBuf], account: &Account) -> Result<PathBuf, ClusterError> {
    let root = roots
        .iter()
        .find(|root| root.is_dir() && account.blocked_at(root).is_none())
        .map_or_else(|| Path::new("/tmp"), PathBuf::as_path);
    let made = tempfile::Builder::new()
        .prefix("postrider-")
        .tempdir_in(root);
    let folder = made
        .doing(|| format!("creating a folder in {}", root.display()))?
        .keep();
    account.give(&folder)?;
    Ok(folder)
}

/// The folder of files in memory, when it has room for the databases of a test program.
pub(super) fn memory() -> Option<PathBuf> {
    let folder = Path::new("/dev/shm");
    let room = statvfs(folder).ok()?;
    let free_bytes = u128::from(room.blocks_available()) * u128::from(room.fragment_size());
    (free_bytes >= MEMORY_BYTES_MIN).then(|| folder.to_owned())
}

/// Creates a folder with its parents unless it exists.
pub(super) fn create(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| match fs::DirBuilder::new().mode(mode).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            other => other,
        })
        .doing(|| format!("creating {}", folder.display()))
}

/// A folder full of somebody else's things must not change hands.
fn refuse_foreign(folder: &Path) -> Result<(), ClusterError> {
    let listing = fs::read_dir(folder).doing(|| format!("reading {}", folder.display()))?;
    let is_ours = folder.join("lock").is_file() || listing.count() == 0;
    if is_ours
        && folder
            .metadata()
            .is_ok_and(|found| found.mode() & 0o1000 == 0)
    {
        Ok(())
    } else {
        Err(ClusterError::Foreign {
            folder: folder.to_owned(),
        })
    }
}
