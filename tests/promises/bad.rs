//! Receivers and name servers that misbehave: always a verdict, never a hang, a panic or a lost letter.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use postrider::{
    mail::{InDoubt, State},
    route::{FixedRoute, FixedRoutes, SmarthostLogin, TlsPolicy},
    sim::{Cuts, Plan, Temper, plan::Breakage, plan::Health},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    desk::{Wishes, patience},
    fates::states,
    receiver::{Identity, Receiver},
    world::{World, letter, people, provider},
};

const HELLO: &str = "S 220 mx\nC EHLO\nS 250 mx\n";
const MAIL: &str = "C MAIL\nS 250 ok\n";
const RCPT: &str = "C RCPT\nS 250 ok\n";
const DATA: &str = "C DATA\nS 354 go\n";

/// What a receiver does, what becomes of the letter, and words of its last event.
const SCRIPTS: &[(&[&str], &str, &str)] = &[
    (&["SILENCE"], "expired", "timed-out at banner"),
    (
        &["S 220 mx\nC EHLO\nSILENCE"],
        "expired",
        "timed-out at ehlo",
    ),
    (
        &[HELLO, "C MAIL\nSILENCE"],
        "expired",
        "timed-out at mail_from",
    ),
    (
        &[HELLO, MAIL, "C RCPT\nSILENCE"],
        "expired",
        "timed-out at rcpt_to",
    ),
    (
        &[HELLO, MAIL, RCPT, "C DATA\nSILENCE"],
        "expired",
        "timed-out at data",
    ),
    (
        &[HELLO, MAIL, RCPT, DATA, "M\nSILENCE"],
        "in_doubt",
        "timed-out at final_dot",
    ),
    // A short letter is on the wire up to its dot at once: nobody knows how much of it was read.
    (
        &[HELLO, MAIL, RCPT, DATA, "BYTES 64"],
        "in_doubt",
        "nobody knows",
    ),
    (&[HELLO, MAIL, RCPT, DATA, "M"], "in_doubt", "nobody knows"),
    (
        &["FLOOD 2000 220-a reply that never ends and never ends and so on\\r\\n"],
        "expired",
        "garbage",
    ),
    (&["FLOOD 100000 x"], "expired", "garbage"),
    (&["FLOOD 1000 \\xff\\0\\xff"], "expired", "closed"),
    (&["RAW \\xff\\0\\r\\n\nSILENCE"], "expired", "garbage"),
    // What a slip or a lie in the greeting must not do: bounce a letter that was never tried.
    (
        &[
            "S 220 mx\nC EHLO\nS 250-mx\nS 250 SIZE 99999999999999999999999\n",
            MAIL,
            RCPT,
            DATA,
            "M\nS 250 ok\nSILENCE",
        ],
        "delivered",
        "ok",
    ),
    (
        &[
            "S 220 mx\nC EHLO\nS 250-mx\nS 250 SIZE 1\n",
            MAIL,
            RCPT,
            DATA,
            "M\nS 250 ok\nSILENCE",
        ],
        "delivered",
        "ok",
    ),
    (
        &["S 220 mx\nC EHLO\nFLOOD 1500 250-a line of many, padded with words and words\\r\\n"],
        "expired",
        "more than 512 lines",
    ),
    (
        &[
            HELLO,
            MAIL,
            "C RCPT\nFLOOD 1500 550-a line of many, padded with words and words\\r\\n",
        ],
        "expired",
        "more than 512 lines",
    ),
    (
        &[HELLO, MAIL, RCPT, DATA, "M\nFLOOD 100000 250"],
        "in_doubt",
        "longer than 8192 octets",
    ),
    (
        &[HELLO, MAIL, RCPT, DATA, "M\nS 354 more"],
        "in_doubt",
        "makes no sense here",
    ),
    // In one write: as two, the second may come when the letter has gone out, and is its reply then.
    (
        &[
            HELLO,
            MAIL,
            RCPT,
            "C DATA\nRAW 354 go\\r\\n250 accepted already\\r\\n\nSILENCE",
        ],
        "expired",
        "a command that was not given",
    ),
    (
        &[
            "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nRAW 220 go\\r\\n250 injected\\r\\n\nSILENCE",
        ],
        "expired",
        "a command that was not given",
    ),
    (
        &["RAW 220-a\\r\\n550 b\\r\\n\nSILENCE"],
        "expired",
        "contradict each other",
    ),
    (
        &["RAW HTTP/1.1 400 Bad Request\\r\\n\\r\\n\nSILENCE"],
        "expired",
        "not an SMTP reply",
    ),
    (
        &[
            HELLO,
            MAIL,
            "C RCPT\nRAW 550 5.1.1 no \\0 such \\xff user\\r\\n\nSILENCE",
        ],
        "bounced",
        "user",
    ),
    (&["S 554 go away"], "expired", "go away"),
    (
        &["DRIP\n", HELLO, MAIL, RCPT, DATA, "M\nS 250 ok\nSILENCE"],
        "delivered",
        "ok",
    ),
];

