//! What is wrong with a configuration, and where.

use std::{
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use super::{check::Fault, places::Places, reference};

/// Why a configuration cannot be used. Messages have one line per fault: file, line, key, what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system does not let us read it.
    #[error("reading {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A folder, a socket, a device.
    #[error("{path} is not a file; `postrider config default > postrider.toml` writes one")]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// Far larger than anybody writes.
    #[error("{path} is larger than 1 MiB, so it is no configuration")]
    TooBig {
        /// The file.
        path: PathBuf,
    },
    /// Binary.
    #[error("{path} is not UTF-8 text, so it is no configuration")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Not TOML, an unknown key, a value of another type.
    #[error("{0}")]
    Misread(String),
    /// Values that cannot be, alone or together.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    pub(super) fn misread(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let places = Places::of(text);
        let mut message = path.display().to_string();
        let span = error.span();
        if let Some(span) = &span {
            append(
                &mut message,
                format_args!(":{}", places.line_at(span.start)),
            );
        }
        let key = span.and_then(|span| places.path_at(&span).map(str::to_owned));
        if let Some(key) = &key {
            append(&mut message, format_args!(": {key}"));
        }
        let what = error.message().trim_end().replace('\n', "; ");
        append(&mut message, format_args!(": {what}"));
        if let Some(doc) = key.as_deref().and_then(reference::doc_of) {
            append(&mut message, format_args!("\n  {doc}"));
        }
        Self::Misread(message)
    }

    pub(super) fn invalid(path: &Path, places: &Places, faults: Vec<Fault>) -> Self {
        let lines = faults.into_iter().map(|Fault { key, problem }| {
            let line = places
                .line_of(&key)
                .map_or_else(String::new, |line| format!(":{line}"));
            format!("{}{line}: {key}: {problem}", path.display())
        });
        Self::Invalid(lines.collect::<Vec<_>>().join("\n"))
    }
}

fn append(message: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = message.write_fmt(part);
}
