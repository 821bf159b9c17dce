//! The one judge: evidence about a letter becomes its verdict.
//!
//! Owns the decision, all of it: state, next attempt, history line, suppression, signal to shaping. Promises: final is
//! final; exactly one event, which fits the state; a 4xx suppresses nobody, nor does any fault but the recipient's own;
//! the same arguments give the same verdict. Leaves reading replies to `bounce` and the schedule to [`super::retry`].
//! The whole table of decisions is `judge/tests/snapshots/…table.snap`.

pub mod late;
mod signal;
mod told;

use crate::mail::{
    Address, Class, Event, EventKind, Evidence, Finding, InDoubt, LetterId, Next, Reason, Reply,
    Scope, Signal, Stage, State, Suppression, Term, Timestamp, Trouble, Unheard, Unroutable,
    Unsendable, Verdict,
};

use super::{
    StreamPolicy,
    retry::{Deferral, next_due},
};
pub use told::told;

/// The letter before the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which letter.
    pub letter: LetterId,
    /// To whom.
    pub recipient: Address,
    /// When it was enqueued.
    pub enqueued_at: Timestamp,
    /// The moment before which it was not to leave; its age counts from there when that is later.
    pub send_at: Option<Timestamp>,
    /// Not worth sending after this.
    pub valid_until: Option<Timestamp>,
    /// Attempts made, this one included.
    pub attempts: u16,
}

impl Case {
    /// The moment from which the letter's age counts.
    pub fn since(&self) -> Timestamp {
        self.send_at
            .map_or(self.enqueued_at, |send_at| send_at.max(self.enqueued_at))
    }
}

/// What becomes of a letter. `finding` is what `bounce` read in the evidence; `dice` is in 0..1.
pub fn judge(
    case: &Case,
    evidence: &Evidence,
    finding: Option<&Finding>,
    policy: &StreamPolicy,
    now: Timestamp,
    dice: f64,
) -> Verdict {
    let bench = Bench {
        case,
        finding,
        policy,
        now,
        dice,
    };
    match evidence {
        Evidence::Accepted(reply) => bench.delivered(reply),
        Evidence::Refused(reply) => bench.refused(reply),
        Evidence::Broken(trouble) => {
            bench.again(bench.of_trouble(trouble), signal::of_trouble(trouble))
        }
        Evidence::LostReply(trouble) => bench.lost_reply(trouble),
        Evidence::Unheard(unheard) => bench.unheard(*unheard),
        Evidence::Unroutable(unroutable) => bench.unroutable(unroutable),
        Evidence::Unsendable(fault) => bench.unattempted(State::Failed, fault.to_string()),
        Evidence::Suppressed(reason) => {
            bench.unattempted(State::Suppressed, reason.name().to_owned())
        }
        Evidence::Cancelled => bench.unattempted(State::Cancelled, "withdrawn".to_owned()),
        Evidence::Stale { valid_until } => bench.unattempted(
            State::Expired,
            format!("not worth sending after {valid_until}"),
        ),
    }
}

/// What becomes of a row that is no letter: it has no stream and no recipient to look at, so it can only fail.
pub fn unreadable(fault: &Unsendable, now: Timestamp) -> Verdict {
    Verdict {
        next: Next::Finish(State::Failed),
        event: Event {
            text: Some(fault.to_string()),
            ..Event::bare(now, EventKind::Failed)
        },
        suppress: None,
        signal: Signal::Nothing,
        keeps_source: false,
    }
}

