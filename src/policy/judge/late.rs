//! The same judge, later: a word that comes back after the talk with the receiver is over.
//!
//! Owns what delivery reports, complaints and unsubscribes change. Promises: only `delivered`, `in_doubt` and `queued` can
//! still change, everything else absorbs; one event each; nobody is suppressed but by a permanent fault of their own
//! address that a server reports, or by their own wish; a complaint never stops a password reset. Whether a word is proven is asked before
//! (`engine::feedback`): whoever comes here is believed.

use std::time::Duration;

use crate::mail::{
    Action, Address, Class, Complaint, Event, EventKind, LateWord, LetterId, Reason, Revision,
    Scope, State, Suppression, Term, Timestamp, Told, Witness,
};

/// The letter before the judge, once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateCase {
    /// Which letter.
    pub letter: LetterId,
    /// To whom.
    pub recipient: Address,
    /// The stream it came in: the scope of an unsubscribe.
    pub stream: String,
    /// Where it stands.
    pub state: State,
    /// Who speaks.
    pub witness: Witness,
    /// For how long a domain that takes no mail suppresses its addresses.
    pub domain_fault: Duration,
}

/// What a late word changes.
pub fn revise(case: &LateCase, word: &LateWord, now: Timestamp) -> Revision {
    match word {
        LateWord::Reported(told) => reported(case, told, now),
        LateWord::Complained(complaint) => complained(case, complaint, now),
        LateWord::Unsubscribed => unsubscribed(case, now),
    }
}

/// What an authenticated reporter's complaint changes where no letter is known: the address has complained all the same.
pub fn complaint_of(
    address: &Address,
    complaint: &Complaint,
    now: Timestamp,
) -> Option<Suppression> {
    complaint.wants_out().then(|| Suppression {
        address: address.clone(),
        scope: Scope::Marketing,
        reason: Reason::Complaint,
        evidence: complaint_words(complaint),
        letter: None,
        since: now,
        until: None,
    })
}

fn reported(case: &LateCase, told: &Told, now: Timestamp) -> Revision {
    let state = new_state(case.state, told.action);
    let kind = match state {
        Some(State::Bounced) => EventKind::Bounced,
        Some(_) => EventKind::Delivered,
        None => EventKind::Reported,
    };
    let failed = told.action == Action::Failed;
    let finding = told.finding.as_ref().filter(|_| !told.action.arrived());
    let event = Event {
        code: told.code,
        enhanced: told.enhanced,
        text: Some(words(told)),
        class: finding.map(|finding| finding.class),
        rule: finding.map(|finding| finding.rule.to_owned()),
        ..Event::bare(now, kind)
    };
    Revision {
        state,
        event,
        suppress: failed.then(|| dead_address(case, told, now)).flatten(),
    }
}

/// Where a report moves a letter, if it does. A letter that waits for another attempt was handed over before, or nobody
/// could report on it: then the report is the last word, and the attempt is spared.
const fn new_state(state: State, action: Action) -> Option<State> {
    match (state, action) {
        (State::Delivered | State::InDoubt | State::Queued, Action::Failed) => Some(State::Bounced),
        (
            State::InDoubt | State::Queued,
            Action::Delivered | Action::Relayed | Action::Expanded,
        ) => Some(State::Delivered),
        _ => None,
    }
}

/// The twin of what a live refusal suppresses: a mailbox or domain that is not there, for good.
fn dead_address(case: &LateCase, told: &Told, now: Timestamp) -> Option<Suppression> {
    let finding = told.finding.as_ref()?;
    // An onlooker could keep password resets from a reader for good: their word moves one letter and no more.
    if case.witness == Witness::Onlooker {
        return None;
    }
    let until = match finding.class {
        _ if finding.term != Term::Permanent => return None,
        Class::BadMailbox | Class::InactiveMailbox => None,
        Class::BadDomain => Some(now.plus(case.domain_fault)),
        _ => return None,
    };
    Some(Suppression {
        until,
        ..entry(
            case,
            Scope::Everything,
            Reason::HardBounce,
            words(told),
            now,
        )
    })
}

fn complained(case: &LateCase, complaint: &Complaint, now: Timestamp) -> Revision {
    let text = complaint_words(complaint);
    let wants_out = complaint.wants_out();
    let kind = if wants_out {
        EventKind::Complained
    } else {
        EventKind::Reported
    };
    let ban = |text| entry(case, Scope::Marketing, Reason::Complaint, text, now);
    Revision {
        state: None,
        suppress: wants_out.then(|| ban(text.clone())),
        event: Event {
            text: Some(text),
            ..Event::bare(now, kind)
        },
    }
}

fn unsubscribed(case: &LateCase, now: Timestamp) -> Revision {
    let scope = Scope::Stream(case.stream.clone());
    let words = "the reader unsubscribed".to_owned();
    Revision {
        state: None,
        event: Event::bare(now, EventKind::Unsubscribed),
        suppress: Some(entry(case, scope, Reason::Unsubscribe, words, now)),
    }
}

fn entry(
    case: &LateCase,
    scope: Scope,
    reason: Reason,
    evidence: String,
    now: Timestamp,
) -> Suppression {
    Suppression {
        address: case.recipient.clone(),
        scope,
        reason,
        evidence,
        letter: Some(case.letter),
        since: now,
        until: None,
    }
}

/// The words of a report, told apart from those of a live reply.
fn words(told: &Told) -> String {
    let said = told.words.trim();
    let about = match told.action {
        Action::Failed => "late report",
        Action::Delayed => "late report, still trying",
        Action::Delivered => "late report, delivered",
        Action::Relayed => "late report, relayed",
        Action::Expanded => "late report, sent on to a list",
    };
    if said.is_empty() {
        about.to_owned()
    } else {
        format!("{about}: {said}")
    }
}

fn complaint_words(complaint: &Complaint) -> String {
    let kind = match complaint.feedback_type.as_str() {
        "" => "complaint",
        kind => kind,
    };
    let reporter = complaint
        .user_agent
        .as_deref()
        .unwrap_or("unnamed reporter");
    format!("feedback report: {kind}, by {reporter}")
}

#[cfg(test)]
mod tests;
