//! Standard output and standard error: the one way for data, the one way for talk.
//!
//! Owns both. Promises: data is written in whole lines; a reader that has gone away is [`Gone`], told apart from every
//! other trouble. Leaves words to the commands.

use std::{
    fmt::Display,
    io::{self, BufWriter, ErrorKind, Write},
};

use anyhow::{Context, Result};
use serde::Serialize;

/// The reader of our output has gone away: no fault of anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(super) struct Gone;

/// Where data goes.
pub(super) struct Out {
    writer: BufWriter<Box<dyn Write + Send>>,
    json: bool,
}

impl Out {
    pub(super) fn standard(json: bool) -> Self {
        Self {
            writer: BufWriter::new(Box::new(io::stdout())),
            json,
        }
    }

    /// Whether programs read it.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// One line, or several, for people.
    pub(super) fn line(&mut self, text: impl Display) -> Result<()> {
        told(writeln!(self.writer, "{text}"))
    }

    /// One line for programs.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value).context("writing JSON")?;
        self.line(text)
    }

    /// One thing in the form that was asked for.
    pub(super) fn thing(&mut self, value: &impl Serialize, text: impl Display) -> Result<()> {
        if self.json {
            self.json(value)
        } else {
            self.line(text)
        }
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        told(self.writer.write_all(bytes))
    }

    /// Shows what was written so far.
    pub(super) fn flush(&mut self) -> Result<()> {
        told(self.writer.flush())
    }
}

fn told(written: io::Result<()>) -> Result<()> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Gone.into(),
        _ => anyhow::Error::new(error).context("writing to standard output"),
    })
}

/// Says something to the person at the terminal. If even that is impossible, there is nobody to tell.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
