//! Promises 3 and 6: suppressed means not sent, and only proof suppresses.
//!
//! Owns the laws about entries of the ledger.

use super::{Breaches, Facts};
use crate::{
    mail::Letter,
    policy::{StreamKind, suppress::stops},
    sim::{
        dialect::Refusal,
        world::{
            book::{Attempt, Ban},
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

/// An entry that no operator made stands on a receiver's word about that very mailbox, or on its domain's DNS.
pub(super) fn only_proof_suppresses(facts: &Facts) -> Breaches {
    let made = facts.pages.bans.iter().filter(|ban| !ban.by_operator);
    let unproven = made.filter(|ban| !is_proven(facts, ban));
    unproven
        .map(|ban| {
            format!(
                "{} is suppressed, and no receiver said that it is no mailbox",
                ban.address
            )
        })
        .collect()
}

fn is_proven(facts: &Facts, ban: &Ban) -> bool {
    let refusals = facts.pages.refusals.get(&ban.address.to_string());
    let mut refusals = refusals.into_iter().flatten();
    refusals.any(|refusal| matches!(refusal, Refusal::UnknownUser | Refusal::Disabled))
        || facts.broken_domains.contains(ban.address.domain().as_str())
}
