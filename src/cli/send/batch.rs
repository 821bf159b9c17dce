//! Rows in batches.
//!
//! Owns [`Batch`] and its bounds. Promises: no more than a batch is held, in letters and in octets; the rows before a
//! fault of the file are given away before the fault.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio::sync::mpsc;

use super::row::{Fault, Row};
use crate::compose::lint::Looked;

/// A batch of large letters ends early.
const BATCH_OCTETS_MAX: usize = 16 << 20;

/// Some rows, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The letters that can be read.
    pub(super) letters: Vec<String>,
    /// Every line, with what is wrong where no letter could be read.
    pub(super) lines: Vec<(u64, Option<Fault>)>,
    /// Rules that letters which go break, by line.
    pub(super) flaws: BTreeMap<u64, Vec<&'static str>>,
    /// Octets of the file up to the end of the last row.
    pub(super) octets: u64,
}

pub(super) type Rows = Box<dyn Iterator<Item = Result<Row>> + Send>;

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
    /// Takes out the letters that a look refuses.
    pub(super) fn sift(mut self, look: impl Fn(&str) -> Looked) -> Self {
        let letters = std::mem::take(&mut self.letters);
        let readable = self.lines.iter_mut().filter(|(_, fault)| fault.is_none());
        for ((line, fault), letter) in readable.zip(letters) {
            let looked = look(&letter);
            if let Some(refused) = looked.refused {
                *fault = Some((refused.field, refused.why));
            } else {
                self.letters.push(letter);
                self.flaws.insert(*line, looked.rules);
            }
        }
        self.flaws.retain(|_, rules| !rules.is_empty());
        self
    }

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
