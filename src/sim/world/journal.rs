//! The crash journal on the disks of simulated machines.
//!
//! Owns [`Disk`], which outlives processes, and [`MemJournal`], a process's own notes on it. Promises: as `journal/` has it,
//! what was noted outlives the process, and others read it once the process is gone; when the machine stops, the last notes
//! may be missing and the journal says so. Leaves what notes mean to `engine::heir`.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    book::{Book, Process},
    chance::Chance,
    life::Life,
};
use crate::{
    mail::LetterId,
    port::{Claim, Journal, JournalError, LeaseId, Legacy, Word},
};

/// Notes after which a journal counts as long: few, so that shortening is part of every story.
const LONG: usize = 60;

/// One note.
#[derive(Clone, Debug)]
enum Note {
    Asked(LeaseId),
    Dotted(Claim),
    Heard(Box<Word>),
    Settled(Vec<(LeaseId, LetterId)>),
}

/// The journal of one process.
#[derive(Clone, Debug)]
struct File {
    notes: Vec<Note>,
    is_whole: bool,
    /// Who writes it, or settles what it says.
    holder: Option<Process>,
}

/// A machine's disk.
#[derive(Debug, Default)]
pub(super) struct Disk(Mutex<BTreeMap<Process, File>>);

impl Disk {
    fn files(&self) -> MutexGuard<'_, BTreeMap<Process, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process has ended: whatever it held is free.
    pub(super) fn leave(&self, process: Process) {
        let mut files = self.files();
        for file in files.values_mut() {
            if file.holder == Some(process) {
                file.holder = None;
            }
        }
        // One that leaves nothing open leaves no journal.
        files.retain(|name, file| *name != process || !is_empty(&file.notes));
    }

    /// The machine has stopped: the last `lost` notes of each journal never reached the disk.
    pub(super) fn stop(&self, lost: usize) {
        for file in self.files().values_mut() {
            file.is_whole = false;
            let kept = file.notes.len().saturating_sub(lost);
            file.notes.truncate(kept);
        }
    }
}

/// A process's own journal.
pub(super) struct MemJournal {
    pub(super) disk: Arc<Disk>,
    pub(super) process: Process,
    pub(super) life: Arc<Life>,
    pub(super) chance: Chance,
    /// Share of notes that fail while the weather lasts.
    pub(super) troubled: f64,
    pub(super) is_healed: Arc<AtomicBool>,
    pub(super) book: Arc<Book>,
}

impl MemJournal {
    /// Begins its file.
    pub(super) fn open(&self) {
        let file = File {
            notes: Vec::new(),
            is_whole: true,
            holder: Some(self.process),
        };
        self.disk.files().insert(self.process, file);
    }

    fn note(&self, doing: &str, note: Note) -> Result<(), JournalError> {
        let fails = self.chance.falls(self.troubled) && !self.is_healed.load(Ordering::Relaxed);
        if !self.life.step() || fails {
            return Err(full(doing));
        }
        if let Some(file) = self.disk.files().get_mut(&self.process) {
            file.notes.push(note);
        }
        Ok(())
    }
}

fn full(doing: &str) -> JournalError {
    JournalError {
        doing: doing.to_owned(),
        source: io::ErrorKind::StorageFull.into(),
    }
}

impl Journal for MemJournal {
    fn asked(&self, lease: LeaseId) -> Result<(), JournalError> {
        self.note("noting a lease", Note::Asked(lease))
    }

    fn dotted(&self, claim: Claim) -> Result<(), JournalError> {
        self.note("noting a final dot", Note::Dotted(claim))
    }

    fn heard(&self, word: &Word) -> Result<(), JournalError> {
        let noted = self.note("noting an outcome", Note::Heard(Box::new(word.clone())));
        noted.inspect_err(|_| self.book.unnoted(self.process, word.claim.id))
    }

    fn settled(&self, claims: &[(LeaseId, LetterId)]) {
        // As in the file: without this note the next process says again what is known.
        let _ = self.note("noting a settlement", Note::Settled(claims.to_vec()));
    }

    fn is_long(&self) -> bool {
        let files = self.disk.files();
        files
            .get(&self.process)
            .is_some_and(|file| file.notes.len() > LONG)
    }

    fn shorten(&self, leases: &HashSet<LeaseId>) -> Result<(), JournalError> {
        if !self.life.step() {
            return Err(full("shortening the journal"));
        }
        let mut files = self.disk.files();
        let Some(file) = files.get_mut(&self.process) else {
            return Ok(());
        };
        let leases: BTreeSet<LeaseId> = leases.iter().copied().collect();
        let (dotted, words) = open_letters(&file.notes);
        file.notes = leases.into_iter().map(Note::Asked).collect();
        file.notes.extend(dotted.into_iter().map(Note::Dotted));
        file.notes
            .extend(words.into_iter().map(|word| Note::Heard(Box::new(word))));
        Ok(())
    }

    fn inherit(&self) -> Result<Vec<Legacy>, JournalError> {
        if !self.life.step() {
            return Err(full("looking for journals"));
        }
        let mut files = self.disk.files();
        let free = files.iter_mut().filter(|(_, file)| file.holder.is_none());
        Ok(free
            .map(|(name, file)| {
                file.holder = Some(self.process);
                legacy(*name, file)
            })
            .collect())
    }

    fn bury(&self, name: &str) -> Result<(), JournalError> {
        if !self.life.step() {
            return Err(full("removing a settled journal"));
        }
        self.disk
            .files()
            .retain(|known, _| known.to_string() != name);
        Ok(())
    }
}

fn legacy(name: Process, file: &File) -> Legacy {
    let (dotted, words) = open_letters(&file.notes);
    let leases = file.notes.iter().filter_map(|note| match note {
        Note::Asked(lease) => Some(*lease),
        _ => None,
    });
    Legacy {
        name: name.to_string(),
        is_whole: file.is_whole,
        leases: leases.collect(),
        dotted,
        words,
    }
}

fn is_empty(notes: &[Note]) -> bool {
    let (dotted, words) = open_letters(notes);
    let asked = notes.iter().any(|note| matches!(note, Note::Asked(_)));
    !asked && dotted.is_empty() && words.is_empty()
}

/// What is known of letters that are not settled.
fn open_letters(notes: &[Note]) -> (Vec<Claim>, Vec<Word>) {
    let mut known: BTreeMap<(LeaseId, LetterId), &Note> = BTreeMap::new();
    for note in notes {
        match note {
            Note::Asked(_) => {}
            Note::Dotted(claim) => {
                known.insert((claim.lease, claim.id), note);
            }
            Note::Heard(word) => {
                known.insert((word.claim.lease, word.claim.id), note);
            }
            Note::Settled(claims) => known.retain(|key, _| !claims.contains(key)),
        }
    }
    let (mut dotted, mut words) = (Vec::new(), Vec::new());
    for note in known.into_values() {
        match note {
            Note::Dotted(claim) => dotted.push(*claim),
            Note::Heard(word) => words.push((**word).clone()),
            Note::Asked(_) | Note::Settled(_) => {}
        }
    }
    (dotted, words)
}
