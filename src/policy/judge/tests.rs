use std::{fmt::Write as _, time::Duration};

use uuid::Uuid;

use super::*;
use crate::{mail::TroubleKind, policy::StreamKind};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

const STAGES: [Stage; 10] = [
    Stage::Connect,
    Stage::Banner,
    Stage::Ehlo,
    Stage::StartTls,
    Stage::Auth,
    Stage::MailFrom,
    Stage::RcptTo,
    Stage::Data,
    Stage::FinalDot,
    Stage::Leave,
];

fn case(age: Duration, valid_for: Option<Duration>) -> Case {
    let age = i64::try_from(age.as_micros()).expect("a sane age");
    Case {
        letter: LetterId(Uuid::nil()),
        recipient: Address::parse("anna@example.com").expect("an address"),
        enqueued_at: Timestamp::from_micros(NOW.micros() - age),
        send_at: None,
        valid_until: valid_for.map(|span| NOW.plus(span)),
        attempts: 1,
    }
}

fn young() -> Case {
    case(Duration::from_mins(1), None)
}

fn marketing() -> StreamPolicy {
    StreamPolicy::standard("digest", StreamKind::Marketing)
}

fn finding(class: Class, term: Term) -> Finding {
    Finding {
        class,
        term,
        rule: "a-rule",
        retry_after: None,
        greylisted: false,
    }
}

/// What the judge says about a refusal of that class, in a few words.
fn check(stage: Stage, line: &str, class: Class, expected: &str) {
    let (code, text) = line.split_once(' ').expect("a code and a text");
    let reply = Reply::new(stage, code.parse().expect("a code"), text);
    let term = if reply.is_permanent() {
        Term::Permanent
    } else {
        Term::Transient
    };
    let found = finding(class, term);
    let evidence = Evidence::Refused(reply);
    let verdict = judge(&young(), &evidence, Some(&found), &marketing(), NOW, 0.5);
    assert_eq!(told(&verdict), expected, "{line}");
}

fn told(verdict: &Verdict) -> String {
    let mut words = match verdict.next {
        Next::Finish(state) => state.name().to_owned(),
        Next::Retry { due } => format!("retry in {}s", due.since(NOW).as_secs()),
    };
    if let Some(entry) = &verdict.suppress {
        let _ = write!(words, ", suppress {}", entry.scope.name());
        if let Some(until) = entry.until {
            let _ = write!(words, " for {} days", until.since(NOW).as_secs() / 86_400);
        }
    }
    format!("{words}, {:?}", verdict.signal)
}

#[test]
fn an_unknown_user_is_never_written_to_again() {
    let expected = "bounced, suppress everything, Good";
    check(
        Stage::RcptTo,
        "550 5.7.1 No such user!",
        Class::BadMailbox,
        expected,
    );
    check(
        Stage::FinalDot,
        "550 user not found",
        Class::BadMailbox,
        expected,
    );
    check(
        Stage::RcptTo,
        "550 5.2.1 disabled",
        Class::InactiveMailbox,
        expected,
    );
}

#[test]
fn what_is_our_fault_suppresses_nobody() {
    check(
        Stage::RcptTo,
        "550 5.7.1 listed",
        Class::Block,
        "bounced, SlowDown",
    );
    check(
        Stage::FinalDot,
        "550 5.1.1 rejected as spam",
        Class::Content,
        "bounced, Nothing",
    );
    check(
        Stage::FinalDot,
        "550 5.7.26 fails DMARC",
        Class::Auth,
        "bounced, SlowDown",
    );
    check(
        Stage::MailFrom,
        "550 5.1.1 User unknown",
        Class::BadMailbox,
        "bounced, Nothing",
    );
}

#[test]
fn a_full_mailbox_bounces_for_this_letter_alone() {
    check(
        Stage::RcptTo,
        "552 5.2.2 Mailbox full",
        Class::MailboxFull,
        "bounced, Good",
    );
    check(
        Stage::RcptTo,
        "452 4.2.2 Mailbox full",
        Class::MailboxFull,
        "retry in 900s, Good",
    );
}

