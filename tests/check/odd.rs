//! What no sane set-up has: silence everywhere, alias loops, huge and binary records, circles of includes.

use std::time::Duration;

use postrider::{
    app::check::{Ask, check},
    check::{Answer, Book, Data, Level, Lookup, Question, Verdict, evaluate_spf, examine},
};
use proptest::prelude::*;

use super::world::{World, now, subject};

async fn ids(lines: &[&str]) -> Vec<&'static str> {
    let mut world = World::good().await;
    for line in lines {
        world.change(line);
    }
    let checked = world.check().await;
    let graver = checked
        .findings
        .iter()
        .filter(|finding| finding.rule.level > Level::Ok);
    graver.map(|finding| finding.rule.id).collect()
}

#[tokio::test]
async fn an_alias_loop_is_told_and_ends() {
    let found = ids(&[
        "- bounce.example.com TXT",
        "- bounce.example.com MX",
        "! bounce.example.com loop",
    ])
    .await;
    assert!(found.contains(&"spf.no-answer"), "{found:?}");
    assert!(found.contains(&"mx.no-answer"), "{found:?}");
}

#[tokio::test]
async fn a_text_of_four_kilobytes_is_read_over_tcp() {
    let terms: Vec<String> = (0..250).map(|n| format!("ip4:198.51.100.{n}")).collect();
    let record = format!("v=spf1 {} -all", terms.join(" "));
    let line = postrider::check::zone_line("bounce.example.com", "TXT", &record);
    let world = World::good().await;
    world.internet.withdraw("bounce.example.com", "TXT");
    world.internet.publish_zone(&line).unwrap();
    let checked = world.check().await;
    let found: Vec<_> = checked
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    assert!(line.len() > 4_000);
    assert!(found.contains(&"spf.not-allowed"), "{found:?}");
}

#[tokio::test]
async fn includes_in_a_circle_are_too_many_lookups() {
    let found = ids(&[
        "- bounce.example.com TXT",
        "+ bounce.example.com TXT \"v=spf1 include:a.example.net -all\"",
        "+ a.example.net TXT \"v=spf1 include:b.example.net -all\"",
        "+ b.example.net TXT \"v=spf1 include:a.example.net -all\"",
    ])
    .await;
    assert!(found.contains(&"spf.too-many-lookups"), "{found:?}");
}

/// Answers every question about DNS alike.
struct Same(Lookup);

impl Ask for Same {
    async fn ask(&self, question: &Question) -> Answer {
        match question {
            Question::Door { .. } => {
                Answer::Door(postrider::check::Door::Silent("refused".to_owned()))
            }
            Question::Get(_) | Question::OneClick(_) => Answer::Page(Err("refused".to_owned())),
            Question::Clock(_) => Answer::Clock(Err("refused".to_owned())),
            _ => Answer::Dns(self.0.clone()),
        }
    }
}

