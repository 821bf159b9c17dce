//! One row of a file: a letter, or what is wrong with it.
//!
//! Owns [`Row`] and [`Fault`]. Leaves reading to `ndjson` and `csv`, gathering to `batch`.

/// A field and what is wrong with it.
pub(super) type Fault = (String, String);

/// One row of a file.
#[derive(Debug)]
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Octets of the file up to its end.
    pub(super) octets: u64,
    /// The letter as JSON.
    pub(super) letter: Result<String, Fault>,
}

/// The library counts lines within this line.
pub(super) fn not_json(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let what = words.split(" at line ").next().unwrap_or(&words);
    format!("is not JSON: {what} at column {}", error.column())
}
