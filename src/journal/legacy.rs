//! Journals whose processes are gone.
//!
//! Owns finding and removing them. Promises: a journal with a living process is never read, because its lock is held; one
//! that another process is reading neither; a file that was replaced between the look and the lock is left alone.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{JOURNAL, UNFINISHED, read};
use crate::port::Legacy;

/// A journal that is ours to settle, as long as its lock is held by this file.
pub(super) struct Inherited {
    pub(super) legacy: Legacy,
    path: PathBuf,
    _lock: File,
}

impl Inherited {
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// Takes every journal in the folder whose lock is free.
pub(super) fn find(folder: &Path) -> io::Result<Vec<Inherited>> {
    let boot = read::boot();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(OsStr::to_str);
        if !matches!(ending, Some(JOURNAL | UNFINISHED)) {
            continue;
        }
        let Some(mut lock) = lock(&path)? else {
            continue;
        };
        if ending == Some(UNFINISHED) {
            // Its maker died before anything depended on it.
            fs::remove_file(&path)?;
            continue;
        }
        let mut octets = Vec::new();
        lock.read_to_end(&mut octets)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        found.push(Inherited {
            legacy: read::legacy(name.into_owned(), &octets, &boot),
            path,
            _lock: lock,
        });
    }
    Ok(found)
}

/// Locks the file of that name; `None` when somebody holds it or it is another file by now.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if file.try_lock().is_err() {
        return Ok(None);
    }
    let now = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        known => known?,
    };
    let held = file.metadata()?;
    let is_same = (held.dev(), held.ino()) == (now.dev(), now.ino());
    Ok(is_same.then_some(file))
}