/// Name servers and hosts that misbehave.
const NAMES: [(Breakage, &str, &str); 6] = [
    (Breakage::NoSuchDomain, "bounced", "does not exist"),
    (Breakage::NullMx, "bounced", "null MX"),
    (Breakage::ServFail, "expired", "DNS"),
    (Breakage::NoAnswer, "expired", "DNS"),
    (
        Breakage::DanglingMx,
        "expired",
        "none of its mail hosts has an address",
    ),
    (Breakage::AliasLoop, "expired", "DNS"),
];

fn hasty() -> Wishes {
    Wishes {
        timeouts: patience(Duration::from_millis(1_500)),
        give_up_age: Duration::from_secs(5),
        ..Wishes::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_misbehaves_ends_in_a_verdict() {
    let mut plan = Plan::empty(7).with(provider("bad", SCRIPTS.len(), Temper::generous()));
    let mut dead = provider("dead", 1, Temper::generous());
    dead.sites[0].hosts[0].health = Health::Refusing;
    plan = plan.with(dead);
    let broken = |n: usize| format!("{n}.broken.example");
    let names = NAMES.iter().enumerate();
    plan.broken = names.map(|(n, (how, ..))| (broken(n), *how)).collect();
    let mut world = World::new(plan).await;

    let mut expected = vec![("anna@0.dead.example".to_owned(), "expired", "refused")];
    for (n, (_, state, words)) in NAMES.iter().enumerate() {
        expected.push((format!("anna@{}", broken(n)), state, words));
    }
    let identity = Arc::new(Identity::new());
    let mut receivers = JoinSet::new();
    for (n, (script, state, words)) in SCRIPTS.iter().enumerate() {
        let receiver = Receiver::start(Arc::clone(&identity)).await;
        // The plan's first hosts got the first documentation addresses.
        let address = [192, 0, 2, u8::try_from(n + 1).unwrap()].into();
        world.lines.reroute.insert(address, receiver.socket);
        let script = script.concat();
        receivers.spawn(async move {
            loop {
                receiver.play(&script).await;
            }
        });
        expected.push((format!("anna@{n}.bad.example"), *state, *words));
    }

    world
        .enqueue(expected.iter().map(|(to, ..)| letter(to)))
        .await;
    let engine = world.engine(&hasty()).await;
    world.settled().await;
    engine.stop().await;
    let mut faults = Vec::new();
    for fate in world.fates().await {
        let (to, state, words) = expected.iter().find(|(to, ..)| *to == fate.to).unwrap();
        let history = world.store.history(fate.id).await.unwrap();
        let text = history.last().unwrap().event.text.clone().unwrap();
        if fate.state.name() != *state || !text.contains(words) {
            faults.push(format!(
                "{to}: {} instead of {state}; {text}",
                fate.state.name()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    receivers.shutdown().await;
    world.end().await;
}

/// 60 letters to a receiver that hangs up after the final dot: what the stream's policy makes of it.
async fn in_doubt(policy: InDoubt, kept: bool) -> World {
    let share = |is: bool| if is { 1.0 } else { 0.0 };
    let temper = Temper {
        cuts: Cuts {
            mid_letter: 0.0,
            after_dot_kept: share(kept),
            after_dot_lost: share(!kept),
        },
        ..Temper::default()
    };
    let world = World::new(Plan::empty(7).with(provider("cut", 3, temper))).await;
    world
        .enqueue(people(60, "cut", 3).map(|to| letter(&to)))
        .await;
    let wishes = Wishes {
        in_doubt: policy,
        ..Wishes::default()
    };
    let engine = world.engine(&wishes).await;
    world.settled().await;
    engine.stop().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_in_doubt_is_held_or_sent_again_as_its_stream_says() {
    let cases = [
        (InDoubt::Hold, true, State::InDoubt, 1),
        (InDoubt::Hold, false, State::InDoubt, 0),
        (InDoubt::Retry, true, State::Delivered, 2),
        (InDoubt::Retry, false, State::Delivered, 1),
    ];
    for (policy, kept, state, copies) in cases {
        let world = in_doubt(policy, kept).await;
        let fates = world.kept().await;
        assert_eq!(states(&fates), [(state.name(), 60)].into());
        assert!(
            fates.iter().all(|fate| fate.copies == copies),
            "{policy:?} {kept}"
        );
        world.end().await;
    }
}

/// Longer than what the sockets of both ends hold: the line breaks while the letter is being written.
fn long_letter(to: &str) -> Value {
    let mut long = letter(to);
    long["text"] = json!("Заказы. ".repeat(60_000));
    long
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_cuts_the_line_in_mid_letter_gets_it_once_in_the_end() {
    let temper = Temper {
        cuts: Cuts {
            mid_letter: 1.0,
            ..Cuts::default()
        },
        ..Temper::default()
    };
    let world = World::new(Plan::empty(7).with(provider("cut", 3, temper))).await;
    let to: Vec<String> = people(24, "cut", 3).collect();
    let (short, long) = to.split_at(16);
    world.enqueue(short.iter().map(|to| letter(to))).await;
    world.enqueue(long.iter().map(|to| long_letter(to))).await;
    let wishes = Wishes {
        in_doubt: InDoubt::Retry,
        ..Wishes::default()
    };
    let engine = world.engine(&wishes).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 24)].into());
    for fate in &fates {
        let failures = fate.events("deferred") + fate.events("doubted");
        assert_eq!((fate.copies, failures), (1, 1), "{fate:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smarthost_gets_the_login_only_under_tls_and_then_every_letter() {
    let mut world = World::new(Plan::empty(7)).await;
    let smarthost = Receiver::start(Arc::new(Identity::new())).await;
    world
        .lines
        .reroute
        .insert([192, 0, 2, 1].into(), smarthost.socket);
    let route = FixedRoute {
        host: "192.0.2.1".to_owned(),
        port: 587,
        tls: TlsPolicy::Required,
        login: Some(SmarthostLogin {
            user: "anna".to_owned(),
            secret: "s3cret".to_owned(),
            in_clear: false,
        }),
    };
    let wishes = Wishes {
        fixed: FixedRoutes {
            by_domain: BTreeMap::new(),
            default: Some(route),
        },
        ..Wishes::default()
    };
    // Domains that DNS does not know: a fixed route asks nobody.
    let to = ["anna@one.example", "ivan@two.example", "olga@three.example"];
    world.enqueue(to.map(letter)).await;
    let engine = world.engine(&wishes).await;
    let talk = [MAIL, RCPT, DATA, "M\nS 250 ok\n"].concat();
    let script = [
        "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nTLS\n",
        "C EHLO\nS 250-mx\nS 250 AUTH PLAIN\nC AUTH PLAIN\nS 235 welcome\n",
        &talk.repeat(3),
        "SILENCE",
    ]
    .concat();
    let settle = async {
        world.settled().await;
        engine.stop().await;
    };
    let (messages, ()) = tokio::join!(smarthost.play(&script), settle);
    assert_eq!(messages.len(), 3);
    let tls: Vec<Option<String>> =
        sqlx::query_scalar("select tls from postrider.event where kind = 'delivered'")
            .fetch_all(world.database.pool())
            .await
            .unwrap();
    assert!(tls.len() == 3 && tls.iter().all(Option::is_some), "{tls:?}");
    world.end().await;
}
