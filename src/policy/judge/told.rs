//! What one outcome tells the governor of the route it took.
//!
//! Owns the translation. Promises: nothing is told that [`super::signal`] calls no sign, but for refusals of a letter's content,
//! which count for the warm-up of a source and never for its pace, and for greylisting that comes again at a later attempt: once it
//! says nothing of our pace (RFC 6647), twice it may mean it, as at Yandex, which has one text for both. That is told as unclear.

use super::signal;
use crate::{
    mail::{Class, Evidence, Finding, Reply, Signal, Stage},
    policy::governor::Told,
};

/// Most octets of a reply that are kept as the cause of a change.
const WORDS_MAX: usize = 160;

/// What the governor should hear of an outcome; `None` when it says nothing about the pace. `before` is how many attempts the
/// letter had had.
pub fn told(evidence: &Evidence, finding: Option<&Finding>, before: u16) -> Option<Told> {
    match evidence {
        Evidence::Accepted(_) => Some(Told::Good),
        Evidence::Refused(reply) if finding.is_some_and(|finding| finding.greylisted) => {
            (before > 0).then(|| slow_down(reply, finding, false))
        }
        Evidence::Refused(reply) => match signal::of_refusal(reply, finding) {
            Signal::Good if finding.is_some_and(|finding| finding.class == Class::BadMailbox) => {
                Some(Told::BadMailbox)
            }
            Signal::Good => Some(Told::Good),
            Signal::SlowDown => Some(slow_down(reply, finding, true)),
            Signal::Dead | Signal::Nothing => is_spam(reply, finding).then_some(Told::Spam),
        },
        _ => None,
    }
}

fn is_spam(reply: &Reply, finding: Option<&Finding>) -> bool {
    let names_a_letter = matches!(reply.stage, Stage::RcptTo | Stage::Data | Stage::FinalDot);
    let is_content = finding.is_some_and(|finding| finding.class == Class::Content);
    names_a_letter && is_content && reply.is_permanent()
}

fn slow_down(reply: &Reply, finding: Option<&Finding>, is_clear: bool) -> Told {
    let text = reply.to_string();
    let words = text.lines().next().unwrap_or_default();
    let end = words
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| *at >= WORDS_MAX);
    Told::SlowDown {
        class: finding.map_or(Class::System, |finding| finding.class),
        is_clear,
        permanent: reply.is_permanent(),
        hint: finding.and_then(|finding| finding.retry_after),
        about_connections: matches!(reply.stage, Stage::Connect | Stage::Banner | Stage::Ehlo),
        words: words[..end.unwrap_or(words.len())].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Term;

    fn check(class: Class, greylisted: bool, before: u16, expected: Option<bool>) {
        let reply = Reply::new(Stage::RcptTo, 451, "4.7.1 come back later");
        let finding = Finding {
            class,
            term: Term::Transient,
            rule: "a-rule",
            retry_after: None,
            greylisted,
        };
        let told = told(&Evidence::Refused(reply), Some(&finding), before);
        let is_clear = told.map(|told| matches!(told, Told::SlowDown { is_clear: true, .. }));
        assert_eq!(is_clear, expected, "{class:?} {greylisted} {before}");
    }

    #[test]
    fn greylisting_is_no_sign_until_it_comes_again() {
        check(Class::Rate, false, 0, Some(true));
        check(Class::Rate, true, 0, None);
        check(Class::Rate, true, 1, Some(false));
    }
}
