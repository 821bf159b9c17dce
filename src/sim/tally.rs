//! What the small internet saw, so that both ends can be compared.
//!
//! Owns counters per provider, findings about accepted letters, and the book of letters. Promises: memory grows by
//! some tens of bytes per letter when letters are remembered, and not at all when they are not; counting never waits
//! on the world. Read `provider` for who counts.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    chance::draw,
    dialect::{Refusal, Saying},
    temper::Cut,
    verify::Finding,
};

/// Examples kept of each finding.
const EXAMPLES_MAX: usize = 3;

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By provider, in the order of the plan.
    pub providers: Vec<ProviderTally>,
    /// Letters whose content and signatures were checked.
    pub verified: u64,
    /// What was wrong with them.
    pub findings: BTreeMap<Finding, Found>,
}

/// What one provider counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderTally {
    /// Its name in the plan.
    pub name: String,
    /// TCP connections.
    pub connections: u64,
    /// Connections that went on under TLS.
    pub tls_connections: u64,
    /// Most connections open at the same time.
    pub connections_peak: u64,
    /// `RCPT TO` commands: attempts to hand over one letter.
    pub attempts: u64,
    /// Letters taken, per recipient; those taken without a reply included.
    pub accepted: u64,
    /// Refusals by reason and wording.
    pub refused: BTreeMap<(Refusal, &'static str), u64>,
    /// Lines cut, by place.
    pub cut: BTreeMap<Cut, u64>,
    connections_open: u64,
}

/// A finding's number and some letters that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many letters.
    pub count: u64,
    /// Message-IDs of the first ones, with what was found.
    pub examples: Vec<String>,
}

/// The envelope of one letter, as it names the letter here: a return path belongs to one letter only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// `MAIL FROM`.
    pub return_path: String,
    /// `RCPT TO`.
    pub recipient: String,
}

/// What became of one letter at its provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterRecord {
    /// The provider's place in [`Tally::providers`].
    pub provider: u16,
    /// How many copies were taken.
    pub accepted: u16,
    /// How often it was tried.
    pub attempts: u16,
    /// The last reply's code; 0 when the line was cut instead.
    pub last_code: u16,
    /// What the last attempt was refused for, if it was.
    pub last_refusal: Option<Refusal>,
}

/// Every letter seen, by hashes of its names.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    by_envelope: HashMap<u64, LetterRecord>,
    copies_by_message_id: HashMap<u64, u16>,
}

impl Tally {
    /// The counters of the provider of that name.
    pub fn provider(&self, name: &str) -> Option<&ProviderTally> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Letters taken by all providers.
    pub fn accepted(&self) -> u64 {
        self.providers
            .iter()
            .map(|provider| provider.accepted)
            .sum()
    }
}

impl ProviderTally {
    /// Refusals for one reason, whatever the wording.
    pub fn refused_for(&self, refusal: Refusal) -> u64 {
        let counts = self.refused.iter();
        counts
            .filter(|((found, _), _)| *found == refusal)
            .map(|(_, count)| count)
            .sum()
    }
}

impl Letters {
    /// What became of the letter in this envelope.
    pub fn by_envelope(&self, return_path: &str, recipient: &str) -> Option<LetterRecord> {
        let key = envelope_key(return_path, recipient);
        self.by_envelope.get(&key).copied()
    }

    /// How many copies of the letter with this Message-ID (without angle brackets) were taken.
    pub fn copies(&self, message_id: &str) -> u16 {
        let key = message_key(message_id);
        self.copies_by_message_id.get(&key).copied().unwrap_or(0)
    }

    /// Distinct envelopes seen.
    pub fn len(&self) -> usize {
        self.by_envelope.len()
    }

    /// Whether no letter was seen.
    pub fn is_empty(&self) -> bool {
        self.by_envelope.is_empty()
    }
}

fn envelope_key(return_path: &str, recipient: &str) -> u64 {
    draw(0, "envelope", &[return_path, recipient])
}

fn message_key(message_id: &str) -> u64 {
    draw(0, "message", &[message_id])
}

/// The tally while it is being written.
pub(super) struct Ledger(Mutex<Open>);

struct Open {
    tally: Tally,
    letters: Option<Letters>,
}

