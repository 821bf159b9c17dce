//! How long a check takes: the depth of its look-ups, since all of one depth are asked at once.

use std::{collections::BTreeMap, net::IpAddr, sync::Mutex, time::Duration};

use postrider::{
    app::check::{Ask, check},
    check::{Answer, Question, Source},
};

use super::world::{World, now};

/// Writes down every answer.
struct Recorder<'a> {
    world: &'a World,
    seen: Mutex<BTreeMap<Question, Answer>>,
}

impl Ask for Recorder<'_> {
    async fn ask(&self, question: &Question) -> Answer {
        let answer = self.world.ask(question).await;
        self.seen
            .lock()
            .unwrap()
            .insert(question.clone(), answer.clone());
        answer
    }
}

/// Answers after some time.
struct Slow {
    answers: BTreeMap<Question, Answer>,
    latency: Duration,
}

impl Ask for Slow {
    async fn ask(&self, question: &Question) -> Answer {
        tokio::time::sleep(self.latency).await;
        self.answers[question].clone()
    }
}

fn four_sources(world: &mut World) {
    let lines = [
        "bounce.example.com. TXT \"v=spf1 include:_spf.example.com -all\"",
        "_spf.example.com. TXT \"v=spf1 include:_spf2.example.com a:mx1.example.com -all\"",
        "_spf2.example.com. TXT \"v=spf1 ip4:192.0.2.0/24 mx:example.com -all\"",
        "mx3.example.com. A 192.0.2.12",
        "mx4.example.com. A 192.0.2.13",
        "12.2.0.192.in-addr.arpa. PTR mx3.example.com.",
        "13.2.0.192.in-addr.arpa. PTR mx4.example.com.",
    ];
    world.internet.withdraw("bounce.example.com", "TXT");
    world.internet.publish_zone(&lines.join("\n")).unwrap();
    for (name, last) in [("3", 12), ("4", 13)] {
        world.subject.sources.push(Source {
            name: format!("s{name}"),
            address: Some(IpAddr::from([192, 0, 2, last])),
            ehlo: format!("mx{name}.example.com"),
        });
    }
}

#[tokio::test]
async fn four_sources_behind_a_resolver_of_fifty_milliseconds_are_checked_within_three_seconds() {
    let mut world = World::good().await;
    four_sources(&mut world);
    let recorder = Recorder {
        world: &world,
        seen: Mutex::default(),
    };
    let real = check(&world.subject, &recorder, now()).await;
    let faults: Vec<_> = real
        .findings
        .iter()
        .filter(|it| it.rule.id.ends_with("not-allowed"))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    let slow = Slow {
        answers: recorder.seen.into_inner().unwrap(),
        latency: Duration::from_millis(50),
    };
    // From here on the clock jumps to whatever is waited for.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let checked = check(&world.subject, &slow, now()).await;
    let took = begun.elapsed();
    println!(
        "{} questions in {} rounds: {} ms at 50 ms each",
        checked.questions,
        checked.rounds,
        took.as_millis()
    );
    assert_eq!(checked.findings, real.findings);
    assert!(took <= Duration::from_secs(3), "{took:?}");
    assert!(checked.rounds <= 12, "{} rounds", checked.rounds);
}
