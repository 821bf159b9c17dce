//! A reader that gives only so many octets until it is allowed more.
//!
//! Owns the bound on one CSV record: a quote that is never closed would make the rest of the file one cell.

use std::io::{self, Read};

/// A reader with an allowance.
pub(super) struct Allowance<R> {
    reader: R,
    left: usize,
}

impl<R> Allowance<R> {
    pub(super) const fn new(reader: R, octets: usize) -> Self {
        Self {
            reader,
            left: octets,
        }
    }

    /// Begins a new record.
    pub(super) const fn renew(&mut self, octets: usize) {
        self.left = octets;
    }
}

impl<R: Read> Read for Allowance<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "a row is larger than a letter may be; is a quote not closed?",
            ));
        }
        let end = buffer.len().min(self.left);
        let read = self.reader.read(&mut buffer[..end])?;
        self.left -= read;
        Ok(read)
    }
}
