use std::{fmt::Write as _, time::Duration};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    bounce,
    mail::{Fault, Provider, TroubleKind, Unsendable},
    policy::StreamKind,
};

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
    case(Duration::from_secs(60), None)
}

fn marketing() -> StreamPolicy {
    StreamPolicy::standard("digest", StreamKind::Marketing)
}

fn finding(class: Class, term: Term) -> Finding {
    Finding {
        class,
        term,
        rule: "a-rule".to_owned(),
        retry_after: None,
        greylisted: false,
    }
}

/// What the judge says about one reply line, in a few words.
fn check(stage: Stage, line: &str, provider: Provider, expected: &str) {
    let reply = bounce::reply_from_line(stage, line).expect("a reply line");
    let found = bounce::classify(&reply, provider);
    let evidence = if reply.is_positive() {
        Evidence::Accepted(reply)
    } else {
        Evidence::Refused(reply)
    };
    let verdict = judge(&young(), &evidence, Some(&found), &marketing(), NOW, 0.5);
    assert_eq!(told(&verdict), expected, "{line}");
}

fn told(verdict: &Verdict) -> String {
    let mut words = match verdict.next {
        Next::Finish(state) => state.name().to_owned(),
        Next::Retry { due } => format!("retry in {}s", due.since(NOW).as_secs()),
    };
    if let Some(entry) = &verdict.suppress {
        words += &format!(", suppress {}", entry.scope.name());
        if let Some(until) = entry.until {
            words += &format!(" for {} days", until.since(NOW).as_secs() / 86_400);
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
        Provider::Yandex,
        expected,
    );
    let after_data = "550 Message was not accepted -- invalid mailbox. Local mailbox a@mail.ru is unavailable: user not found";
    check(Stage::FinalDot, after_data, Provider::Mailru, expected);
}

#[test]
fn what_is_our_fault_suppresses_nobody() {
    check(
        Stage::RcptTo,
        "550 5.7.1 blocked using zen.spamhaus.org",
        Provider::Other,
        "bounced, SlowDown",
    );
    check(
        Stage::FinalDot,
        "550 5.1.1 rejected as spam",
        Provider::Other,
        "bounced, Nothing",
    );
    check(
        Stage::FinalDot,
        "550 5.7.26 fails DMARC",
        Provider::Google,
        "bounced, SlowDown",
    );
    check(
        Stage::MailFrom,
        "550 5.1.1 User unknown",
        Provider::Other,
        "bounced, Nothing",
    );
}

#[test]
fn a_full_mailbox_bounces_for_this_letter_alone() {
    check(
        Stage::RcptTo,
        "552 5.2.2 Mailbox full",
        Provider::Other,
        "bounced, Good",
    );
    check(
        Stage::RcptTo,
        "452 4.2.2 Mailbox full",
        Provider::Other,
        "retry in 900s, Good",
    );
}

#[test]
fn a_missing_domain_suppresses_for_a_week() {
    let week = "bounced, suppress everything for 7 days, Good";
    check(
        Stage::RcptTo,
        "550 5.1.2 Host unknown",
        Provider::Other,
        week,
    );
    let evidence = Evidence::Unroutable(Unroutable::NullMx);
    let found = bounce::of_unroutable(&Unroutable::NullMx);
    let verdict = judge(&young(), &evidence, Some(&found), &marketing(), NOW, 0.5);
    assert_eq!(
        told(&verdict),
        "bounced, suppress everything for 7 days, Nothing"
    );
}

#[test]
fn a_host_that_will_not_talk_is_not_the_letters_end() {
    check(
        Stage::Banner,
        "554 no SMTP service here",
        Provider::Other,
        "retry in 900s, Dead",
    );
    check(
        Stage::Banner,
        "554 5.7.1 your IP is blacklisted",
        Provider::Other,
        "retry in 900s, SlowDown",
    );
    check(
        Stage::RcptTo,
        "421 4.7.0 closing",
        Provider::Other,
        "retry in 900s, SlowDown",
    );
    check(
        Stage::MailFrom,
        "550 5.7.1 listed at dnsbl.example.com",
        Provider::Other,
        "retry in 900s, SlowDown",
    );
}

#[test]
fn greylisting_is_waited_out() {
    check(
        Stage::RcptTo,
        "450 4.2.0 Greylisted",
        Provider::Other,
        "retry in 600s, Nothing",
    );
    let asks = "451 4.7.1 Greylisted, try again in 20 minutes";
    check(
        Stage::RcptTo,
        asks,
        Provider::Other,
        "retry in 1260s, Nothing",
    );
}

#[test]
fn an_expired_letter_keeps_the_last_word() {
    let old = case(Duration::from_secs(30 * 86_400), None);
    let reply = Reply::new(Stage::RcptTo, 450, "4.3.0 busy");
    let found = bounce::classify(&reply, Provider::Other);
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
    let mut scheduled = case(Duration::from_secs(30 * 86_400), None);
    scheduled.send_at = Some(NOW);
    let evidence = Evidence::Broken(Trouble::new(Stage::Connect, TroubleKind::Refused, "no"));
    let verdict = judge(&scheduled, &evidence, None, &marketing(), NOW, 0.5);
    assert_eq!(told(&verdict), "retry in 900s, Dead");
}

/// `R` retry, `B` bounced, `B!` and the address suppressed for good, `B7` for a week; then the signal: `+` the route
/// is good, `-` slow down, `x` dead, nothing.
fn cell(verdict: &Verdict) -> String {
    let fate = match (verdict.next, &verdict.suppress) {
        (Next::Retry { .. }, None) => "R",
        (Next::Finish(State::Bounced), None) => "B",
        (Next::Finish(State::Bounced), Some(entry)) if entry.until.is_none() => "B!",
        (Next::Finish(State::Bounced), Some(_)) => "B7",
        _ => "?",
    };
    let signal = match verdict.signal {
        Signal::Good => " +",
        Signal::SlowDown => " -",
        Signal::Dead => " x",
        Signal::Nothing => "",
    };
    format!("{fate}{signal}")
}

fn refusals(out: &mut String, title: &str, code: u16, term: Term) {
    let _ = write!(out, "\n{title:<17}");
    for stage in STAGES {
        let _ = write!(out, "|{:<9}", stage.name());
    }
    out.push('\n');
    for class in Class::ALL {
        let _ = write!(out, "{:<17}", class.name());
        for stage in STAGES {
            let evidence = Evidence::Refused(Reply::new(stage, code, "said so"));
            let found = finding(class, term);
            let verdict = judge(&young(), &evidence, Some(&found), &marketing(), NOW, 0.5);
            let _ = write!(out, "|{:<9}", cell(&verdict));
        }
        out.push('\n');
    }
}

fn others(out: &mut String) {
    let trouble = |stage, kind| Trouble::new(stage, kind, "words");
    let evidences = [
        Evidence::Accepted(Reply::new(Stage::FinalDot, 250, "2.0.0 Ok")),
        Evidence::Broken(trouble(Stage::Connect, TroubleKind::Refused)),
        Evidence::Broken(trouble(Stage::StartTls, TroubleKind::Tls)),
        Evidence::Broken(trouble(Stage::RcptTo, TroubleKind::Closed)),
        Evidence::LostReply(trouble(Stage::FinalDot, TroubleKind::TimedOut)),
        Evidence::Unroutable(Unroutable::NoSuchDomain),
        Evidence::Unroutable(Unroutable::NoMailHost),
        Evidence::Unroutable(Unroutable::NullMx),
        Evidence::Unroutable(Unroutable::DnsTrouble("SERVFAIL".to_owned())),
        Evidence::Unsendable(Unsendable::new("template", "unknown")),
        Evidence::Suppressed(Reason::Complaint),
        Evidence::Cancelled,
        Evidence::Stale { valid_until: NOW },
    ];
    let old = case(Duration::from_secs(30 * 86_400), None);
    let stale = case(Duration::from_secs(60), Some(Duration::from_secs(30)));
    for (name, case) in [
        ("young", young()),
        ("too old", old),
        ("stale by the next try", stale),
    ] {
        for in_doubt in [InDoubt::Retry, InDoubt::Hold] {
            let _ = writeln!(out, "\nletter {name}, when in doubt {in_doubt:?}");
            let policy = StreamPolicy {
                in_doubt,
                ..marketing()
            };
            for evidence in &evidences {
                let verdict = judge(&case, evidence, None, &policy, NOW, 0.5);
                let text = verdict.event.text.as_deref().unwrap_or("-");
                let _ = writeln!(out, "  {:<75} | {text}", told(&verdict));
            }
        }
    }
}

#[test]
fn the_table_of_decisions() {
    let mut out = "R retry, B bounced, B! and suppressed for good, B7 for 7 days; route: + good, - slow down, x dead\n".to_owned();
    refusals(&mut out, "4xx", 450, Term::Transient);
    refusals(&mut out, "421", 421, Term::Transient);
    refusals(&mut out, "5xx", 550, Term::Permanent);
    refusals(&mut out, "5xx, softened", 550, Term::Transient);
    others(&mut out);
    insta::assert_snapshot!("table", out);
}

prop_compose! {
    fn any_trouble()(
        stage in prop::sample::select(STAGES.to_vec()),
        kind in prop::sample::select(vec![
            TroubleKind::Refused, TroubleKind::TimedOut, TroubleKind::Closed,
            TroubleKind::Io, TroubleKind::Tls, TroubleKind::Garbage,
        ]),
    ) -> Trouble {
        Trouble::new(stage, kind, "words")
    }
}

prop_compose! {
    fn any_reply()(stage in prop::sample::select(STAGES.to_vec()), code in 400_u16..600) -> Reply {
        Reply::new(stage, code, "said so")
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let unroutable = prop::sample::select(vec![
        Unroutable::NoSuchDomain,
        Unroutable::NoMailHost,
        Unroutable::NullMx,
        Unroutable::DnsTrouble("SERVFAIL".to_owned()),
    ]);
    prop_oneof![
        1 => Just(Evidence::Accepted(Reply::new(Stage::FinalDot, 250, "2.0.0 Ok"))),
        8 => any_reply().prop_map(Evidence::Refused),
        2 => any_trouble().prop_map(Evidence::Broken),
        2 => any_trouble().prop_map(Evidence::LostReply),
        2 => unroutable.prop_map(Evidence::Unroutable),
        1 => Just(Evidence::Unsendable(Unsendable::new("raw", "empty"))),
        1 => prop::sample::select(Reason::ALL.to_vec()).prop_map(Evidence::Suppressed),
        1 => Just(Evidence::Cancelled),
        1 => Just(Evidence::Stale { valid_until: NOW }),
    ]
}

prop_compose! {
    fn any_finding()(
        class in prop::sample::select(Class::ALL.to_vec()),
        permanent: bool, hint in prop::option::of(10_u64..86_400), greylisted: bool,
    ) -> Finding {
        Finding {
            retry_after: hint.map(Duration::from_secs),
            greylisted,
            ..finding(class, if permanent { Term::Permanent } else { Term::Transient })
        }
    }
}

prop_compose! {
    fn any_case()(
        age in 0_u64..400_000, attempts in 1_u16..50,
        valid_for in prop::option::of(0_u64..100_000), send_later in prop::option::of(0_u64..100_000),
    ) -> Case {
        let mut case = case(Duration::from_secs(age), valid_for.map(Duration::from_secs));
        case.attempts = attempts;
        case.send_at = send_later.map(|span| case.enqueued_at.plus(Duration::from_secs(span)));
        case
    }
}

fn any_policy() -> impl Strategy<Value = StreamPolicy> {
    let kind = prop::sample::select(StreamKind::ALL.to_vec());
    (kind, any::<bool>()).prop_map(|(kind, hold)| StreamPolicy {
        in_doubt: if hold { InDoubt::Hold } else { InDoubt::Retry },
        ..StreamPolicy::standard("any", kind)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_laws_of_the_judge(
        case in any_case(), evidence in any_evidence(), found in prop::option::of(any_finding()),
        policy in any_policy(), dice in 0.0..1.0,
    ) {
        let verdict = judge(&case, &evidence, found.as_ref(), &policy, NOW, dice);

        // One event, and it says the same as the state.
        match verdict.next {
            Next::Finish(state) => {
                prop_assert!(state.is_final());
                prop_assert_eq!(verdict.event.kind.name(), state.name());
                prop_assert_eq!(verdict.event.due, None, "a final letter has no next attempt");
            }
            Next::Retry { due } => {
                prop_assert_eq!(verdict.event.kind, EventKind::Deferred);
                prop_assert_eq!(verdict.event.due, Some(due));
                prop_assert!(due > NOW);
                prop_assert!(due <= case.since().plus(policy.retry.give_up_age));
                prop_assert!(case.valid_until.is_none_or(|until| due <= until));
                prop_assert!(verdict.suppress.is_none(), "who is tried again is not suppressed");
            }
        }

        // Only a bounce suppresses, and only for a fault of the recipient's address that a final word proved.
        if let Some(entry) = &verdict.suppress {
            prop_assert_eq!(verdict.next, Next::Finish(State::Bounced));
            prop_assert_eq!(&entry.address, &case.recipient);
            prop_assert!(entry.until.is_none_or(|until| until > NOW));
            if let Evidence::Refused(reply) = &evidence {
                let found = found.as_ref().expect("a finding");
                prop_assert!(reply.is_permanent());
                prop_assert!(matches!(reply.stage, Stage::RcptTo | Stage::Data | Stage::FinalDot));
                prop_assert_eq!(found.term, Term::Permanent);
                prop_assert_eq!(found.class.fault(), Fault::Recipient);
                prop_assert_ne!(found.class, Class::MailboxFull);
            } else {
                prop_assert!(matches!(evidence, Evidence::Unroutable(_)), "{:?}", evidence);
            }
        }

        // A refused letter is never claimed delivered, and a lost reply never refused.
        let accepted = matches!(evidence, Evidence::Accepted(_));
        prop_assert_eq!(accepted, verdict.next == Next::Finish(State::Delivered));
        if matches!(evidence, Evidence::LostReply(_)) {
            let honest = matches!(verdict.next, Next::Retry { .. } | Next::Finish(State::InDoubt));
            prop_assert!(honest);
        }

        // The same arguments give the same verdict.
        prop_assert_eq!(verdict, judge(&case, &evidence, found.as_ref(), &policy, NOW, dice));
    }
}
