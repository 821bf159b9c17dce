//! Why a letter is late, to the second: a schedule, a hold, a pause of its route, greylisting, a throttle and a retry.

use std::time::Duration;

use postrider::{
    mail::{
        Aside, Class, Event, EventKind, HoldId, HoldOn, LetterId, Next, Phase, Quiet, RouteKey,
        RouteState, Signal, State, Timestamp, Verdict,
    },
    port::{AttemptRecord, LeasedLetter, Parked, Settlement, Store},
    store::{Answer, Laid, PgStore},
};
use serde_json::{Value, json};

use crate::desk::{Desk, desk, lease};

/// What happens is told in seconds since the letter was enqueued.
struct Telling {
    store: PgStore,
    begun: Timestamp,
    id: LetterId,
}

impl Telling {
    /// A letter that shall go ten minutes after it was enqueued.
    async fn begin(desk: &Desk) -> Self {
        desk.quietly("dkim new example.com --selector s1");
        // The first command makes the schema and tells it what letters may name.
        desk.file("none.ndjson", "");
        desk.quietly("send none.ndjson");
        let store = PgStore::connect(desk.database.url().parse().unwrap(), 2);
        let store = store.await.unwrap();
        let begun = Timestamp::from_seconds(now().seconds() - 7_200);
        let letter = json!({
            "stream": "marketing", "to": "anna@mail.ru", "from": "news@example.com", "subject": "Offers", "text": "Hello",
            "send_at": begun.plus(Duration::from_mins(10)).to_string(),
        });
        let letters = [letter.to_string()];
        let answers = store.enqueue(&letters, 1 << 20, begun).await.unwrap();
        let [Answer::Accepted(id)] = answers[..] else {
            panic!("{answers:?}")
        };
        Self { store, begun, id }
    }

    fn at(&self, seconds: u64) -> Timestamp {
        self.begun.plus(Duration::from_secs(seconds))
    }

    async fn lease(&self, seconds: u64) -> LeasedLetter {
        let now = self.at(seconds);
        self.store.promote(now, 10).await.unwrap();
        let mut letters = lease(&self.store, now).await;
        assert_eq!(letters.len(), 1, "nothing is ready after {seconds} s");
        letters.pop().unwrap()
    }

    /// Held from one second to another, as an engine and a person do it.
    async fn hold(&self, from: u64, to: u64) {
        let hold = self.lay(from).await;
        self.lift(hold, to).await;
    }

    async fn lift(&self, hold: HoldId, to: u64) {
        let lifted = self.store.lift(&[hold], "ops", self.at(to)).await;
        assert_eq!(lifted.unwrap(), [hold]);
        assert_eq!(self.store.let_go(self.at(to), 10).await.unwrap(), 1);
    }

    async fn lay(&self, from: u64) -> HoldId {
        let letter = self.lease(from).await;
        let (store, on) = (&self.store, HoldOn::All);
        let laid = store.lay(&on, "ops", "incident", self.at(from)).await;
        let Laid::New(hold) = laid.unwrap() else {
            panic!("held before")
        };
        let parked = Parked {
            lease: letter.lease,
            shard: letter.shard(),
            id: letter.id(),
            aside: Aside::Hold(hold),
        };
        store.park(&[parked], self.at(from)).await.unwrap();
        hold
    }

    /// Put off from one second to another, as an engine does it in quiet hours.
    async fn postpone(&self, from: u64, to: u64) {
        let letter = self.lease(from).await;
        let quiet = Quiet {
            until: self.at(to),
            why: "quiet hours in Europe/Moscow".to_owned(),
        };
        let parked = Parked {
            lease: letter.lease,
            shard: letter.shard(),
            id: letter.id(),
            aside: Aside::Quiet(quiet),
        };
        self.store.park(&[parked], self.at(from)).await.unwrap();
    }

    /// An attempt that begins, takes some seconds, and ends in a refusal that lets the letter wait.
    async fn refused(&self, from: u64, took: u64, due: u64, reply: (Class, &str, &str)) {
        let letter = self.lease(from).await;
        let due = self.at(due);
        let (class, rule, text) = reply;
        let event = Event {
            attempt: Some(1),
            class: Some(class),
            rule: Some(rule.to_owned()),
            text: Some(text.to_owned()),
            due: Some(due),
            ..Event::bare(self.at(from + took), EventKind::Deferred)
        };
        self.settle(&letter, Next::Retry { due }, event, took).await;
    }

    async fn delivered(&self, from: u64, took: u64) {
        let letter = self.lease(from).await;
        let event = Event::bare(self.at(from + took), EventKind::Delivered);
        let next = Next::Finish(State::Delivered);
        self.settle(&letter, next, event, took).await;
    }

    async fn settle(&self, letter: &LeasedLetter, next: Next, event: Event, took: u64) {
        let settlement = Settlement {
            id: letter.id(),
            shard: letter.shard(),
            lease: letter.lease,
            attempts: letter.attempts + 1,
            verdict: Verdict {
                next,
                event,
                suppress: None,
                signal: Signal::Nothing,
                keeps_source: false,
            },
            attempt: Some(AttemptRecord {
                site: "mxs.mail.ru".to_owned(),
                provider: "mailru",
                host: Some("mxs.mail.ru".to_owned()),
                remote: None,
                source: "default".to_owned(),
                tls: None,
                prepare: Duration::ZERO,
                talk: Duration::from_secs(took),
                size_bytes: 2_000,
            }),
        };
        assert_eq!(self.store.settle(&[settlement]).await.unwrap(), []);
    }

