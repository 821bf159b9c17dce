//! The source files of the library, their rooms, and which rooms they name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::is_room;

/// One file.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) room: String,
    pub(crate) text: String,
    pub(crate) imports: BTreeSet<String>,
}

/// Every source file below `src/` that belongs to a room.
pub(crate) fn sources() -> Vec<Source> {
    let files = rust_files(Path::new("src"));
    assert!(
        !files.is_empty(),
        "no sources found: run from the package folder"
    );
    files
        .into_iter()
        .filter(|path| path != Path::new("src/lib.rs"))
        .map(read)
        .collect()
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let below = path.strip_prefix("src").unwrap();
    let room = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    let room = room.trim_end_matches(".rs").to_owned();
    let imports = imports(&text);
    Source {
        path,
        room,
        text,
        imports,
    }
}

/// The rooms that a text names by `crate::room` or, in the binary, `postrider::room`; nested braces included.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line.trim(), " "])
        .collect();
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "postrider::"] {
        for (at, _) in code.match_indices(root) {
            rooms.extend(first_names(&code[at + root.len()..]));
        }
    }
    rooms.retain(|room| is_room(room));
    rooms
}

/// `a::B` names a; `{a::B, c::{D, E}}` names a and c.
fn first_names(rest: &str) -> Vec<String> {
    let Some(body) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0;
    let mut names = vec![word(body)];
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(body[at + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
