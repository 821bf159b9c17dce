//! The file of letters.
//!
//! Owns opening it and telling its form. Leaves the two forms to `ndjson` and `csv`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Result;
use clap::ValueEnum;

use super::super::failure::{advice, advice_for};
use super::{batch::Rows, constants::Constant, csv, ndjson};

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object per line.
    Ndjson,
    /// Rows of cells under a head row.
    Csv,
}

/// An open file.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    format: Format,
    octets: Option<u64>,
}

impl Source {
    pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self {
                reader: Box::new(io::stdin()),
                format: format.unwrap_or(Format::Ndjson),
                octets: None,
            });
        }
        let format = match format {
            Some(format) => format,
            None => by_name(path)?,
        };
        let file = open(path)?;
        let about = file.metadata().ok().filter(std::fs::Metadata::is_file);
        Ok(Self {
            reader: Box::new(file),
            format,
            octets: about.map(|about| about.len()),
        })
    }

    /// How long the file is, where that can be known.
    pub(super) const fn octets(&self) -> Option<u64> {
        self.octets
    }

    pub(super) fn rows(self, constants: Vec<Constant>, letter_max: usize) -> Result<Rows> {
        Ok(match self.format {
            Format::Ndjson => Box::new(ndjson::rows(self.reader, constants, letter_max)),
            Format::Csv => Box::new(csv::rows(self.reader, constants, letter_max)?),
        })
    }
}

fn open(path: &Path) -> Result<File> {
    let shown = path.display();
    let next = "name a file of letters, or `-` for standard input";
    let file = File::open(path)
        .map_err(|error| advice_for(error, format!("{shown} cannot be read"), next))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(advice(format!("{shown} is a folder"), next));
    }
    Ok(file)
}

fn by_name(path: &Path) -> Result<Format> {
    let end = path.extension().and_then(|end| end.to_str());
    match end.map(str::to_ascii_lowercase).as_deref() {
        Some("ndjson" | "jsonl" | "json") => Ok(Format::Ndjson),
        Some("csv" | "tsv") => Ok(Format::Csv),
        _ => Err(advice(
            format!("the name of {} does not tell its form", path.display()),
            "say it with --format ndjson or --format csv",
        )),
    }
}