    async fn pace(&self, seconds: u64, phase: Phase, cause: &str) {
        let route = RouteKey {
            source: "default".to_owned(),
            target: "mailru".to_owned(),
        };
        let state = RouteState {
            phase,
            rate: None,
            ceiling: None,
            connections: None,
            until: Some(self.at(seconds + 36_000)),
            quiet_until: None,
            steps: 0,
            pauses: 0,
            cause: cause.to_owned(),
            changed_at: self.at(seconds),
            by: "governor".to_owned(),
        };
        self.store.set_route(&route, &state).await.unwrap();
    }
}

fn now() -> Timestamp {
    use postrider::port::Clock;
    postrider::net::SystemClock.now()
}

/// `schedule 600, queue 5, ..`, in seconds.
fn waits(told: &Value) -> String {
    let each = told["waits"].as_array().unwrap().iter().map(|wait| {
        let seconds = wait["seconds"].as_f64().unwrap();
        format!("{} {seconds}", wait["cause"].as_str().unwrap())
    });
    each.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_letter_that_waited_for_many_reasons_is_explained_to_the_second() {
    let desk = desk().await;
    let told = Telling::begin(&desk).await;
    told.hold(605, 900).await;
    told.pace(1_000, Phase::Paused, "421 too many letters")
        .await;
    told.pace(1_300, Phase::Open, "welcome again").await;
    let grey = (Class::Rate, "greylisted", "451 4.7.1 Greylisted");
    told.refused(1_320, 2, 1_622, grey).await;
    let slow = (Class::Rate, "too-fast", "421 4.7.0 too many letters");
    told.refused(1_630, 1, 2_231, slow).await;
    let busy = (Class::System, "busy", "451 4.3.0 try later");
    told.refused(2_231, 4, 2_535, busy).await;
    told.delivered(2_540, 3).await;

    let text = desk.quietly(&format!("letter explain {}", told.id));
    let json = desk.quietly(&format!("letter explain {} --json", told.id));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        waits(&json),
        "schedule 600, queue 5, hold 295, queue 100, pace 300, queue 20, work 2, greylist 300, queue 8, work 1, \
         throttle 600, work 4, retry 300, queue 5, work 3"
    );
    let pace = &json["waits"][4]["routes"][0];
    assert_eq!(pace["phase"], "paused");
    assert_eq!(pace["cause"], "421 too many letters");
    assert!(text.contains("its time: 42m 23s in all"), "{text}");
    assert!(
        text.contains("default to mailru  paused  421 too many letters (governor)"),
        "{text}"
    );
    told.store.close().await;
}

#[tokio::test]
async fn a_night_is_explained_to_the_second_too() {
    let desk = desk().await;
    let told = Telling::begin(&desk).await;
    told.postpone(601, 1_500).await;
    let grey = (Class::Rate, "greylisted", "451 4.7.1 Greylisted");
    told.refused(1_502, 2, 1_804, grey).await;
    told.hold(1_805, 2_000).await;
    told.postpone(2_003, 6_000).await;
    let status = desk.quietly("queue status --json");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["providers"][0]["cause"], "quiet hours");
    assert_eq!(status["waiting"], 1);
    told.delivered(6_001, 3).await;

    let text = desk.quietly(&format!("letter explain {}", told.id));
    let json = desk.quietly(&format!("letter explain {} --json", told.id));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        waits(&json),
        "schedule 600, queue 1, quiet hours 899, queue 2, work 2, greylist 300, queue 1, hold 195, queue 3, \
         quiet hours 3997, queue 1, work 3"
    );
    for words in [
        "1h 21m  quiet hours: its reader was left alone at that time",
        "postponed, waits until",
        "quiet hours in Europe/Moscow",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    told.store.close().await;
}

#[tokio::test]
async fn a_letter_that_was_put_aside_says_until_when() {
    let desk = desk().await;
    let told = Telling::begin(&desk).await;
    let show = || desk.quietly(&format!("letter show {}", told.id));
    let hold = told.lay(600).await;
    let stays = show();
    assert!(
        stays.contains("next: stays until its hold is released; see `postrider queue list`"),
        "{stays}"
    );
    told.lift(hold, 610).await;
    // Telling began two hours ago.
    told.postpone(620, 7_200 + 36_000).await;
    let night = show();
    assert!(
        night.contains("next: its reader is left alone until "),
        "{night}"
    );
    told.store.close().await;
}

#[tokio::test]
async fn a_letter_that_waits_for_the_pace_says_for_which_route_and_why() {
    let desk = desk().await;
    let told = Telling::begin(&desk).await;
    let busy = (Class::System, "busy", "451 4.3.0 try later");
    told.refused(600, 1, 700, busy).await;
    told.store.promote(told.at(700), 10).await.unwrap();
    told.pace(1_000, Phase::Paused, "421 too many letters")
        .await;
    let text = desk.quietly(&format!("letter explain {}", told.id));
    assert!(
        text.contains("now its way is slow: default to mailru is paused until"),
        "{text}"
    );
    let json = desk.quietly(&format!("letter explain {} --json", told.id));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["slow_routes"][0]["cause"], "421 too many letters");
    let waits = waits(&json);
    assert!(
        waits.starts_with("schedule 600, work 1, retry 99, queue 300, pace "),
        "{waits}"
    );
    let status = desk.quietly("queue status --json");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["providers"][0]["cause"], "pace");
    assert_eq!(status["providers"][0]["class"], "system");
    assert_eq!(status["sites"][0]["routes"][0]["phase"], "paused");
    told.store.close().await;
}
