//! What an all-seeing observer writes down: the story for people, and the facts for the laws.
//!
//! Owns [`Book`]. Promises: everything stands in the order in which it happened, under the true time; the engine under test
//! has no hand in it, since what counts is seen on the wires, in the mailboxes and in the store. Leaves judging to `laws`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    super::{
        dialect::{Refusal, Saying},
        tally::Envelope,
        verify::Finding,
        witness::{Taken, Witness},
    },
    clock::WorldTime,
};
use crate::mail::{Address, LetterId, Reason, Scope, Suppression};

/// Everything seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// The story, a line per happening.
    pub(super) story: Vec<String>,
    /// Every copy in a mailbox, by its queue id.
    pub(super) copies: BTreeMap<String, Copy>,
    /// Every letter named to a receiver, as it left its node.
    pub(super) attempts: Vec<Attempt>,
    /// Every refusal by a receiver, by recipient.
    pub(super) refusals: BTreeMap<String, Vec<Refusal>>,
    /// Every suppression that committed, with who said so.
    pub(super) bans: Vec<Ban>,
    /// Every connection.
    pub(super) connections: Vec<Connection>,
    /// When processes died.
    pub(super) deaths: BTreeMap<Process, Duration>,
    /// Every mail that was written back, whether it arrived or not.
    pub(super) words: Vec<Word>,
    /// Outcomes that a full disk kept from being noted.
    pub(super) unnoted: BTreeSet<(Process, LetterId)>,
}

/// A letter in a mailbox.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// The order of arrival.
    pub(super) number: usize,
    pub(super) at: Duration,
    pub(super) return_path: String,
    pub(super) recipient: String,
    pub(super) findings: Vec<(Finding, String)>,
    /// The letter as it lies there.
    pub(super) raw: Vec<u8>,
    /// The process that read the whole reply to its final dot, and when.
    pub(super) heard: Option<(Process, Duration)>,
    /// The machine of whoever heard it stopped before it was settled.
    pub(super) is_forgotten: bool,
}

/// One process of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) node: usize,
    pub(super) number: u32,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node {}.{}", self.node + 1, self.number)
    }
}

/// `MAIL FROM` and `RCPT TO` as they left a node.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) at: Duration,
    pub(super) connection: usize,
    pub(super) return_path: String,
    pub(super) recipient: String,
}

/// A mail that speaks of a letter, and who really wrote it.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) letter: LetterId,
    pub(super) reader: String,
    pub(super) says: Says,
    pub(super) author: Author,
}

/// What a mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Bounced,
    Delayed,
    Complained,
    Unsubscribed,
}

/// Who wrote a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The receiver's servers, or the reader.
    Receiver,
    /// Somebody who has seen the letter.
    Onlooker,
    /// Somebody who has not.
    Forger,
}

impl Word {
    /// Whether its author could know.
    pub(super) fn is_true(&self) -> bool {
        self.author != Author::Forger
    }
}

/// A suppression in force.
#[derive(Clone, Debug)]
pub(super) struct Ban {
    pub(super) at: Duration,
    pub(super) address: Address,
    pub(super) scope: Scope,
    pub(super) reason: Reason,
    /// Entered by the operator rather than by the engine.
    pub(super) by_operator: bool,
}

/// One connection as its receiver has it.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) process: Process,
    /// Where it leads.
    pub(super) site: String,
    /// Our address.
    pub(super) from: IpAddr,
    pub(super) opened: Duration,
    pub(super) closed: Option<Duration>,
}

/// The observer's book.
#[derive(Debug)]
pub(super) struct Book {
    time: WorldTime,
    pages: Mutex<Pages>,
}

impl Book {
    pub(super) fn new(time: WorldTime) -> Self {
        Self {
            time,
            pages: Mutex::default(),
        }
    }

    /// How old the world is.
    pub(super) fn age(&self) -> Duration {
        self.time.age()
    }

