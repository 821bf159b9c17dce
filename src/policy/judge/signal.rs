//! What one attempt says about the route it took.
//!
//! Owns the reading of outcomes for shaping. Promises: an answer about one mailbox or one letter never slows the route
//! for the others; greylisting is no sign of trouble (DELIVERABILITY 6.5). Leaves what to do about it to shaping.

use crate::mail::{Class, Fault, Finding, Reply, Signal, Stage, Trouble, TroubleKind};

pub(super) fn of_refusal(reply: &Reply, finding: Option<&Finding>) -> Signal {
    if reply.is_closing() {
        return Signal::SlowDown;
    }
    let about_us = matches!(
        finding.map(|finding| finding.class),
        Some(Class::Block | Class::Auth | Class::Rate)
    );
    match reply.stage {
        // A 5xx greeting that does not blame us means that this host serves nobody (RFC 5321 §3.1).
        Stage::Banner if reply.is_permanent() && !about_us => return Signal::Dead,
        Stage::Connect | Stage::Banner | Stage::Ehlo | Stage::StartTls | Stage::Auth => {
            return Signal::SlowDown;
        }
        Stage::Leave => return Signal::Nothing,
        _ => {}
    }
    match finding {
        Some(finding) if !finding.greylisted => of_class(finding.class, reply),
        _ => Signal::Nothing,
    }
}

fn of_class(class: Class, reply: &Reply) -> Signal {
    // x.2.1 with a deferral is about the pace of one mailbox (RFC 3463 §3.3).
    let about_mailbox = reply.enhanced.is_some_and(|code| code.subject == 2);
    // Before `RCPT TO` no mailbox was named, so whatever sounds like one is our sender's.
    let about_sender = reply.stage == Stage::MailFrom && class.fault() == Fault::Recipient;
    match class {
        _ if about_sender => Signal::Nothing,
        Class::BadMailbox
        | Class::BadDomain
        | Class::InactiveMailbox
        | Class::MailboxFull
        | Class::TooBig => Signal::Good,
        Class::Rate if about_mailbox => Signal::Good,
        Class::Rate | Class::Block | Class::Auth => Signal::SlowDown,
        // For good: about this letter. For now: the provider wants less of us.
        Class::Content | Class::Policy | Class::Unreachable | Class::System => {
            if reply.is_permanent() {
                Signal::Nothing
            } else {
                Signal::SlowDown
            }
        }
    }
}

pub(super) fn of_trouble(trouble: &Trouble) -> Signal {
    match (trouble.stage, trouble.kind) {
        (_, TroubleKind::Tls) => Signal::Nothing,
        (Stage::Connect | Stage::Banner, _) => Signal::Dead,
        _ => Signal::SlowDown,
    }
}
