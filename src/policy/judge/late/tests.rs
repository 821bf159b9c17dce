use std::fmt::Write as _;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::mail::Finding;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

const ACTIONS: [Action; 5] = [
    Action::Failed,
    Action::Delayed,
    Action::Delivered,
    Action::Relayed,
    Action::Expanded,
];

fn case(state: State) -> LateCase {
    LateCase {
        letter: LetterId(Uuid::nil()),
        recipient: Address::parse("anna@example.com").unwrap(),
        stream: "digest".to_owned(),
        state,
        witness: Witness::Server,
        domain_fault: Duration::from_hours(7 * 24),
    }
}

fn told(action: Action, class: Option<(Class, Term)>) -> LateWord {
    LateWord::Reported(Told {
        address: "anna@example.com".to_owned(),
        also: Vec::new(),
        action,
        code: Some(550),
        enhanced: None,
        words: "said so".to_owned(),
        finding: class.map(|(class, term)| Finding {
            class,
            term,
            rule: "a-rule",
            retry_after: None,
            greylisted: false,
        }),
    })
}

fn complaint(kind: &str) -> LateWord {
    LateWord::Complained(Box::new(Complaint {
        feedback_type: kind.to_owned(),
        ..Complaint::default()
    }))
}

fn say(revision: &Revision) -> String {
    let state = revision.state.map_or("-", State::name);
    let ban = revision.suppress.as_ref().map_or("-".to_owned(), |entry| {
        let until = entry.until.map_or("for good", |_| "for a time");
        format!("{} {} {until}", entry.scope.name(), entry.reason.name())
    });
    format!("{state} | {} | {ban}", revision.event.kind.name())
}

#[test]
fn the_table_of_late_words() {
    let hard = Some((Class::BadMailbox, Term::Permanent));
    let soft = Some((Class::MailboxFull, Term::Transient));
    let words = [
        ("failed, no such mailbox", told(Action::Failed, hard)),
        ("failed, mailbox full", told(Action::Failed, soft)),
        ("failed, nothing said", told(Action::Failed, None)),
        ("delayed", told(Action::Delayed, soft)),
        ("delivered", told(Action::Delivered, None)),
        ("relayed", told(Action::Relayed, None)),
        ("complaint, abuse", complaint("abuse")),
        ("complaint, opt-out", complaint("opt-out")),
        ("complaint, not-spam", complaint("not-spam")),
        ("complaint, auth-failure", complaint("auth-failure")),
        ("unsubscribe", LateWord::Unsubscribed),
    ];
    let mut out = "new state | event | suppression\n".to_owned();
    for (name, word) in &words {
        let _ = writeln!(out, "\n{name}");
        for state in State::ALL {
            let revision = revise(&case(state), word, NOW);
            let _ = writeln!(out, "  {:<10} {}", state.name(), say(&revision));
        }
    }
    insta::assert_snapshot!("table", out);
}

#[test]
fn only_a_dead_address_is_suppressed_by_a_bounce() {
    let mut out = String::new();
    for class in Class::ALL {
        for term in [Term::Permanent, Term::Transient] {
            let word = told(Action::Failed, Some((class, term)));
            let revision = revise(&case(State::Delivered), &word, NOW);
            let until = revision.suppress.map(|entry| entry.until.is_none());
            let _ = writeln!(out, "{} {term:?}: {until:?}", class.name());
        }
    }
    let suppressing: Vec<&str> = out.lines().filter(|line| line.contains("Some")).collect();
    assert_eq!(
        suppressing,
        [
            "bad-mailbox Permanent: Some(true)",
            "bad-domain Permanent: Some(false)",
            "inactive-mailbox Permanent: Some(true)",
        ]
    );
}

#[test]
fn an_onlooker_can_leave_for_the_reader_and_not_bury_the_address() {
    let onlooker = LateCase {
        witness: Witness::Onlooker,
        ..case(State::Delivered)
    };
    let hard = told(Action::Failed, Some((Class::BadMailbox, Term::Permanent)));
    let check = |word: &LateWord, expected: &str| {
        assert_eq!(say(&revise(&onlooker, word, NOW)), expected);
    };
    check(&hard, "bounced | bounced | -");
    check(
        &complaint("abuse"),
        "- | complained | marketing complaint for good",
    );
    check(
        &LateWord::Unsubscribed,
        "- | unsubscribed | stream:digest unsubscribe for good",
    );
}

#[test]
fn an_authenticated_complaint_without_a_letter_stops_marketing_unless_it_is_none() {
    let anna = Address::parse("anna@example.com").unwrap();
    let of = |kind: &str| Complaint {
        feedback_type: kind.to_owned(),
        ..Complaint::default()
    };
    let entry = complaint_of(&anna, &of("abuse"), NOW).unwrap();
    assert_eq!((entry.scope, entry.letter), (Scope::Marketing, None));
    assert_eq!(complaint_of(&anna, &of("not-spam"), NOW), None);
}

fn any_word() -> impl Strategy<Value = LateWord> {
    let classes = proptest::sample::select(Class::ALL.to_vec());
    let terms = proptest::sample::select(vec![Term::Permanent, Term::Transient]);
    let actions = proptest::sample::select(ACTIONS.to_vec());
    prop_oneof![
        (actions, proptest::option::of((classes, terms)))
            .prop_map(|(action, class)| told(action, class)),
        "[a-z-]{0,12}".prop_map(|kind| complaint(&kind)),
        Just(LateWord::Unsubscribed),
    ]
}

proptest! {
    #[test]
    fn final_states_that_know_better_absorb_every_word(word in any_word(), state in proptest::sample::select(State::ALL.to_vec())) {
        let revision = revise(&case(state), &word, NOW);
        let may_change = matches!(state, State::Delivered | State::InDoubt | State::Queued);
        prop_assert!(may_change || revision.state.is_none());
        prop_assert!(revision.state.is_none_or(|new| new.is_final() && new != state));
    }

    #[test]
    fn the_event_fits_the_state(word in any_word(), state in proptest::sample::select(State::ALL.to_vec())) {
        let revision = revise(&case(state), &word, NOW);
        prop_assert_eq!(revision.event.at, NOW);
        match revision.state {
            Some(new) => prop_assert_eq!(revision.event.kind.name(), new.name()),
            None => prop_assert!(matches!(
                revision.event.kind,
                EventKind::Complained | EventKind::Unsubscribed | EventKind::Reported
            )),
        }
    }

    #[test]
    fn nobody_but_the_letters_reader_is_suppressed(word in any_word()) {
        let case = case(State::Delivered);
        if let Some(entry) = revise(&case, &word, NOW).suppress {
            prop_assert_eq!(entry.address, case.recipient);
            prop_assert_eq!(entry.letter, Some(case.letter));
        }
    }
}