/// Whether a refusal is this receiver's last word about this letter.
///
/// Before `MAIL FROM` no letter has been named, and 421 only closes the connection (RFC 5321 §3.8): both are about the
/// host or about us, and another host or hour may answer otherwise. A 5xx to `MAIL FROM` names our sender and no
/// recipient: where we are blocked or not authenticated, people can mend that within the letter's life, and RFC 5321
/// §4.2.1 foresees a new try after that. A 5xx from `RCPT TO` on is final, whatever the class: receivers count senders
/// who repeat a refused letter (Microsoft's policies, DELIVERABILITY 6.5).
pub fn is_final(reply: &Reply, finding: Option<&Finding>) -> bool {
    let permanent = finding.is_none_or(|finding| finding.term == Term::Permanent);
    let class = finding.map(|finding| finding.class);
    if !reply.is_permanent() || !permanent {
        return false;
    }
    match reply.stage {
        Stage::RcptTo | Stage::Data | Stage::FinalDot => true,
        Stage::MailFrom => !matches!(class, Some(Class::Block | Class::Auth | Class::Rate)),
        Stage::Connect
        | Stage::Banner
        | Stage::Ehlo
        | Stage::StartTls
        | Stage::Auth
        | Stage::Leave => false,
    }
}

/// Everything the judge looks at besides the evidence.
struct Bench<'a> {
    case: &'a Case,
    finding: Option<&'a Finding>,
    policy: &'a StreamPolicy,
    now: Timestamp,
    dice: f64,
}

