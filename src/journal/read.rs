//! What a journal says in the end.
//!
//! Owns the reading of all notes into one [`Legacy`]. Promises: reading stops at the first octets that are no note, which
//! in a file of this machine's present life can only be a note that was never finished: its writer had not gone on.
//!
//! **Only the death of a process is survived whole.** Notes are not forced to the disk. After the machine itself stopped,
//! the last of them may be missing, so a missing note proves nothing: such a journal tells what it knows, and
//! [`Legacy::is_whole`] is false. The kernel's boot id tells the two apart.

use std::{collections::HashMap, fs};

use super::entry::Entry;
use crate::{
    mail::LetterId,
    port::{Claim, LeaseId, Legacy, Word},
};

/// Names this life of the machine; empty where the system does not tell, and then no journal counts as whole.
pub(super) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// What is known of one letter under one claim.
enum Known {
    Dotted(Claim),
    Heard(Box<Word>),
}

/// Reads a whole journal; `boot` is the machine's present life.
pub(super) fn legacy(name: String, mut octets: &[u8], boot: &str) -> Legacy {
    let mut legacy = Legacy {
        name,
        ..Legacy::default()
    };
    let mut letters: HashMap<(LeaseId, LetterId), Known> = HashMap::new();
    let mut order = Vec::new();
    while let Some((entry, rest)) = Entry::read(octets) {
        octets = rest;
        match entry {
            Entry::Opened(then) => legacy.is_whole = !then.is_empty() && then == boot,
            Entry::Asked(lease) => legacy.leases.push(lease),
            Entry::Dotted(claim) => {
                order.push((claim.lease, claim.id));
                letters.insert((claim.lease, claim.id), Known::Dotted(claim));
            }
            Entry::Heard(word) => {
                let key = (word.claim.lease, word.claim.id);
                order.push(key);
                letters.insert(key, Known::Heard(word));
            }
            Entry::Settled(claims) => {
                for claim in claims {
                    letters.remove(&claim);
                }
            }
        }
    }
    for key in order {
        match letters.remove(&key) {
            Some(Known::Dotted(claim)) => legacy.dotted.push(claim),
            Some(Known::Heard(word)) => legacy.words.push(*word),
            None => {}
        }
    }
    legacy
}
