//! What the judge would do, in words.
//!
//! Owns the letter that is made up for the question. Promises: the verdict is the judge's own; nothing here decides.

use std::time::Duration;

use super::super::words::span;
use crate::{
    mail::{
        Address, Evidence, Finding, LateWord, LetterId, Next, Revision, State, Suppression,
        Timestamp, Verdict, Witness,
    },
    policy::{Case, LateCase, StreamPolicy, judge, revise},
};

/// The judge with a letter on its first attempt.
pub(super) struct Bench {
    case: Case,
    policy: StreamPolicy,
}

/// What would become of the letter and of its recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The final state, or `None` for another try.
    pub(super) state: Option<&'static str>,
    /// How long until that other try.
    pub(super) due_in: Option<Duration>,
    /// Whether the recipient is still written to.
    pub(super) suppressed: Suppressed,
}

/// Whether and for how long an address is not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suppressed {
    No,
    ForGood,
    For(Duration),
}

/// The moment of the question; only spans are shown.
const NOW: Timestamp = Timestamp::from_seconds(0);
/// The middle of the spread, so that the same question has the same answer.
const DICE: f64 = 0.5;

impl Bench {
    pub(super) fn new(policy: StreamPolicy) -> Self {
        #[expect(clippy::expect_used, reason = "a constant that every test reads")]
        let recipient = Address::parse("recipient@example.invalid").expect("an address");
        let case = Case {
            letter: LetterId(uuid::Uuid::nil()),
            recipient,
            enqueued_at: NOW,
            send_at: None,
            valid_until: None,
            attempts: 1,
        };
        Self { case, policy }
    }

    pub(super) fn outcome(&self, evidence: &Evidence, finding: Option<&Finding>) -> Outcome {
        Outcome::of(&judge(
            &self.case,
            evidence,
            finding,
            &self.policy,
            NOW,
            DICE,
        ))
    }

    /// What a report changes of a letter that counted as delivered, where the return path proves it.
    pub(super) fn revised(&self, word: &LateWord) -> Outcome {
        let case = LateCase {
            letter: self.case.letter,
            recipient: self.case.recipient.clone(),
            stream: "marketing".to_owned(),
            state: State::Delivered,
            witness: Witness::Server,
            domain_fault: self.policy.domain_fault,
        };
        Outcome::of_late(&revise(&case, word, NOW))
    }
}

impl Suppressed {
    fn by(entry: Option<&Suppression>) -> Self {
        entry.map_or(Self::No, |entry| {
            let span = entry.until.map(|until| Self::For(until.since(NOW)));
            span.unwrap_or(Self::ForGood)
        })
    }
}

impl Outcome {
    fn of(verdict: &Verdict) -> Self {
        let (state, due_in) = match verdict.next {
            Next::Finish(state) => (Some(state.name()), None),
            Next::Retry { due } => (None, Some(due.since(NOW))),
        };
        Self {
            state,
            due_in,
            suppressed: Suppressed::by(verdict.suppress.as_ref()),
        }
    }

    fn of_late(revision: &Revision) -> Self {
        Self {
            state: revision.state.map(State::name),
            due_in: None,
            suppressed: Suppressed::by(revision.suppress.as_ref()),
        }
    }

    /// Whether the address is suppressed at all.
    pub(super) fn is_hard(&self) -> bool {
        self.suppressed != Suppressed::No
    }

    /// The same for a late word, which tries nothing again.
    pub(super) fn late_words(&self) -> String {
        match (self.state, self.suppressed) {
            (None, Suppressed::No) => "nothing changes".to_owned(),
            (None, _) => "the address is suppressed for all but transactional letters".to_owned(),
            (Some(_), _) => self.words(),
        }
    }

    pub(super) fn words(&self) -> String {
        let letter = match (self.state, self.due_in) {
            (Some(state), _) => format!("the letter is {state}"),
            (None, due_in) => format!(
                "the letter is tried again after about {}",
                span(due_in.unwrap_or_default())
            ),
        };
        let reader = match self.suppressed {
            Suppressed::No => "the address stays".to_owned(),
            Suppressed::ForGood => "the address is suppressed for good".to_owned(),
            Suppressed::For(time) => format!("the address is suppressed for {}", span(time)),
        };
        format!("{letter}; {reader}")
    }
}
