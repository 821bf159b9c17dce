//! The small internet as its guests see it: real sockets, real texts, and a tally that agrees with the sender.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

#[path = "sim/client.rs"]
mod client;
#[path = "sim/letters.rs"]
mod letters;
#[path = "sim/limits.rs"]
mod limits;
#[path = "sim/names.rs"]
mod names;
#[path = "sim/sink.rs"]
mod sink;

use std::time::Duration;

use client::{Client, LETTER, SENDER, one_provider, start};
use postrider::sim::{
    Cut, Cuts, Dialect, Shares, SmallInternet, Temper,
    plan::{Health, Plan},
};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout},
};

/// Sends one letter to a generous provider that speaks this dialect, and compares the deciding reply.
async fn check(dialect: Dialect, recipient: &str, expected: &str) {
    let (internet, socket) = start(dialect, Temper::generous()).await;
    let mut client = Client::connect(socket).await;
    let reply = client.hand_over(SENDER, recipient, LETTER).await;
    assert!(reply.contains(expected), "{dialect:?} {recipient}: {reply}");
    let is_taken = u64::from(expected.starts_with("250"));
    assert_eq!(internet.stop().await.accepted(), is_taken);
}

#[tokio::test]
async fn an_unknown_user_is_refused_in_the_words_of_the_provider() {
    let anna = "unknown-anna@mail.example";
    check(Dialect::Mailru, anna, "550 Message was not accepted -- invalid mailbox.  Local mailbox unknown-anna@mail.example is unavailable: user not found").await;
    check(Dialect::Yandex, anna, "550 5.7.1 No such user!").await;
    check(
        Dialect::Google,
        anna,
        "550-5.1.1 The email account that you tried to reach does not exist.",
    )
    .await;
    check(Dialect::Outlook, anna, "550 5.").await;
    check(Dialect::Rambler, anna, "user not found").await;
    check(
        Dialect::Yahoo,
        anna,
        "554 delivery error: dd This user doesn't have a yahoo.com account",
    )
    .await;
}

#[tokio::test]
async fn full_and_disabled_mailboxes_spam_and_strangers_have_their_own_words() {
    check(
        Dialect::Yandex,
        "full-anna@mail.example",
        "552 5.2.2 Mailbox size limit exceeded",
    )
    .await;
    check(
        Dialect::Google,
        "full-anna@mail.example",
        "452-4.2.2 The recipient's inbox is out of storage",
    )
    .await;
    check(
        Dialect::Mailru,
        "disabled-anna@mail.example",
        "account is disabled",
    )
    .await;
    check(Dialect::Google, "disabled-anna@mail.example", "550-5.2.1").await;
    check(
        Dialect::Mailru,
        "spam-anna@mail.example",
        "550 spam message rejected.",
    )
    .await;
    check(
        Dialect::Yandex,
        "spam-anna@mail.example",
        "554 5.7.1 [2] Message rejected under suspicion of SPAM",
    )
    .await;
    check(
        Dialect::Postfix,
        "anna@elsewhere.example",
        "554 5.7.1 <anna@elsewhere.example>: Relay access denied",
    )
    .await;
    check(Dialect::Postfix, "anna@MAIL.example", "250 2.0.0").await;
}

/// A letter whose line is cut, then tried again: the first reply, and how many copies were taken before and after.
async fn check_cut(cuts: Cuts, place: Cut, copies: [u16; 2]) {
    let temper = Temper {
        cuts,
        ..Temper::default()
    };
    let (internet, socket) = start(Dialect::Postfix, temper).await;
    for (attempt, expected) in copies.into_iter().enumerate() {
        let mut client = Client::connect(socket).await;
        let reply = client.hand_over(SENDER, "anna@mail.example", LETTER).await;
        assert_eq!(reply.is_empty(), attempt == 0, "cut only once: {reply}");
        drop(client);
        let letter = internet
            .letters()
            .by_envelope(SENDER, "anna@mail.example")
            .unwrap();
        assert_eq!(letter.accepted, expected, "{place:?}");
        assert_eq!(internet.letters().copies("1@example.com"), expected);
    }
    let tally = internet.stop().await;
    assert_eq!(tally.providers[0].cut.get(&place), Some(&1));
}

#[tokio::test]
async fn a_line_is_cut_before_or_after_the_letter_was_taken() {
    let none = Cuts::default();
    check_cut(
        Cuts {
            mid_letter: 1.0,
            ..none
        },
        Cut::MidLetter,
        [0, 1],
    )
    .await;
    check_cut(
        Cuts {
            after_dot_kept: 1.0,
            ..none
        },
        Cut::AfterDotKept,
        [1, 2],
    )
    .await;
    check_cut(
        Cuts {
            after_dot_lost: 1.0,
            ..none
        },
        Cut::AfterDotLost,
        [0, 1],
    )
    .await;
}

