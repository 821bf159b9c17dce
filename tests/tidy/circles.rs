//! Files that need each other in a circle.
//!
//! A file needs another one when it names something that is defined there: re-exports are followed to where they lead. A
//! child may speak of what its parents define, as modules are made for; any other circle is two chapters that are one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

use crate::source::rust_files;

/// The names that lead to a module from the top of its tree.
type Module = Vec<String>;

/// A whole path, or what is left of it.
type Names = Vec<String>;

static USE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);"));
static MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[^\w:])([a-z_]\w*(?:::\w+)+)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// The files of one crate: the library, a test program, a bench.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<Module, PathBuf>,
    mentions: BTreeMap<Module, Vec<Names>>,
    exports: BTreeMap<Module, BTreeMap<String, Names>>,
}

impl Tree {
    /// Reads every file below a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let texts = rust_files(folder).into_iter().map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(folder).unwrap().to_owned(), text)
        });
        Self::of(texts)
    }

    /// Files by their path below the top.
    pub(crate) fn of(texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in texts {
            let module = module(&path);
            let code = code(&text);
            let (exports, used) = uses(&code);
            let mentions = MENTION.captures_iter(&code).map(|found| names(&found[1]));
            tree.mentions
                .insert(module.clone(), used.into_iter().chain(mentions).collect());
            tree.exports.insert(module.clone(), exports);
            tree.files.insert(module, path);
        }
        tree
    }

    /// Every circle, as the files along it.
    pub(crate) fn circles(&self) -> Vec<String> {
        let needs: BTreeMap<&Module, BTreeSet<Module>> = self
            .files
            .keys()
            .map(|from| (from, self.needs(from)))
            .collect();
        let mut found = Vec::new();
        let mut done = BTreeSet::new();
        for from in self.files.keys() {
            walk(from, &needs, &mut Vec::new(), &mut done, &mut found);
        }
        let path = |module: &Module| self.files[module].display().to_string();
        let line = |circle: &Vec<Module>| circle.iter().map(path).collect::<Vec<_>>().join(" -> ");
        found.iter().map(line).collect()
    }

    fn needs(&self, from: &Module) -> BTreeSet<Module> {
        let mentions = self.mentions[from].iter();
        let found = mentions.filter_map(|path| self.definer(from, path, 0));
        found
            .filter(|to| !from.starts_with(to) && self.files.contains_key(to))
            .collect()
    }

    /// The module in which a path ends, re-exports followed.
    fn definer(&self, here: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (mut module, mut rest) = self.start(here, path)?;
        while let Some(next) = rest.first() {
            let child: Module = module.iter().chain([next]).cloned().collect();
            if self.files.contains_key(&child) {
                (module, rest) = (child, &rest[1..]);
                continue;
            }
            let export = self.exports.get(&module).and_then(|known| known.get(next));
            let through = export.filter(|_| depth < 8).and_then(|export| {
                let path: Names = export.iter().chain(&rest[1..]).cloned().collect();
                self.definer(&module, &path, depth + 1)
            });
            return Some(through.unwrap_or(module));
        }
        Some(module)
    }

    /// Where a path begins; `None` outside this tree.
    fn start<'a>(&self, here: &Module, path: &'a [String]) -> Option<(Module, &'a [String])> {
        let (first, rest) = path.split_first()?;
        let child = || here.iter().chain([first]).cloned().collect::<Module>();
        match first.as_str() {
            "crate" | "postrider" => Some((Vec::new(), rest)),
            "self" => Some((here.clone(), rest)),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let kept = here.len().checked_sub(ups)?;
                Some((here[..kept].to_vec(), &path[ups..]))
            }
            _ => self
                .files
                .contains_key(&child())
                .then(|| (here.clone(), path)),
        }
    }
}

/// Depth first; a module met again on the way closes a circle.
fn walk(
    at: &Module,
    needs: &BTreeMap<&Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
    found: &mut Vec<Vec<Module>>,
) {
    if let Some(begun) = way.iter().position(|earlier| earlier == at) {
        let mut circle = way[begun..].to_vec();
        // Told from its first file on, wherever the walk came in.
        let first = circle
            .iter()
            .min()
            .and_then(|first| circle.iter().position(|m| m == first));
        circle.rotate_left(first.unwrap_or(0));
        circle.extend(circle.first().cloned());
        found.push(circle);
        return;
    }
    if done.contains(at) {
        return;
    }
    way.push(at.clone());
    for next in &needs[at] {
        walk(next, needs, way, done, found);
    }
    way.pop();
    done.insert(at.clone());
}

fn module(path: &Path) -> Module {
    let mut names: Module = path
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if matches!(
        names.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        names.pop();
    }
    names
}

/// Without comments, and without the tests at a file's end: these may look at anything.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(end) => code[..end].to_owned(),
        None => code,
    }
}

/// What a file passes on by name, and what it uses itself.
fn uses(code: &str) -> (BTreeMap<String, Names>, Vec<Names>) {
    let (mut exports, mut used) = (BTreeMap::new(), Vec::new());
    for found in USE.captures_iter(code) {
        let public = found.get(1).is_some();
        for (path, name) in expand(&found[2]) {
            if public {
                exports.insert(name, path);
            } else {
                used.push(path);
            }
        }
    }
    (exports, used)
}

/// `a::{B as C, d::E}` is `a::B` under the name C and `a::d::E` under the name E.
fn expand(tree: &str) -> Vec<(Names, String)> {
    let Some((before, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut path = names(path);
        if path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let own = path.last().cloned().unwrap_or_default();
        let alias = alias.trim().to_owned();
        return vec![(path, if alias.is_empty() { own } else { alias })];
    };
    let inner = &inner[..inner.rfind('}').unwrap_or(inner.len())];
    let parts = split(inner)
        .into_iter()
        .filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| expand(&format!("{before}{}", part.trim())))
        .collect()
}

/// At the commas outside of braces.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut begun, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[begun..at]);
                begun = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begun..]);
    parts
}

fn names(path: &str) -> Names {
    let names = path.split("::").map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    let texts = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    assert_eq!(Tree::of(texts).circles(), expected);
}

#[test]
fn two_files_that_name_each_other_are_a_circle() {
    check(
        &[
            ("a/mod.rs", "mod b;\nmod c;\npub use c::C;"),
            ("a/b.rs", "use super::c::C;"),
            ("a/c.rs", "fn f() { super::b::g() }"),
        ],
        &["a/b.rs -> a/c.rs -> a/b.rs"],
    );
}

#[test]
fn a_circle_by_way_of_a_re_export_is_found_too() {
    check(
        &[
            (
                "a/mod.rs",
                "mod b;\nmod c;\npub(crate) use self::{\n    c::C as D,\n};",
            ),
            ("a/b.rs", "use crate::a::{self, D};"),
            ("a/c.rs", "use super::{b::B};"),
        ],
        &["a/b.rs -> a/c.rs -> a/b.rs"],
    );
}

#[test]
fn a_child_may_speak_of_its_parents_and_tests_of_anybody() {
    check(
        &[
            ("a/mod.rs", "mod b;\nstruct A;\nfn f() { b::g(A) }"),
            ("a/b.rs", "use super::A;\n// super::c::C\n"),
            (
                "a/c.rs",
                "use super::b::g;\n#[cfg(test)]\nmod tests {\nuse super::super::d::D;\n}",
            ),
            ("a/d.rs", "use super::c::C;"),
        ],
        &[],
    );
}
