//! A file as rows, and rows in batches.
//!
//! Owns [`Row`] and [`Batch`]. Promises: a row is a letter's text or its fault, with its line; no more than a batch is
//! held, in letters and in octets. Leaves the two forms to [`super::ndjson`] and [`super::csv`].

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Result;
use clap::ValueEnum;
use tokio::sync::mpsc;

use super::super::failure::{advice, advice_for};
use super::{constants::Constant, csv, ndjson};

/// A batch of large letters ends early.
const BATCH_OCTETS_MAX: usize = 16 << 20;

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

/// Some rows, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The letters that can be read.
    pub(super) letters: Vec<String>,
    /// Every line, with what is wrong where no letter could be read.
    pub(super) lines: Vec<(u64, Option<Fault>)>,
    /// Octets of the file up to the end of the last row.
    pub(super) octets: u64,
}

pub(super) type Rows = Box<dyn Iterator<Item = Result<Row>> + Send>;

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

/// Reads rows and gives them away in batches; ends early when nobody takes them.
pub(super) fn read(rows: Rows, batch_max: usize, give: &mpsc::Sender<Batch>) -> Result<()> {
    let mut batch = Batch::default();
    let mut held = 0;
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(fault) => {
                let _ = give.blocking_send(batch);
                return Err(fault);
            }
        };
        held += batch.push(row);
        if batch.lines.len() >= batch_max || held >= BATCH_OCTETS_MAX {
            if give.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
            held = 0;
        }
    }
    if !batch.lines.is_empty() {
        // Nobody takes it only when the command is ending.
        let _ = give.blocking_send(batch);
    }
    Ok(())
}

impl Batch {
    fn push(&mut self, row: Row) -> usize {
        self.octets = row.octets;
        match row.letter {
            Ok(letter) => {
                let octets = letter.len();
                self.letters.push(letter);
                self.lines.push((row.line, None));
                octets
            }
            Err(fault) => {
                self.lines.push((row.line, Some(fault)));
                0
            }
        }
    }
}
