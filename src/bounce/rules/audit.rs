//! What makes a rulebook unfit: rules that cannot be trusted to decide what they were taught.
//!
//! Owns the four faults that `tests` refuses. A rule is *never matching* when its own examples do not meet its conditions,
//! *shadowed* when an earlier rule decides them, *ambiguous* when a rule of the same rank and another class matches them
//! too and `over` does not name it, and its `over` is *idle* when no example needs it.

use std::collections::BTreeSet;

use super::*;
use crate::{
    bounce::{reply_from_line, text},
    mail::Reply,
};

/// The examples of a rule as replies, with the provider and stage under which they were seen.
pub(super) fn lessons(rule: &Rule) -> impl Iterator<Item = (Reply, Provider)> {
    let provider = rule.providers.first().copied().unwrap_or(Provider::Other);
    let stage = rule.stages.first().copied().unwrap_or(Stage::RcptTo);
    rule.seen.iter().chain(&rule.composed).map(move |line| {
        let reply = reply_from_line(stage, line).unwrap_or_else(|| panic!("{line}: not a reply"));
        (reply, provider)
    })
}

/// Everything that is wrong with a rulebook, one line per fault.
pub(super) fn faults(book: &Rulebook) -> Vec<String> {
    book.rules().flat_map(|rule| of_rule(book, rule)).collect()
}

fn of_rule(book: &Rulebook, rule: &Rule) -> Vec<String> {
    let mut faults = Vec::new();
    let mut needed = BTreeSet::new();
    for (reply, provider) in lessons(rule) {
        let words = text::normalise(&reply);
        let asked = Asked {
            words: &words,
            code: Some(reply.code),
            stage: reply.stage,
            provider,
        };
        let names: Vec<&Rule> = book.candidates(&asked).collect();
        if !names.iter().any(|other| other.name == rule.name) {
            faults.push(format!("{} never matches: {reply}", rule.name));
        } else if names[0].name != rule.name {
            let by = &names[0].name;
            faults.push(format!("{} is shadowed by {by}: {reply}", rule.name));
        }
        let rivals = names.into_iter().filter(|other| is_rival(rule, other));
        for rival in rivals {
            if rule.over.contains(&rival.name) {
                needed.insert(rival.name.clone());
            } else {
                let (name, rival) = (&rule.name, &rival.name);
                faults.push(format!("{name} and {rival} are ambiguous: {reply}"));
            }
        }
    }
    let idle = rule.over.iter().filter(|name| !needed.contains(*name));
    faults.extend(idle.map(|name| format!("{} needs no `over` {name}", rule.name)));
    faults
}

fn is_rival(rule: &Rule, other: &Rule) -> bool {
    other.name != rule.name && other.class != rule.class && rank(other) == rank(rule)
}

/// Text of a provider, text in general, enhanced code, basic code.
fn rank(rule: &Rule) -> u8 {
    match (
        &rule.pattern,
        rule.providers.is_empty(),
        rule.enhanced.is_empty(),
    ) {
        (Some(_), false, _) => 0,
        (Some(_), true, _) => 1,
        (None, _, false) => 2,
        (None, _, true) => 3,
    }
}
