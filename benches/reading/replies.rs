//! Replies: the taught ones, mixed and varied.
//!
//! Owns the input and its parts. Promises: all rules' examples are in it, in an order that repeats nothing nearby, with
//! addresses, hosts and numbers that differ from line to line, as on the wire.

use std::{collections::BTreeSet, hint::black_box};

use aho_corasick::AhoCorasick;
use anyhow::Result;
use postrider::{
    bounce::{
        self, reply_from_line,
        rules::{self, Asked, Rule},
        text,
    },
    mail::{Provider, Reply, Stage},
};

use crate::{seconds_per_pass, table::Table};

/// What issue and design ask of one core.
const GOAL_PER_SECOND: f64 = 1_000_000.0;

/// A reply and who gave it.
pub(crate) struct Heard {
    reply: Reply,
    provider: Provider,
}

/// As many replies as asked for, from all examples of all rules.
pub(crate) fn mixed(count: usize) -> Vec<Heard> {
    let taught: Vec<(&Rule, &String)> = rules::builtin()
        .rules()
        .flat_map(|rule| {
            rule.seen
                .iter()
                .chain(&rule.composed)
                .map(move |line| (rule, line))
        })
        .collect();
    // A step that shares no factor with the number of examples visits each of them once per turn.
    let mut steps = taught.len() * 5 / 8..taught.len();
    let step = steps.find(|step| coprime(*step, taught.len())).unwrap_or(1);
    (0..count)
        .filter_map(|number| {
            let (rule, line) = taught[number * step % taught.len()];
            heard(rule, &varied(line, number))
        })
        .collect()
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

fn heard(rule: &Rule, line: &str) -> Option<Heard> {
    let stage = rule.stages.first().copied().unwrap_or(Stage::RcptTo);
    Some(Heard {
        reply: reply_from_line(stage, line)?,
        provider: rule.providers.first().copied().unwrap_or(Provider::Other),
    })
}

/// Another recipient, another address of ours, another queue id.
fn varied(line: &str, number: usize) -> String {
    line.replace("nobody@", &format!("reader.{number:x}@"))
        .replace("192.0.2.", &format!("198.51.{}.", number % 251))
        .replace(
            "mta.example.com",
            &format!("mta{}.example.com", number % 977),
        )
}

/// What the input is like.
pub(crate) fn describe(replies: &[Heard], table: &mut Table) {
    let octets: usize = replies.iter().map(|heard| heard.reply.text.len()).sum();
    table.add(
        "replies: mean length",
        "octets",
        octets as f64 / replies.len() as f64,
    );
}

/// The whole reading and each of its parts.
pub(crate) fn measure(replies: &[Heard], table: &mut Table) -> Result<()> {
    let words: Vec<_> = replies
        .iter()
        .map(|heard| text::normalise(&heard.reply))
        .collect();
    let all = seconds_per_pass(|| {
        for heard in replies {
            black_box(bounce::classify(&heard.reply, heard.provider));
        }
    })?;
    let normal_form = seconds_per_pass(|| {
        for heard in replies {
            black_box(text::normalise(&heard.reply));
        }
    })?;
    let matching = seconds_per_pass(|| {
        for (heard, words) in replies.iter().zip(&words) {
            black_box(rules::builtin().decide(&asked(heard, words)));
        }
    })?;
    let automaton = yardstick()?;
    let scanned = seconds_per_pass(|| {
        for heard in replies {
            let text = heard.reply.text.as_bytes();
            black_box(automaton.find_overlapping_iter(text).count());
        }
    })?;
    let count = replies.len() as f64;
    table.add("replies: read by one core", "replies/s", count / all);
    table.goal("replies: read by one core", GOAL_PER_SECOND);
    for (name, seconds) in [
        ("  all of it, per reply", all),
        ("  normal form, per reply", normal_form),
        ("  all rules at once, per reply", matching),
        ("  yardstick: 1,000 words, per reply", scanned),
    ] {
        table.add(name, "ns", seconds / count * 1e9);
        table.share(name, "  all of it, per reply");
    }
    let ratio = all / scanned * 100.0;
    table.add("  all of it, of the yardstick", "%", ratio);
    Ok(())
}

/// What does not depend on the machine is how the figure stands to the same octets run through a bare automaton for
/// 1,000 words out of the examples, which finds words and decides nothing.
fn yardstick() -> Result<AhoCorasick> {
    let examples = rules::builtin()
        .rules()
        .flat_map(|rule| rule.seen.iter().chain(&rule.composed));
    let words: BTreeSet<&str> = examples
        .flat_map(|line| line.split_whitespace())
        .filter(|word| word.len() >= 5)
        .collect();
    Ok(AhoCorasick::new(words.into_iter().take(1_000))?)
}

fn asked<'a>(heard: &Heard, words: &'a text::Words) -> Asked<'a> {
    Asked {
        words,
        code: Some(heard.reply.code),
        stage: heard.reply.stage,
        provider: heard.provider,
    }
}
