//! What holds for every verdict.

use proptest::prelude::*;

use super::*;
use crate::mail::{Fault, Unheard, Unsendable};

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
        2 => prop::sample::select(vec![Unheard::ProcessDied, Unheard::NodeSilent]).prop_map(Evidence::Unheard),
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

        let is_doubt = matches!(evidence, Evidence::LostReply(_) | Evidence::Unheard(_));
        // One event, and it says the same as the state.
        match verdict.next {
            Next::Finish(state) => {
                prop_assert!(state.is_final());
                prop_assert_eq!(verdict.event.kind.name(), state.name());
                prop_assert_eq!(verdict.event.due, None, "a final letter has no next attempt");
            }
            Next::Retry { due } => {
                let kind = if is_doubt { EventKind::InDoubt } else { EventKind::Deferred };
                prop_assert_eq!(verdict.event.kind, kind);
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
        if is_doubt {
            let honest = matches!(verdict.next, Next::Retry { .. } | Next::Finish(State::InDoubt));
            prop_assert!(honest);
        }

        // The same arguments give the same verdict.
        prop_assert_eq!(verdict, judge(&case, &evidence, found.as_ref(), &policy, NOW, dice));
    }
}