impl Ledger {
    /// An empty ledger for providers of these names.
    pub(super) fn new(names: impl Iterator<Item = String>, remember: bool) -> Self {
        let provider = |name| ProviderTally {
            name,
            ..ProviderTally::default()
        };
        Self(Mutex::new(Open {
            tally: Tally {
                providers: names.map(provider).collect(),
                ..Tally::default()
            },
            letters: remember.then(Letters::default),
        }))
    }

    /// The counters as they stand.
    pub(super) fn tally(&self) -> Tally {
        self.open().tally.clone()
    }

    /// The letters as they stand; empty when they are not remembered.
    pub(super) fn letters(&self) -> Letters {
        self.open().letters.clone().unwrap_or_default()
    }

    /// Notes a connection.
    pub(super) fn connected(&self, provider: u16) {
        self.note(provider, |tally| {
            tally.connections += 1;
            tally.connections_open += 1;
            tally.connections_peak = tally.connections_peak.max(tally.connections_open);
        });
    }

    /// Notes the end of a connection.
    pub(super) fn disconnected(&self, provider: u16) {
        self.note(provider, |tally| tally.connections_open -= 1);
    }

    /// Notes that a connection went on under TLS.
    pub(super) fn secured(&self, provider: u16) {
        self.note(provider, |tally| tally.tls_connections += 1);
    }

    /// Notes a refusal that concerns no letter in particular.
    pub(super) fn turned_away(&self, provider: u16, saying: &Saying) {
        self.note(provider, |tally| count_refusal(tally, saying));
    }

    /// Notes an attempt to hand over a letter.
    pub(super) fn attempted(&self, provider: u16, envelope: &Envelope) {
        self.note(provider, |tally| tally.attempts += 1);
        self.remember(provider, envelope, |letter| {
            letter.attempts = letter.attempts.saturating_add(1);
            letter.last_code = 0;
            letter.last_refusal = None;
        });
    }

    /// Notes a refused letter.
    pub(super) fn refused(&self, provider: u16, envelope: &Envelope, saying: &Saying) {
        self.note(provider, |tally| count_refusal(tally, saying));
        self.remember(provider, envelope, |letter| {
            letter.last_code = saying.code();
            letter.last_refusal = Some(saying.refusal);
        });
    }

    /// Notes a letter taken; `code` is 0 when its sender was not told.
    pub(super) fn accepted(
        &self,
        provider: u16,
        envelope: &Envelope,
        message_id: Option<&str>,
        code: u16,
    ) {
        self.note(provider, |tally| tally.accepted += 1);
        self.remember(provider, envelope, |letter| {
            letter.accepted = letter.accepted.saturating_add(1);
            letter.last_code = code;
        });
        if let (Some(letters), Some(id)) = (&mut self.open().letters, message_id) {
            let copies = letters
                .copies_by_message_id
                .entry(message_key(id))
                .or_default();
            *copies = copies.saturating_add(1);
        }
    }

    /// Notes a cut line.
    pub(super) fn cut(&self, provider: u16, place: Cut) {
        self.note(provider, |tally| *tally.cut.entry(place).or_default() += 1);
    }

    /// Notes what the inspection of a letter found.
    pub(super) fn inspected(&self, message_id: Option<&str>, findings: Vec<(Finding, String)>) {
        let tally = &mut self.open().tally;
        tally.verified += 1;
        for (finding, detail) in findings {
            let found = tally.findings.entry(finding).or_default();
            found.count += 1;
            if found.examples.len() < EXAMPLES_MAX {
                let id = message_id.unwrap_or("no Message-ID");
                found.examples.push(format!("{id}: {detail}"));
            }
        }
    }

    fn note(&self, provider: u16, change: impl FnOnce(&mut ProviderTally)) {
        let mut open = self.open();
        if let Some(tally) = open.tally.providers.get_mut(usize::from(provider)) {
            change(tally);
        }
    }

    fn remember(&self, provider: u16, envelope: &Envelope, change: impl FnOnce(&mut LetterRecord)) {
        if let Some(letters) = &mut self.open().letters {
            let key = envelope_key(&envelope.return_path, &envelope.recipient);
            let letter = letters.by_envelope.entry(key).or_default();
            letter.provider = provider;
            change(letter);
        }
    }

    /// A panic of another counter cannot leave a half-written number, so a poisoned lock is still good.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count_refusal(tally: &mut ProviderTally, saying: &Saying) {
    let wording = (saying.refusal, saying.template);
    *tally.refused.entry(wording).or_default() += 1;
}