#[test]
fn a_missing_domain_suppresses_for_a_week() {
    let week = "bounced, suppress everything for 7 days, Good";
    check(
        Stage::RcptTo,
        "550 5.1.2 Host unknown",
        Class::BadDomain,
        week,
    );
}

#[test]
fn a_host_that_will_not_talk_is_not_the_letters_end() {
    check(
        Stage::Banner,
        "554 no SMTP service here",
        Class::Policy,
        "retry in 900s, Dead",
    );
    check(
        Stage::Banner,
        "554 5.7.1 listed",
        Class::Block,
        "retry in 900s, SlowDown",
    );
    check(
        Stage::RcptTo,
        "421 4.7.0 closing",
        Class::Rate,
        "retry in 900s, SlowDown",
    );
    check(
        Stage::MailFrom,
        "550 5.7.1 listed",
        Class::Block,
        "retry in 900s, SlowDown",
    );
}

#[test]
fn the_pace_of_one_mailbox_does_not_slow_the_others() {
    check(
        Stage::RcptTo,
        "450 4.2.1 too quickly",
        Class::Rate,
        "retry in 900s, Good",
    );
}

#[test]
fn greylisting_is_waited_out() {
    let evidence = Evidence::Refused(Reply::new(Stage::RcptTo, 451, "4.7.1 Greylisted"));
    let mut found = finding(Class::Rate, Term::Transient);
    found.greylisted = true;
    let say = |found: &Finding| {
        told(&judge(
            &young(),
            &evidence,
            Some(found),
            &marketing(),
            NOW,
            0.5,
        ))
    };
    assert_eq!(say(&found), "retry in 600s, Nothing");
    found.retry_after = Some(Duration::from_mins(20));
    assert_eq!(say(&found), "retry in 1260s, Nothing");
}

#[test]
fn an_expired_letter_keeps_the_last_word() {
    let old = case(Duration::from_hours(30 * 24), None);
    let reply = Reply::new(Stage::RcptTo, 450, "4.3.0 busy");
    let found = finding(Class::System, Term::Transient);
    let verdict = judge(
        &old,
        &Evidence::Refused(reply),
        Some(&found),
        &marketing(),
        NOW,
        0.5,
    );
    assert_eq!(verdict.next, Next::Finish(State::Expired));
    let text = "too old after attempt 1; the last word was: 4.3.0 busy";
    assert_eq!(verdict.event.text.as_deref(), Some(text));
    assert_eq!(verdict.event.code, Some(450));
}

#[test]
fn a_receiver_that_loses_every_reply_does_not_flood_its_reader() {
    let policy = StreamPolicy::standard("reset", StreamKind::Transactional);
    let evidence = Evidence::LostReply(Trouble::new(Stage::FinalDot, TroubleKind::Closed, "gone"));
    let fates = (1..=6).map(|attempts| {
        let case = Case {
            attempts,
            ..young()
        };
        told(&judge(&case, &evidence, None, &policy, NOW, 0.5))
    });
    let copies = fates.filter(|fate| fate.starts_with("retry")).count();
    assert_eq!(copies, 4);
}

#[test]
fn a_scheduled_letter_ages_from_its_own_moment() {
    let mut scheduled = case(Duration::from_hours(30 * 24), None);
    scheduled.send_at = Some(NOW);
    let evidence = Evidence::Broken(Trouble::new(Stage::Connect, TroubleKind::Refused, "no"));
    let verdict = judge(&scheduled, &evidence, None, &marketing(), NOW, 0.5);
    assert_eq!(told(&verdict), "retry in 900s, Dead");
}

mod laws;
mod table;

#[test]
fn a_row_that_is_no_letter_fails_and_concerns_nobody_else() {
    let fault = Unsendable::new("to", "is not an address");
    let verdict = unreadable(&fault, NOW);
    assert_eq!(verdict.next, Next::Finish(State::Failed));
    assert_eq!(verdict.event.kind, EventKind::Failed);
    assert_eq!(verdict.event.text, Some(fault.to_string()));
    assert_eq!((verdict.suppress, verdict.signal), (None, Signal::Nothing));
}
