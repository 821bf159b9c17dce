//! Promises 3 and 6: suppressed means not sent, and only proof suppresses.
//!
//! Owns the laws about entries of the ledger.

use super::{Breaches, Facts, words::was_said};
use crate::{
    mail::{Letter, Reason},
    policy::{StreamKind, suppress::stops},
    sim::{
        dialect::Refusal,
        world::{
            book::{Attempt, Ban, Says},
            desk::STREAMS,
        },
    },
};

/// Once an entry has committed, no letter that it stops is named to a receiver any more.
pub(super) fn suppressed_means_not_sent(facts: &Facts) -> Breaches {
    let mut breaches = Breaches::new();
    for attempt in &facts.pages.attempts {
        let Some(letter) = facts.letter(&attempt.return_path) else {
            continue;
        };
        let mut bans = facts.pages.bans.iter();
        if let Some(ban) = bans.find(|ban| forbids(ban, letter, attempt)) {
            breaches.push(format!(
                "letter {} to {} was tried at {:?}, and the entry for {} is from {:?}",
                letter.id,
                attempt.recipient,
                attempt.at,
                ban.scope.name(),
                ban.at
            ));
        }
    }
    breaches
}

fn forbids(ban: &Ban, letter: &Letter, attempt: &Attempt) -> bool {
    let kind = STREAMS.iter().find(|(name, _)| *name == letter.stream);
    let kind = kind.map_or(StreamKind::Marketing, |(_, kind)| *kind);
    attempt.at > ban.at
        && ban.address.key() == letter.to.mailbox.address.key()
        && stops(&ban.scope, &letter.stream, kind)
}

/// An entry that no operator made stands on a receiver's word about that very mailbox, then or later, on its domain's DNS, or on
/// its reader's own.
pub(super) fn only_proof_suppresses(facts: &Facts) -> Breaches {
    let made = facts.pages.bans.iter().filter(|ban| !ban.by_operator);
    let unproven = made.filter(|ban| !is_proven(facts, ban));
    unproven
        .map(|ban| {
            format!(
                "{} is suppressed as {}, and nobody said so who could know",
                ban.address,
                ban.reason.name()
            )
        })
        .collect()
}

fn is_proven(facts: &Facts, ban: &Ban) -> bool {
    let reader = ban.address.to_string();
    let says = match ban.reason {
        Reason::Complaint => return was_said(facts, &reader, Says::Complained),
        Reason::Unsubscribe => return was_said(facts, &reader, Says::Unsubscribed),
        Reason::HardBounce | Reason::Manual => Says::Bounced,
    };
    let refusals = facts.pages.refusals.get(&reader);
    let mut refusals = refusals.into_iter().flatten();
    refusals.any(|refusal| matches!(refusal, Refusal::UnknownUser | Refusal::Disabled))
        || was_said(facts, &reader, says)
        || facts.broken_domains.contains(ban.address.domain().as_str())
}
