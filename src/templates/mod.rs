//! Reads the templates' folder.
//!
//! Owns files and folders: `templates/<name>/<locale>/{subject.txt,text.txt,html.html}` and `templates/_shared/*`.
//! Promises: every fault of every file in one report; nothing outside the folder is read, not even through a link.
//! Leaves compiling and rendering to `compose::TemplateSet`; `docs/templates.md` tells how to write one.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::compose::{TemplateFault, TemplateFile, TemplateSet};

/// `<name>/<locale>/<file>` is the deepest place.
const DEPTH_MAX: usize = 3;
/// A template is text written by people.
const FILE_OCTETS_MAX: u64 = 1 << 20;
/// Example variables beside the languages, for previews and tests.
const SAMPLE: &str = "sample.json";

/// Why the templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("reading {path}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Templates are wrong.
    #[error("{}", Lines(.0))]
    Faults(Vec<TemplateFault>),
}

struct Lines<'a>(&'a [TemplateFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Reads and compiles every template below a folder.
pub fn load(folder: &Path, default_locale: Option<&str>) -> Result<TemplateSet, LoadError> {
    let mut files = Vec::new();
    collect(folder, "", 1, &mut files)?;
    TemplateSet::build(files, default_locale).map_err(LoadError::Faults)
}

/// The example variables of a template, when it has some.
pub fn sample(folder: &Path, name: &str) -> Option<String> {
    if name.contains(['/', '\\', '.']) {
        return None;
    }
    fs::read_to_string(folder.join(name).join(SAMPLE)).ok()
}

fn collect(
    folder: &Path,
    below: &str,
    depth: usize,
    files: &mut Vec<TemplateFile>,
) -> Result<(), LoadError> {
    for name in entries(folder)? {
        let path = folder.join(&name);
        let inner = format!("{below}{name}");
        // Links are not followed: what they lead to may lie outside the folder.
        let kind = fs::symlink_metadata(&path).map_err(|source| trouble(&path, source))?;
        if kind.is_dir() && depth < DEPTH_MAX {
            collect(&path, &format!("{inner}/"), depth + 1, files)?;
        } else if kind.is_file() && is_template(&name) && depth > 1 {
            files.push(read(&path, inner, kind.len())?);
        }
    }
    Ok(())
}

/// Names in order, so that reports are the same everywhere; hidden ones and editors' copies are not ours.
fn entries(folder: &Path) -> Result<Vec<String>, LoadError> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let listed = listed.map_err(|source| trouble(folder, source))?;
    let mut names: Vec<String> = listed
        .into_iter()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
        .collect();
    names.sort();
    Ok(names)
}

fn is_template(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "txt" || extension == "html")
}

fn read(path: &Path, inner: String, octets: u64) -> Result<TemplateFile, LoadError> {
    if octets > FILE_OCTETS_MAX {
        let why = io::Error::new(io::ErrorKind::FileTooLarge, "a template has at most 1 MiB");
        return Err(trouble(path, why));
    }
    let source = fs::read_to_string(path).map_err(|source| trouble(path, source))?;
    Ok(TemplateFile {
        path: inner,
        source,
    })
}

fn trouble(path: &Path, source: io::Error) -> LoadError {
    LoadError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, source) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source).unwrap();
        }
        folder
    }

    #[test]
    fn the_examples_are_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let set = load(&folder, None).unwrap();
        let names: Vec<String> = set
            .names()
            .map(|(name, locales)| format!("{name} {}", locales.join(" ")))
            .collect();
        insta::assert_snapshot!(names.join("\n"), @r"
        new-order default en ru
        order-response default en ru
        password-reset default en ru
        weekly-digest default en ru
        ");
        assert!(set.names().all(|(name, _)| sample(&folder, name).is_some()));
    }

    #[test]
    fn faults_name_file_and_line() {
        let folder = folder_with(&[
            ("a/ru/subject.txt", "fine"),
            ("a/ru/text.txt", "fine\n{{ oops"),
            ("a/ru/.hidden.txt", "{{ not read"),
            ("a/sample.json", "{}"),
            ("README.txt", "{{ not read"),
        ]);
        let fault = load(folder.path(), None).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "templates/a/ru/text.txt line 2: syntax error: unexpected end of input, expected end of variable block"
        );
    }

    #[test]
    fn a_missing_folder_is_named() {
        let fault = load(Path::new("/nonexistent/templates"), None).unwrap_err();
        assert_eq!(fault.to_string(), "reading /nonexistent/templates");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_folder_is_not_followed() {
        let outside = folder_with(&[("secret.txt", "secret")]);
        let folder = folder_with(&[("a/ru/subject.txt", "s"), ("a/ru/html.html", "h")]);
        let link = folder.path().join("a/ru/text.txt");
        std::os::unix::fs::symlink(outside.path().join("secret.txt"), link).unwrap();
        let mut files = Vec::new();
        collect(folder.path(), "", 1, &mut files).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/ru/html.html", "a/ru/subject.txt"]);
    }
}
