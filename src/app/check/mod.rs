//! Checking what stands behind the letters.
//!
//! Owns the rounds: examine, ask everything that is wanted at once, examine again. Promises: the number of rounds is the depth
//! of the look-ups, not their number; the whole ends within a limit, and what was not answered by then counts as trouble.

mod rotation;
mod subject;
mod watch;

use std::{collections::BTreeMap, future::Future, time::Duration};

use anyhow::Result;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};

pub use rotation::{KeyState, chosen, key_states, newest};
pub use subject::{domains, subject};
pub(super) use watch::watch;

use super::names;
use crate::{
    check::{Answer, Book, Door, Finding, Level, Lookup, Question, Subject, examine},
    config::Config,
    mail::Timestamp,
    net::{CacheOptions, Inquirer, Resolver, ResolverOptions},
};

/// Questions in flight at once.
const AT_ONCE: usize = 128;
/// No honest set-up is so deep.
const ROUNDS_MAX: usize = 24;
/// The whole check of one domain.
const DEADLINE: Duration = Duration::from_secs(30);
/// One question to DNS, repetitions included.
const DNS_PATIENCE: Duration = Duration::from_secs(5);
const DNS_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Whoever answers questions.
pub trait Ask {
    /// The answer; never an error, never without end.
    fn ask(&self, question: &Question) -> impl Future<Output = Answer> + Send;
}

impl Ask for Inquirer {
    async fn ask(&self, question: &Question) -> Answer {
        Self::ask(self, question).await
    }
}

/// A check and what it cost.
#[derive(Debug)]
pub struct Checked {
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
    /// Depth of the look-ups.
    pub rounds: usize,
    /// Questions asked.
    pub questions: usize,
}

impl Checked {
    /// The gravest level.
    pub fn worst(&self) -> Level {
        let levels = self.findings.iter().map(|finding| finding.rule.level);
        levels.max().unwrap_or(Level::Ok)
    }
}

/// Asks in the world of that configuration.
pub fn inquirer(config: &Config) -> Result<Inquirer> {
    let fresh = CacheOptions {
        min: Duration::ZERO,
        max: Duration::ZERO,
        negative_max: Duration::ZERO,
        entries: 1,
    };
    let options = ResolverOptions {
        timeout: DNS_TIMEOUT,
        attempts: 1,
        patience: DNS_PATIENCE,
        cache: fresh,
        ..names::dns(config)
    };
    Ok(Inquirer::new(Resolver::new(&options)?))
}

/// Checks one domain.
pub async fn check(subject: &Subject, world: &impl Ask, now: Timestamp) -> Checked {
    let until = Instant::now() + DEADLINE;
    let mut book = Book::default();
    let mut rounds = 0;
    loop {
        let findings = examine(subject, &book, now);
        let wanted = book.take_wanted();
        if wanted.is_empty() || rounds >= ROUNDS_MAX {
            let questions = book.len();
            return Checked {
                findings,
                rounds,
                questions,
            };
        }
        rounds += 1;
        let asked = wanted.into_iter().map(|question| async move {
            let left = until.saturating_duration_since(Instant::now());
            let answer = timeout(left, world.ask(&question)).await;
            let answer = answer.unwrap_or_else(|_| late(&question));
            (question, answer)
        });
        let answers: BTreeMap<Question, Answer> = stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (question, answer) in answers {
            book.learn(question, answer);
        }
    }
}

/// What a question gets that nobody answered.
fn late(question: &Question) -> Answer {
    let what = || "no answer in time".to_owned();
    match question {
        Question::Door { .. } => Answer::Door(Door::Silent(what())),
        Question::Get(_) | Question::OneClick(_) => Answer::Page(Err(what())),
        Question::Clock(_) => Answer::Clock(Err(what())),
        _ => Answer::Dns(Lookup::Trouble(what())),
    }
}