#[tokio::test]
async fn a_slow_provider_takes_its_time_for_each_reply() {
    let temper = Temper {
        reply_delay: Duration::from_millis(10),
        ..Temper::default()
    };
    let (internet, socket) = start(Dialect::Postfix, temper).await;
    let started = Instant::now();
    let mut client = Client::connect(socket).await;
    client.hand_over(SENDER, "anna@mail.example", LETTER).await;
    // Greeting, EHLO, MAIL, RCPT, DATA, dot.
    assert!(started.elapsed() >= Duration::from_millis(60));
    internet.stop().await;
}

#[tokio::test]
async fn a_dead_host_refuses_and_a_silent_one_says_nothing() {
    let mut plan = one_provider(1, Dialect::Postfix, Temper::generous());
    plan.providers[0].sites[0].hosts[0].health = Health::Refusing;
    let mut silent = one_provider(1, Dialect::Postfix, Temper::generous())
        .providers
        .remove(0);
    silent.sites[0].hosts[0].health = Health::Silent;
    let dead = SmallInternet::start(plan).await.unwrap();
    let refused = TcpStream::connect(dead.reroute().values().next().unwrap()).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    dead.stop().await;

    let mute = SmallInternet::start(Plan::empty(1).with(silent))
        .await
        .unwrap();
    let socket = *mute.reroute().values().next().unwrap();
    let mut stream = TcpStream::connect(socket).await.unwrap();
    let heard = timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
    mute.stop().await;
}

#[tokio::test]
async fn a_full_mailbox_has_room_after_its_owner_tidied_up() {
    let temper = Temper {
        tidy_after: Some(1),
        ..Temper::default()
    };
    // One of them refuses after RCPT, the other after the final dot.
    for dialect in [Dialect::Google, Dialect::Mailru] {
        let (internet, socket) = start(dialect, temper.clone()).await;
        let mut client = Client::connect(socket).await;
        let anna = "full-anna@mail.example";
        let first = client.hand_over(SENDER, anna, LETTER).await;
        assert!(
            first.contains("full") || first.contains("out of storage"),
            "{first}"
        );
        let second = client.hand_over(SENDER, anna, LETTER).await;
        assert!(second.starts_with("250"), "{second}");
        internet.stop().await;
    }
}

/// Which of 60 letters were taken, under a seed.
async fn outcomes(seed: u64) -> String {
    let temper = Temper {
        mailboxes: Shares {
            unknown: 0.2,
            full: 0.1,
            disabled: 0.1,
        },
        spam: 0.1,
        ..Temper::default()
    };
    let internet = SmallInternet::start(one_provider(seed, Dialect::Outlook, temper))
        .await
        .unwrap();
    let mut client = Client::connect(*internet.reroute().values().next().unwrap()).await;
    let mut replies = String::new();
    for number in 0..60 {
        let recipient = format!("anna{number}@mail.example");
        let reply = client.hand_over(SENDER, &recipient, LETTER).await;
        replies.push_str(&reply);
    }
    internet.stop().await;
    replies
}

#[tokio::test]
async fn the_same_seed_decides_the_same_and_another_seed_otherwise() {
    assert_eq!(outcomes(1).await, outcomes(1).await);
    assert_ne!(outcomes(1).await, outcomes(2).await);
}

#[tokio::test]
async fn guests_who_talk_nonsense_get_an_answer_and_are_seen_off() {
    let (internet, socket) = start(Dialect::Postfix, Temper::generous()).await;
    let mut client = Client::greeted(socket).await.0;
    for (command, expected) in [
        ("MAIL FROM:<a@example.com>", "503"),
        ("HELO out.example.com", "250 mx.mail.example"),
        ("RCPT TO:<anna@mail.example>", "503"),
        ("DATA", "503"),
        ("MAIL FROM:a@example.com", "501"),
        ("MAIL FROM:<a@example.com> SIZE=99999999999", "552 5.3.4"),
        ("MAIL FROM:<почта@example.com> SMTPUTF8", "553 5.6.7"),
        ("MAIL FROM:<>", "250"),
        ("MAIL FROM:<>", "503"),
        ("RCPT TO:<anna>", "501 5.1.3"),
        ("RSET", "250"),
        ("NOOP", "250"),
        ("VRFY anna", "252"),
        ("GET / HTTP/1.1", "502"),
        (&"A".repeat(5_000), "500 5.5.2"),
        ("\u{1}", "500 5.5.2"),
    ] {
        let reply = client.say(command).await;
        assert!(reply.starts_with(expected), "{command}: {reply}");
    }
    let mut last = String::new();
    while !last.starts_with("421") {
        last = client.say("GET / HTTP/1.1").await;
        assert!(!last.is_empty());
    }
    assert_eq!(client.reply().await, "");
    internet.stop().await;
}

#[tokio::test]
async fn a_stop_says_goodbye_and_leaves_no_socket() {
    let (internet, socket) = start(Dialect::Postfix, Temper::generous()).await;
    let mut client = Client::connect(socket).await;
    let (_, goodbye) = tokio::join!(internet.stop(), client.reply());
    assert!(goodbye.starts_with("421"), "{goodbye}");
    assert!(TcpStream::connect(socket).await.is_err());
}
