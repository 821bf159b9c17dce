//! Reading and creating one secret file.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use super::error::{Doing, KeyError};

/// An RSA key of 16384 bits has 13 KB.
const BYTES_MAX: u64 = 64 * 1024;
/// Group and others.
const OTHERS: u32 = 0o077;

/// The content of a file that only its owner can reach.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    // Looked at before opening, because opening a pipe waits for its writer.
    check(path, &fs::metadata(path).doing("reading", path)?)?;
    let file = File::open(path).doing("reading", path)?;
    // And once more what was opened: the name may mean another file by now.
    check(path, &file.metadata().doing("reading", path)?)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .doing("reading", path)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(KeyError::TooBig {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

fn check(path: &Path, found: &Metadata) -> Result<(), KeyError> {
    let mode = found.permissions().mode() & 0o7777;
    if !found.is_file() {
        Err(KeyError::NotAFile {
            path: path.to_owned(),
        })
    } else if mode & OTHERS != 0 {
        Err(KeyError::Open {
            path: path.to_owned(),
            mode,
        })
    } else {
        Ok(())
    }
}

/// Creates a file, whole or not at all, with mode 0600; `false` when there is one of that name.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<bool, KeyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A bare file name has the empty path as its parent.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)
        .doing("creating", folder)?;
    write(folder, path, bytes).doing("writing", path)
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    // Temporary files have mode 0600; a hidden name is skipped by everybody who lists keys.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder)?.sync_all().map(|()| true),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}
