//! Promises 3 and 6 about late words: only proven ones act, each once, and those do act.
//!
//! Owns the laws about what comes back. Who really wrote a mail is in the book; what came of it is in the store.

use super::{Breaches, Facts, fates::named, late::is_late};
use crate::{
    mail::{Event, EventKind, Scope, State},
    sim::world::{
        book::{Author, Says, Word},
        post::word_of,
        store::{Mail, Row},
    },
};

/// What words of a letter's history are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    Report,
    Complaint,
    Unsubscribe,
}

const MATTERS: [Matter; 3] = [Matter::Report, Matter::Complaint, Matter::Unsubscribe];

/// No line of a letter's history comes from a word that nobody spoke who could know.
pub(super) fn forgery_changes_nothing(facts: &Facts) -> Breaches {
    each(facts, |row, matter, spoken| {
        let acted = acted(row, matter);
        (acted > 0 && spoken == 0).then(|| {
            format!("{acted} times a {matter:?} acted, and nobody spoke one who could know")
        })
    })
}

/// The same word acts once, however often it comes.
pub(super) fn the_same_word_counts_once(facts: &Facts) -> Breaches {
    each(facts, |row, matter, spoken| {
        let acted = acted(row, matter);
        (spoken > 0 && acted > spoken)
            .then(|| format!("{acted} times a {matter:?} acted, and {spoken} were spoken"))
    })
}

fn each(facts: &Facts, why: impl Fn(&Row, Matter, usize) -> Option<String>) -> Breaches {
    let mut breaches = Breaches::new();
    for (id, row) in &facts.letters {
        for matter in MATTERS {
            let spoken = facts.pages.words.iter().filter(|word| {
                word.letter == *id && word.is_true() && matter_of(word.says) == matter
            });
            let breach = why(row, matter, spoken.count());
            breaches.extend(breach.map(|breach| format!("{}: {breach}", named(*id, row))));
        }
    }
    breaches
}

/// A proven word that our door answered for does what it has to.
pub(super) fn a_proven_word_acts(facts: &Facts) -> Breaches {
    let proven = kept(facts).filter(|(word, _)| word.is_true());
    let idle = proven.filter_map(|(word, _)| {
        let row = facts.letters.get(&word.letter)?;
        let why = why_idle(facts, word, row)?;
        Some(format!("{}: {why}", named(word.letter, row)))
    });
    idle.collect()
}

fn why_idle(facts: &Facts, word: &Word, row: &Row) -> Option<String> {
    let stops = |scope: Scope| {
        let key = (row.letter.to.mailbox.address.key(), scope);
        facts.suppressions.contains(&key)
    };
    let lacks = |scope: Scope, what: &str| {
        let name = scope.name();
        (!stops(scope)).then(|| format!("{what}, and nothing stands against {name}"))
    };
    match word.says {
        Says::Bounced if matches!(row.state, Some(State::Delivered | State::InDoubt)) => {
            Some("it bounced late, and its state does not say so".to_owned())
        }
        Says::Bounced if word.author == Author::Receiver => {
            lacks(Scope::Everything, "its receiver has no such mailbox")
        }
        Says::Bounced | Says::Delayed => None,
        Says::Complained => lacks(Scope::Marketing, "its reader complained"),
        Says::Unsubscribed => lacks(
            Scope::Stream(row.letter.stream.clone()),
            "its reader unsubscribed",
        ),
    }
}

/// After healing no mail that was kept waits to be read.
pub(super) fn what_came_back_is_read(facts: &Facts) -> Breaches {
    let unread = kept(facts).filter(|(_, mail)| mail.understood.is_none());
    unread
        .map(|(word, _)| format!("{word}: nobody has read it"))
        .collect()
}

/// Mails that our door answered for, with the word that each brings.
fn kept(facts: &Facts) -> impl Iterator<Item = (&Word, &Mail)> {
    facts.inbound.values().filter_map(|mail| {
        let word = facts.pages.words.get(word_of(&mail.incoming.raw)?)?;
        Some((word, mail))
    })
}

/// Whether somebody who could know said this about any letter to that reader.
pub(super) fn was_said(facts: &Facts, reader: &str, says: Says) -> bool {
    let mut words = facts.pages.words.iter();
    words.any(|word| word.reader == reader && word.says == says && word.author == Author::Receiver)
}

fn acted(row: &Row, matter: Matter) -> usize {
    let late = row.events.iter().filter_map(late_matter);
    late.filter(|late| *late == matter).count()
}

fn matter_of(says: Says) -> Matter {
    match says {
        Says::Bounced | Says::Delayed => Matter::Report,
        Says::Complained => Matter::Complaint,
        Says::Unsubscribed => Matter::Unsubscribe,
    }
}

/// Which late word a line of history comes from, if from any. A feedback report that asks for nothing is a report too.
fn late_matter(event: &Event) -> Option<Matter> {
    match event.kind {
        EventKind::Complained => Some(Matter::Complaint),
        EventKind::Unsubscribed => Some(Matter::Unsubscribe),
        EventKind::Reported => Some(Matter::Report),
        _ if is_late(event) => Some(Matter::Report),
        _ => None,
    }
}