#[tokio::test]
async fn nothing_anywhere_is_many_findings_and_no_hang() {
    for (lookup, wanted) in [
        (Lookup::NoSuchName, "spf.missing"),
        (Lookup::Trouble("SERVFAIL".to_owned()), "spf.no-answer"),
    ] {
        let begun = tokio::time::Instant::now();
        let checked = check(&subject(), &Same(lookup), now()).await;
        let found: Vec<_> = checked
            .findings
            .iter()
            .map(|finding| finding.rule.id)
            .collect();
        assert!(found.contains(&wanted), "{found:?}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

/// Never answers.
struct Silence;

impl Ask for Silence {
    async fn ask(&self, _: &Question) -> Answer {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_that_never_answers_is_given_up() {
    let begun = tokio::time::Instant::now();
    let checked = check(&subject(), &Silence, now()).await;
    assert!(
        begun.elapsed() <= Duration::from_secs(31),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        checked
            .findings
            .iter()
            .any(|finding| finding.rule.id == "spf.no-answer")
    );
}

fn lookups() -> impl Strategy<Value = Lookup> {
    let text = prop_oneof![
        "v=spf1 [ -~]{0,60}",
        "v=DMARC1;[ -~]{0,60}",
        "v=DKIM1;[ -~]{0,60}",
        "\\PC{0,80}",
    ];
    let data = prop_oneof![
        text.prop_map(|text| Data::Text(vec![text.into_bytes()])),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Data::Text(vec![bytes])),
        (any::<u16>(), "[a-z.]{0,20}").prop_map(|(preference, name)| Data::Host(preference, name)),
        any::<[u8; 4]>().prop_map(|octets| Data::Address(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| Data::Address(octets.into())),
        "[a-z.]{0,20}".prop_map(Data::Name),
    ];
    prop_oneof![
        Just(Lookup::NoSuchName),
        Just(Lookup::Trouble("SERVFAIL".to_owned())),
        proptest::collection::vec(data, 0..4).prop_map(Lookup::Found),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answers_panic_or_ask_for_ever(answers in proptest::collection::vec(lookups(), 1..20)) {
        let mut book = Book::default();
        let mut next = answers.iter().cycle();
        for _ in 0..40 {
            let _ = examine(&subject(), &book, now());
            let wanted = book.take_wanted();
            if wanted.is_empty() {
                return Ok(());
            }
            for question in wanted {
                let answer = match question {
                    Question::Door { .. } => Answer::Door(postrider::check::Door::Ours),
                    Question::Get(_) | Question::OneClick(_) => Answer::Page(Err(String::new())),
                    Question::Clock(_) => Answer::Clock(Ok(0)),
                    _ => Answer::Dns(next.next().unwrap().clone()),
                };
                book.learn(question, answer);
            }
        }
        prop_assert!(false, "still asking after 40 rounds");
    }
}

fn spf(record: &str, extra: &[(&str, &str)], address: &str) -> Option<Verdict> {
    let mut book = Book::default();
    let texts = [("example.org", record)]
        .into_iter()
        .chain(extra.iter().copied());
    for (name, text) in texts {
        let data = Data::Text(vec![text.as_bytes().to_vec()]);
        book.learn(
            Question::Txt(name.to_owned()),
            Answer::Dns(Lookup::Found(vec![data])),
        );
    }
    evaluate_spf(
        &book,
        address.parse().unwrap(),
        "postmaster@example.org",
        "mx.example.org",
    )
}

#[test]
fn verdicts_of_rfc_7208() {
    for (record, address, expected) in [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.9", Verdict::Pass),
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.3.9", Verdict::Fail),
        (
            "v=spf1 ip6:2001:db8::/32 ~all",
            "2001:db8::7",
            Verdict::Pass,
        ),
        (
            "v=spf1 ip6:2001:db8::/32 ~all",
            "2001:db9::7",
            Verdict::SoftFail,
        ),
        ("v=spf1 ?all", "192.0.2.9", Verdict::Neutral),
        ("v=spf1", "192.0.2.9", Verdict::Neutral),
        ("v=spf1 foo -all", "192.0.2.9", Verdict::PermError),
        ("v=spf10 -all", "192.0.2.9", Verdict::None),
        (
            "v=spf1 include:in.example.org -all",
            "192.0.2.9",
            Verdict::Pass,
        ),
        (
            "v=spf1 include:in.example.org -all",
            "192.0.2.8",
            Verdict::Fail,
        ),
        ("v=spf1 redirect=in.example.org", "192.0.2.8", Verdict::Fail),
    ] {
        let extra = [("in.example.org", "v=spf1 ip4:192.0.2.9 -all")];
        assert_eq!(
            spf(record, &extra, address),
            Some(expected),
            "{record} {address}"
        );
    }
    assert_eq!(
        spf("v=spf1 a -all", &[], "192.0.2.9"),
        None,
        "the address is not known yet"
    );
}
