//! The promises of the program as laws over what was seen.
//!
//! Owns the table of laws. Promises: each law is a function of the facts and names every breach in words; none looks at the
//! code that it judges. A promise that no law stands for is missing here and said so in `docs/simulation.md`.

mod copies;
mod fates;
mod late;
mod limits;
mod quality;
mod suppressed;
mod words;

use super::facts::Facts;

/// What a law found wrong, breach by breach; empty when it held.
pub(super) type Breaches = Vec<String>;

/// One law.
pub(super) struct Law {
    /// Its name, as reports say it.
    pub(super) name: &'static str,
    /// Which promise of the program it stands for.
    pub(super) promise: u8,
    pub(super) judge: fn(&Facts) -> Breaches,
}

/// Every law over one world.
pub(super) const LAWS: [Law; 14] = [
    law(
        "every letter has one fate",
        1,
        fates::every_letter_has_one_fate,
    ),
    law(
        "every letter has one terminal event",
        1,
        fates::every_letter_has_one_terminal_event,
    ),
    law(
        "delivered means in the mailbox",
        1,
        fates::delivered_means_in_the_mailbox,
    ),
    law(
        "what was heard is delivered",
        1,
        fates::what_was_heard_is_delivered,
    ),
    law(
        "a second copy only when it is unknowable",
        2,
        copies::a_second_copy_only_when_it_is_unknowable,
    ),
    law("every doubt is counted", 2, copies::every_doubt_is_counted),
    law(
        "suppressed means not sent",
        3,
        suppressed::suppressed_means_not_sent,
    ),
    law("limits hold", 4, limits::limits_hold),
    law(
        "every letter leaves correct",
        5,
        quality::every_letter_leaves_correct,
    ),
    law(
        "only proof suppresses",
        6,
        suppressed::only_proof_suppresses,
    ),
    law("what came back is read", 1, words::what_came_back_is_read),
    law("a proven word acts", 3, words::a_proven_word_acts),
    law("forgery changes nothing", 6, words::forgery_changes_nothing),
    law(
        "the same word counts once",
        6,
        words::the_same_word_counts_once,
    ),
];

const fn law(name: &'static str, promise: u8, judge: fn(&Facts) -> Breaches) -> Law {
    Law {
        name,
        promise,
        judge,
    }
}
