//! The house rules that no compiler checks: floors, sizes, words and the import graph.
//!
//! `ARCHITECTURE.md` says why; this test says where. A finding names the file, the line and the rule.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where the house cannot be read"
)]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use circles::Tree;
use source::{Source, rust_files, sources};

/// The floors of the house, from the ground up.
const FLOORS: [&[&str]; 6] = [
    &["mail"],
    &["port"],
    &[
        "compose", "dkim", "token", "route", "smtp", "bounce", "policy", "check",
    ],
    &[
        "store",
        "journal",
        "inbound",
        "cluster",
        "net",
        "keys",
        "templates",
        "config",
        "metrics",
    ],
    &["engine", "sim"],
    &["http", "cli", "app", "main"],
];

/// The floor whose rooms talk to the world; they never know each other.
const EDGES: usize = 3;

/// A file longer than this is two files.
const LINES_MAX: usize = 400;

/// What no file may hold, what to do instead, and the one place that has a reason. Each word is split so that this table
/// does not find itself.
const BANNED: [(&str, &str, &str); 6] = [
    (concat!("TO", "DO"), "finish it, or open an issue", "-"),
    (concat!("FIX", "ME"), "finish it, or open an issue", "-"),
    (concat!("unimple", "mented!"), "a stub is a defect", "-"),
    (
        concat!("#[allow", "("),
        "use #[expect(lint, reason = \"...\")]",
        "-",
    ),
    // The cluster waits for processes that are not its children: nobody signals their end.
    (
        concat!("thread::", "sleep"),
        "wait for a signal, or move the clock",
        "cluster",
    ),
    // One test is about a program that ends this way.
    (
        concat!("process::", "exit"),
        "return an ExitCode from main",
        "tests/cluster/",
    ),
];

#[test]
fn every_file_imports_only_from_lower_floors() {
    let mut faults = Vec::new();
    for file in sources() {
        let here = file.floor();
        for target in file.imports.iter().filter(|target| **target != file.room) {
            let there = floor_of(target);
            let neighbour_edge = here == there && here == EDGES;
            let engine_on_edge = file.room == "engine" && there == EDGES;
            if there > here || neighbour_edge || engine_on_edge {
                faults.push(format!(
                    "{} ({}) imports {target}",
                    file.path.display(),
                    file.room
                ));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "against the floors:\n{}",
        faults.join("\n")
    );
}

#[test]
fn rooms_import_each_other_in_no_circle() {
    let graph = graph();
    for room in graph.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = graph[room].iter().collect();
        while let Some(target) = next.pop() {
            assert_ne!(target, room, "{room} imports itself by way of others");
            if seen.insert(target) {
                next.extend(graph.get(target).into_iter().flatten());
            }
        }
    }
}

#[test]
fn files_need_each_other_in_no_circle() {
    let mut circles = Vec::new();
    for folder in crates() {
        let found = Tree::read(&folder).circles();
        circles.extend(
            found
                .iter()
                .map(|way| format!("{}: {way}", folder.display())),
        );
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn the_import_graph_is_as_reviewed() {
    let lines: Vec<String> = graph()
        .into_iter()
        .map(|(room, targets)| {
            let targets: Vec<String> = targets.into_iter().collect();
            format!("{} {room} -> {}", floor_of(&room), targets.join(", "))
        })
        .collect();
    insta::assert_snapshot!("import_graph", lines.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_chapter() {
    let mut faults = Vec::new();
    for path in ["src", "tests", "benches"]
        .map(Path::new)
        .into_iter()
        .flat_map(rust_files)
    {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(
        faults.is_empty(),
        "longer than {LINES_MAX} lines:\n{}",
        faults.join("\n")
    );
}

#[test]
fn no_file_holds_what_is_banned() {
    let mut faults = Vec::new();
    for path in rust_files(Path::new("src"))
        .into_iter()
        .chain(rust_files(Path::new("tests")))
    {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let here = path.to_string_lossy();
            let found = BANNED
                .iter()
                .filter(|(word, _, but)| line.contains(word) && !here.contains(but));
            for (word, instead, _) in found {
                faults.push(format!(
                    "{}:{}: {word}: {instead}",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_the_store_holds_sql() {
    for file in sources() {
        if !matches!(file.room.as_str(), "store") {
            assert!(
                !file.text.contains("sqlx::query"),
                "{} holds SQL",
                file.path.display()
            );
        }
    }
}

#[test]
fn the_ground_floor_knows_three_crates_and_no_world() {
    let allowed = ["std", "uuid", "idna", "time", "super", "crate", "proptest"];
    for file in sources().into_iter().filter(|file| file.room == "mail") {
        for line in file
            .text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("use "))
        {
            let first = line.split([':', ';', ' ']).next().unwrap_or_default();
            assert!(
                allowed.contains(&first),
                "{} uses {first}",
                file.path.display()
            );
        }
    }
}

#[test]
fn every_module_opens_by_saying_what_it_owns() {
    // A module's tests are part of its file, also where they moved out of it.
    for file in sources()
        .into_iter()
        .filter(|file| !file.path.ends_with("tests.rs"))
    {
        assert!(
            file.text.starts_with("//!"),
            "{} has no head",
            file.path.display()
        );
    }
}

fn floor_of(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("room {room} stands on no floor; add it to tests/tidy.rs"))
}

fn is_room(name: &str) -> bool {
    FLOORS.iter().any(|rooms| rooms.contains(&name))
}

impl Source {
    fn floor(&self) -> usize {
        floor_of(&self.room)
    }
}

fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources() {
        let targets = file
            .imports
            .iter()
            .filter(|target| **target != file.room)
            .cloned();
        graph.entry(file.room.clone()).or_default().extend(targets);
    }
    graph
}

/// The folders of the library, the benches and the test programs.
fn crates() -> Vec<PathBuf> {
    let folders = ["src", "benches", "tests"].map(PathBuf::from);
    let [library, benches, tests] = folders;
    let below = [benches, tests].into_iter().flat_map(|folder| {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    let folders = below.filter(|path| path.is_dir() && !rust_files(path).is_empty());
    [library].into_iter().chain(folders).collect()
}
