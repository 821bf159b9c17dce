//! The crash journal: a small file per process that outlives it.
//!
//! Owns the file `<data folder>/journal/<process>.journal`: its lock, its growth and its end. Promises: what was noted is
//! in the kernel's hands before the note returns, so `kill -9` takes nothing of it along (a machine that stops may: see
//! `read`); the file is bounded; a torn note spoils none before it; a journal is read by others only when its process
//! is gone, which its lock tells. Leaves what notes mean to `engine::heir`. The octets are `entry`'s.

mod codec;
mod entry;
mod legacy;
mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use self::{entry::Entry, legacy::Inherited};
use crate::{
    mail::LetterId,
    port::{Claim, Journal, JournalError, LeaseId, Legacy, Word},
};

/// Beyond this the settled part is dropped: some ten thousand letters.
const LONG: u64 = 4 << 20;

/// Nothing is noted beyond this. Only a database that is away for very long, or a full disk, lets it come so far.
const FULL: u64 = 64 << 20;

/// File name endings: of journals, and of files that are being made.
const JOURNAL: &str = "journal";
const UNFINISHED: &str = "new";

/// The journal of this process.
pub struct FileJournal {
    folder: PathBuf,
    path: PathBuf,
    book: Mutex<Book>,
    inherited: Mutex<HashMap<String, Inherited>>,
}

/// What is written, and what of it is still needed.
struct Book {
    file: File,
    /// Where the next note goes. What lies behind it is a note that failed half-way.
    end: u64,
    /// The length at which it is worth shortening.
    long: u64,
    leases: HashSet<LeaseId>,
    /// The last note of each letter that is not settled, as it stands in the file.
    letters: HashMap<(LeaseId, LetterId), Vec<u8>>,
}

impl FileJournal {
    /// Makes the journal of this process in that folder.
    pub fn create(folder: &Path) -> Result<Self, JournalError> {
        let failed = || failed(format!("making a journal in {}", folder.display()));
        fs::create_dir_all(folder).map_err(failed())?;
        let (file, end, path) = fresh(folder, "", [].into_iter()).map_err(failed())?;
        let book = Book {
            file,
            end,
            long: LONG,
            leases: HashSet::new(),
            letters: HashMap::new(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            path,
            book: Mutex::new(book),
            inherited: Mutex::default(),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic between a note and its entry in the book leaves at worst a settled note in the file.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// One write at the known end: when it fails half-way, the next note goes over it.
    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        if self.end > FULL {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "too much waits to be settled",
            ));
        }
        self.file.write_all_at(frame, self.end)?;
        self.end += frame.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.end = 0;
        self.long = LONG;
        self.leases.clear();
        self.append(&Entry::Opened(read::boot()).frame())
    }

    fn note(&mut self, claim: Claim, frame: Vec<u8>) -> io::Result<()> {
        self.append(&frame)?;
        self.letters.insert((claim.lease, claim.id), frame);
        Ok(())
    }
}

impl Journal for FileJournal {
    fn asked(&self, lease: LeaseId) -> Result<(), JournalError> {
        let mut book = self.book();
        let noted = book.append(&Entry::Asked(lease).frame());
        noted.map_err(failed("noting a lease"))?;
        book.leases.insert(lease);
        Ok(())
    }

    fn dotted(&self, claim: Claim) -> Result<(), JournalError> {
        let frame = Entry::Dotted(claim).frame();
        let noted = self.book().note(claim, frame);
        noted.map_err(failed("noting a final dot"))
    }

    fn heard(&self, word: &Word) -> Result<(), JournalError> {
        let frame = entry::word_frame(word);
        let noted = self.book().note(word.claim, frame);
        noted.map_err(failed("noting an outcome"))
    }

    fn settled(&self, claims: &[(LeaseId, LetterId)]) {
        let mut book = self.book();
        let known = claims
            .iter()
            .filter(|claim| book.letters.contains_key(claim));
        let known: Vec<_> = known.copied().collect();
        if known.is_empty() {
            return;
        }
        for claim in &known {
            book.letters.remove(claim);
        }
        // Without this note whoever comes after us would tell the store again what it knows: no harm but noise.
        let _ = book.append(&Entry::Settled(known).frame());
    }

    fn is_long(&self) -> bool {
        let book = self.book();
        book.end > book.long
    }

    fn shorten(&self, leases: &HashSet<LeaseId>) -> Result<(), JournalError> {
        let mut book = self.book();
        // A disk that has no room now is not asked again at every settlement.
        book.long = book.end + LONG;
        let asked = leases.iter().map(|lease| Entry::Asked(*lease).frame());
        let frames = asked.chain(book.letters.values().cloned());
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let made = fresh(&self.folder, &name, frames);
        if made.is_err() && leases.is_empty() && book.letters.is_empty() {
            // Nothing in it is needed, so it can be emptied where it stands, which needs no room.
            return book.empty().map_err(failed("emptying the journal"));
        }
        let (file, end, _) = made.map_err(failed("shortening the journal"))?;
        (book.file, book.end, book.long) = (file, end, end + LONG);
        book.leases.clone_from(leases);
        Ok(())
    }

    fn inherit(&self) -> Result<Vec<Legacy>, JournalError> {
        let found = legacy::find(&self.folder).map_err(failed("looking for journals"))?;
        let mut inherited = self
            .inherited
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut legacies = Vec::new();
        for dead in found {
            legacies.push(dead.legacy.clone());
            inherited.insert(dead.legacy.name.clone(), dead);
        }
        Ok(legacies)
    }

    fn bury(&self, name: &str) -> Result<(), JournalError> {
        let mut inherited = self
            .inherited
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(dead) = inherited.get(name) else {
            return Ok(());
        };
        dead.remove()
            .map_err(failed("removing a settled journal"))?;
        inherited.remove(name);
        Ok(())
    }
}

impl Drop for FileJournal {
    /// A process that leaves nothing open leaves no journal. One that does is found by its free lock.
    fn drop(&mut self) {
        let book = self.book();
        if book.leases.is_empty() && book.letters.is_empty() {
            // Somebody who finds it reads that there is nothing in it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a journal that holds these frames, locked before anybody can find it. Without a name it gets a new one.
fn fresh(
    folder: &Path,
    name: &str,
    frames: impl Iterator<Item = Vec<u8>>,
) -> io::Result<(File, u64, PathBuf)> {
    let name = if name.is_empty() {
        format!("{}-{}", std::process::id(), uuid::Uuid::now_v7().simple())
    } else {
        name.to_owned()
    };
    let (unfinished, path) = (
        folder.join(format!("{name}.{UNFINISHED}")),
        folder.join(format!("{name}.{JOURNAL}")),
    );
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.try_lock()?;
    let mut octets = Entry::Opened(read::boot()).frame();
    octets.extend(frames.flatten());
    let made = file
        .write_all_at(&octets, 0)
        .and_then(|()| fs::rename(&unfinished, &path));
    if let Err(error) = made {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok((file, octets.len() as u64, path))
}

/// Says what was being done when the file failed.
fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> JournalError {
    |source| JournalError {
        doing: doing.into(),
        source,
    }
}