impl Bench<'_> {
    fn delivered(&self, reply: &Reply) -> Verdict {
        // A class on a success would count it among the refusals.
        let event = Event {
            class: None,
            rule: None,
            ..self.of_reply(reply)
        };
        finish(State::Delivered, event, None, Signal::Good)
    }

    fn refused(&self, reply: &Reply) -> Verdict {
        let signal = signal::of_refusal(reply, self.finding);
        let event = self.of_reply(reply);
        if is_final(reply, self.finding) {
            let suppress = self.suppression(reply);
            finish(State::Bounced, event, suppress, signal)
        } else {
            self.again(event, signal)
        }
    }

    fn lost_reply(&self, trouble: &Trouble) -> Verdict {
        let event = self.of_trouble(trouble);
        self.in_doubt(event, &trouble.to_string(), signal::of_trouble(trouble))
    }

    /// Our own death says nothing about the route.
    fn unheard(&self, unheard: Unheard) -> Verdict {
        let stage = match unheard {
            Unheard::ProcessDied => Some(Stage::FinalDot),
            Unheard::NodeSilent => None,
        };
        let event = self.event(stage, String::new());
        self.in_doubt(event, &unheard.to_string(), Signal::Nothing)
    }

    fn in_doubt(&self, event: Event, why: &str, signal: Signal) -> Verdict {
        let event = Event {
            kind: EventKind::InDoubt,
            text: Some(format!("nobody knows whether it arrived: {why}")),
            ..event
        };
        let wanted = self.policy.in_doubt == InDoubt::Retry
            && self.case.attempts < self.policy.in_doubt_attempts_max;
        match self.due() {
            Ok(due) if wanted => retry(due, event, signal),
            // Where it is too late for another copy, "expired" would claim that none arrived.
            _ => finish(State::InDoubt, event, None, signal),
        }
    }

    fn unroutable(&self, unroutable: &Unroutable) -> Verdict {
        let event = self.event(None, unroutable.to_string());
        let why = match unroutable {
            Unroutable::DnsTrouble(_) => return self.again(event, Signal::Nothing),
            Unroutable::NoSuchDomain | Unroutable::NoMailHost | Unroutable::NullMx => {
                unroutable.to_string()
            }
        };
        let until = Some(self.now.plus(self.policy.domain_fault));
        finish(
            State::Bounced,
            event,
            Some(self.entry(why, until)),
            Signal::Nothing,
        )
    }

    /// What was found before any attempt was made.
    fn unattempted(&self, state: State, why: String) -> Verdict {
        let event = Event {
            attempt: None,
            ..self.event(None, why)
        };
        finish(state, event, None, Signal::Nothing)
    }

    /// Another attempt, or the end of the letter's time.
    fn again(&self, event: Event, signal: Signal) -> Verdict {
        match self.due() {
            Ok(due) => Verdict {
                keeps_source: self.finding.is_some_and(|finding| finding.greylisted),
                ..retry(due, event, signal)
            },
            Err(why) => {
                let last = event.text.as_deref().unwrap_or_default();
                let text = Some(format!("{why}; the last word was: {last}"));
                finish(State::Expired, Event { text, ..event }, None, signal)
            }
        }
    }

    /// When the next attempt is due, or why there is none.
    fn due(&self) -> Result<Timestamp, String> {
        let deferral = Deferral {
            attempts: self.case.attempts,
            age: self.now.since(self.case.since()),
            hint: self.finding.and_then(|finding| finding.retry_after),
            greylisted: self.finding.is_some_and(|finding| finding.greylisted),
        };
        let due = next_due(&self.policy.retry, &deferral, self.now, self.dice)
            .ok_or_else(|| format!("too old after attempt {}", self.case.attempts))?;
        match self.case.valid_until {
            Some(until) if due > until => Err(format!("not worth sending after {until}")),
            _ => Ok(due),
        }
    }

    /// Only a proven fault of the recipient's address suppresses it; a full mailbox is emptied one day.
    fn suppression(&self, reply: &Reply) -> Option<Suppression> {
        let about_recipient = matches!(reply.stage, Stage::RcptTo | Stage::Data | Stage::FinalDot);
        let until = match self.finding?.class {
            Class::BadMailbox | Class::InactiveMailbox => None,
            Class::BadDomain => Some(self.now.plus(self.policy.domain_fault)),
            _ => return None,
        };
        about_recipient.then(|| self.entry(reply.to_string(), until))
    }

    fn entry(&self, evidence: String, until: Option<Timestamp>) -> Suppression {
        Suppression {
            address: self.case.recipient.clone(),
            scope: Scope::Everything,
            reason: Reason::HardBounce,
            evidence,
            letter: Some(self.case.letter),
            since: self.now,
            until,
        }
    }

    fn of_reply(&self, reply: &Reply) -> Event {
        Event {
            code: Some(reply.code),
            enhanced: reply.enhanced,
            ..self.event(Some(reply.stage), reply.text.clone())
        }
    }

    fn of_trouble(&self, trouble: &Trouble) -> Event {
        self.event(Some(trouble.stage), trouble.to_string())
    }

    fn event(&self, stage: Option<Stage>, text: String) -> Event {
        Event {
            attempt: Some(self.case.attempts),
            stage,
            text: Some(text).filter(|text| !text.is_empty()),
            class: self.finding.map(|finding| finding.class),
            rule: self.finding.map(|finding| finding.rule.to_owned()),
            ..Event::bare(self.now, EventKind::Deferred)
        }
    }
}

fn retry(due: Timestamp, event: Event, signal: Signal) -> Verdict {
    Verdict {
        next: Next::Retry { due },
        event: Event {
            due: Some(due),
            ..event
        },
        suppress: None,
        signal,
        keeps_source: false,
    }
}

fn finish(state: State, event: Event, suppress: Option<Suppression>, signal: Signal) -> Verdict {
    debug_assert!(state.is_final());
    Verdict {
        next: Next::Finish(state),
        event: Event {
            kind: terminal_event(state),
            ..event
        },
        suppress,
        signal,
        keeps_source: false,
    }
}

/// The history line that ends a letter in that state.
const fn terminal_event(state: State) -> EventKind {
    match state {
        State::Delivered => EventKind::Delivered,
        State::Bounced => EventKind::Bounced,
        State::Expired => EventKind::Expired,
        State::Suppressed => EventKind::Suppressed,
        State::Cancelled => EventKind::Cancelled,
        State::Failed => EventKind::Failed,
        State::InDoubt => EventKind::InDoubt,
        State::Queued | State::Leased => EventKind::Deferred,
    }
}

#[cfg(test)]
mod tests;
