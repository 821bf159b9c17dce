//! Files read line by line.
//!
//! Owns reading in pieces. Promises: no more is held than one piece and one line. Leaves cutting lines to `http::Lines`.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

use anyhow::Result;
use bytes::Bytes;

use super::failure::{advice, advice_for};
use crate::http::{Line, Lines};

/// One read.
const PIECE_OCTETS: usize = 64 << 10;

/// A file, or standard input for `-`.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let shown = path.display();
    let next = "name a file, or `-` for standard input";
    let file = File::open(path)
        .map_err(|error| advice_for(error, format!("{shown} cannot be read"), next))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(advice(format!("{shown} is a folder"), next));
    }
    Ok(Box::new(file))
}

/// The lines of a reader.
pub(super) struct Pieces<R> {
    reader: R,
    lines: Lines,
    octets: u64,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    pub(super) fn new(reader: R, line_max: usize) -> Self {
        Self {
            reader,
            lines: Lines::new(line_max),
            octets: 0,
            ended: false,
        }
    }

    /// How much was read so far.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The next line that is not blank.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        while !self.ended {
            if let Some(line) = self.lines.cut() {
                return Ok(Some(line));
            }
            let piece = self.read()?;
            if piece.is_empty() {
                self.ended = true;
                return Ok(self.lines.finish());
            }
            self.octets += piece.len() as u64;
            self.lines.push(piece);
        }
        Ok(None)
    }

    fn read(&mut self) -> io::Result<Bytes> {
        let mut piece = vec![0; PIECE_OCTETS];
        loop {
            match self.reader.read(&mut piece) {
                Ok(read) => {
                    piece.truncate(read);
                    return Ok(piece.into());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }
}