    /// Adds a line to the story.
    pub(super) fn tell(&self, line: impl std::fmt::Display) {
        let age = self.time.age();
        let stamp = format!("{:>5}.{:03}", age.as_secs(), age.subsec_millis());
        self.pages().story.push(format!("{stamp}  {line}"));
    }

    /// Notes a letter named to a receiver.
    pub(super) fn attempted(&self, connection: usize, return_path: &str, recipient: &str) {
        let attempt = Attempt {
            at: self.time.age(),
            connection,
            return_path: return_path.to_owned(),
            recipient: recipient.to_owned(),
        };
        self.pages().attempts.push(attempt);
    }

    /// Notes that a living process has read the whole reply that names this copy.
    pub(super) fn heard(&self, queue_id: &str, process: Process) {
        let age = self.time.age();
        if let Some(copy) = self.pages().copies.get_mut(queue_id) {
            copy.heard = Some((process, age));
        }
    }

    /// Notes the death of a process.
    pub(super) fn died(&self, process: Process) {
        let age = self.time.age();
        self.pages().deaths.insert(process, age);
    }

    /// Notes that a process could not note what it had heard.
    pub(super) fn unnoted(&self, process: Process, letter: LetterId) {
        self.pages().unnoted.insert((process, letter));
    }

    /// Notes that a machine has stopped: what its processes had heard may be gone, unless `is_settled`.
    pub(super) fn forget(&self, node: usize, is_settled: impl Fn(&Copy) -> bool) {
        let mut pages = self.pages();
        let heard = pages.copies.values_mut();
        for copy in heard.filter(|copy| copy.heard.is_some_and(|(by, _)| by.node == node)) {
            copy.is_forgotten |= !is_settled(copy);
        }
    }

    /// Notes a mail that is written back, and gives its number.
    pub(super) fn wrote(&self, word: Word) -> usize {
        let mut pages = self.pages();
        pages.words.push(word);
        pages.words.len() - 1
    }

    /// A mail that was written back.
    pub(super) fn word(&self, number: usize) -> Word {
        self.pages().words[number].clone()
    }

    /// Notes a suppression.
    pub(super) fn banned(&self, entry: &Suppression, by_operator: bool) {
        let ban = Ban {
            at: self.time.age(),
            address: entry.address.clone(),
            scope: entry.scope.clone(),
            reason: entry.reason,
            by_operator,
        };
        self.pages().bans.push(ban);
    }

    /// Notes a new connection and gives its number.
    pub(super) fn connected(&self, process: Process, site: &str, from: IpAddr) -> usize {
        let connection = Connection {
            process,
            site: site.to_owned(),
            from,
            opened: self.time.age(),
            closed: None,
        };
        let mut pages = self.pages();
        pages.connections.push(connection);
        pages.connections.len() - 1
    }

    /// Notes that a node has let go of a connection.
    pub(super) fn disconnected(&self, connection: usize) {
        let age = self.time.age();
        if let Some(known) = self.pages().connections.get_mut(connection) {
            known.closed = Some(age);
        }
    }

    /// The facts so far.
    pub(super) fn read(&self) -> Pages {
        self.pages().clone()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Book {
    fn took(&self, taken: &Taken<'_>) {
        let Envelope {
            return_path,
            recipient,
        } = taken.envelope;
        self.tell(format!("{recipient} has a letter as {}", taken.queue_id));
        let mut pages = self.pages();
        let copy = Copy {
            number: pages.copies.len(),
            at: self.time.age(),
            return_path: return_path.clone(),
            recipient: recipient.clone(),
            findings: taken.findings.to_vec(),
            raw: taken.raw.to_vec(),
            heard: None,
            is_forgotten: false,
        };
        pages.copies.insert(taken.queue_id.to_owned(), copy);
    }

    fn refused(&self, envelope: &Envelope, saying: &Saying) {
        let words = saying.template.lines().next().unwrap_or_default();
        self.tell(format!("{} is refused: {words}", envelope.recipient));
        let mut pages = self.pages();
        let known = pages
            .refusals
            .entry(envelope.recipient.clone())
            .or_default();
        known.push(saying.refusal);
    }
}
