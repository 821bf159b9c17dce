//! Whether something in a folder has changed.
//!
//! Owns the marks by which a change is seen: names, sizes, moments and numbers of files, as the system tells them. Promises:
//! no file is opened; the walk is bounded in depth and in number.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Deeper than `templates/<name>/<locale>/<file>` and `dkim-keys/<domain>/<file>` nothing is ours.
const DEPTH_MAX: usize = 3;

/// Files looked at; a folder with more of them is no folder of templates or keys.
const FILES_MAX: usize = 20_000;

/// Every file below a folder with what changes when it does.
pub(super) type Marks = BTreeMap<PathBuf, [i64; 5]>;

/// The marks of a folder; none where there is no folder.
pub(super) fn marks(folder: &Path) -> Marks {
    let mut found = Marks::new();
    collect(folder, 1, &mut found);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Marks) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let Ok(about) = fs::metadata(&path) else {
            continue;
        };
        if about.is_dir() && depth < DEPTH_MAX {
            collect(&path, depth + 1, found);
        } else if about.is_file() && found.len() < FILES_MAX {
            let (size, inode) = (about.size().cast_signed(), about.ino().cast_signed());
            let mark = [
                size,
                inode,
                about.mtime(),
                about.mtime_nsec(),
                about.ctime(),
            ];
            found.insert(path, mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_changes_or_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("new-order/ru");
        assert_eq!(marks(&deep), Marks::new());
        fs::create_dir_all(&deep).unwrap();
        let empty = marks(folder.path());
        fs::write(deep.join("text.txt"), "one").unwrap();
        let one = marks(folder.path());
        fs::write(deep.join("text.txt"), "three").unwrap();
        let three = marks(folder.path());
        fs::remove_file(deep.join("text.txt")).unwrap();
        assert!(empty != one && one != three);
        assert_eq!(marks(folder.path()), empty);
    }
}
