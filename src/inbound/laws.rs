//! Laws of the talk, on pipes in memory.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    budget::Budget,
    session::{House, Privacy, Session},
    settings::{Protocol, Settings},
};
use crate::{
    mail::{Domain, Incoming, IncomingId, LetterId, Shard, Timestamp},
    port::{Clock, StoreError, inbound::Intake},
    smtp::guest::Guest,
    token::{Addresses, Kind, Named, TokenKey, Tokens},
};

/// Keeps mails in memory, or nothing at all.
#[derive(Clone, Default)]
struct Shelf {
    mails: Arc<Mutex<Vec<Incoming>>>,
    is_broken: bool,
}

impl Shelf {
    fn mails(&self) -> Vec<Incoming> {
        self.mails.lock().unwrap().clone()
    }
}

impl Intake for Shelf {
    async fn keep(&self, mail: Incoming) -> Result<IncomingId, StoreError> {
        if self.is_broken {
            return Err(StoreError {
                doing: "keeping".to_owned(),
                source: "no disk".into(),
            });
        }
        self.mails.lock().unwrap().push(mail);
        Ok(IncomingId(Uuid::nil()))
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1)
    }
}

fn tokens() -> Tokens {
    let key = TokenKey {
        id: 1,
        secret: [7; 32],
    };
    Tokens::new(key, Vec::new())
}

fn ours() -> String {
    let letter = Named {
        id: LetterId(Uuid::from_u128(7)),
        shard: Shard(9),
    };
    let local = tokens().local_part(Kind::ReturnPath, letter);
    format!("{local}@bounce.example.com")
}

fn house(settings: Settings, shelf: &Shelf) -> House<Shelf, Stopped, ()> {
    let domain = Domain::parse("bounce.example.com").unwrap();
    House {
        budget: Budget::new(settings.memory_max),
        settings,
        addresses: Addresses {
            domains: vec![(domain, Kind::ReturnPath)],
            mailboxes: vec!["postmaster".to_owned()],
            tokens: tokens(),
        },
        intake: shelf.clone(),
        clock: Stopped,
        watch: (),
    }
}

/// Says all of it in pieces of those sizes, and hears every reply.
async fn talk(
    house: &House<Shelf, Stopped, ()>,
    protocol: Protocol,
    bytes: &[u8],
    sizes: &[usize],
) -> String {
    let (guest, host) = duplex(1 << 20);
    let serve = async {
        let mut wire = Guest::new(host, house.settings.manner(), CancellationToken::new());
        let remote = Ipv4Addr::LOCALHOST.into();
        Session::new(house, &mut wire, protocol, remote, Privacy::Clear)
            .run()
            .await;
    };
    let (heard, ()) = tokio::join!(say(guest, bytes, sizes), serve);
    heard
}

async fn say(mut guest: DuplexStream, bytes: &[u8], sizes: &[usize]) -> String {
    let mut rest = bytes;
    for size in sizes.iter().copied().chain([usize::MAX]) {
        let (piece, later) = rest.split_at(size.min(rest.len()));
        // A host that has said goodbye hears no more.
        if guest.write_all(piece).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
        rest = later;
    }
    let _ = guest.shutdown().await;
    let mut heard = Vec::new();
    let _ = guest.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

fn codes(heard: &str) -> String {
    let lines = heard.lines().filter(|line| line.as_bytes()[3] == b' ');
    let codes: Vec<&str> = lines.map(|line| &line[..3]).collect();
    codes.join(" ")
}

async fn check(protocol: Protocol, said: &str, expected: &str) -> Vec<Incoming> {
    let shelf = Shelf::default();
    let house = house(Settings::default(), &shelf);
    let said = said.replace("OURS", &ours());
    let heard = talk(&house, protocol, said.as_bytes(), &[]).await;
    assert_eq!(codes(&heard), expected, "{said}\n{heard}");
    shelf.mails()
}

#[tokio::test]
async fn a_report_is_kept_before_it_is_answered() {
    let said = "EHLO mx.example.org\r\nMAIL FROM:<> SIZE=100\r\nRCPT TO:<OURS>\r\nDATA\r\n..dot\r\nhello\r\n.\r\nQUIT\r\n";
    let mails = check(Protocol::Smtp, said, "220 250 250 250 354 250 221").await;
    assert_eq!(mails[0].raw, b".dot\r\nhello\r\n");
    assert_eq!(
        (mails[0].mail_from.as_str(), &mails[0].rcpt_to),
        ("", &vec![ours()])
    );
}

#[tokio::test]
async fn strangers_and_relays_are_refused_at_their_address() {
    let said = "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<b+wrong@bounce.example.com>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nQUIT\r\n";
    let mails = check(Protocol::Smtp, said, "220 250 250 550 550 503 221").await;
    assert!(mails.is_empty());
    let said =
        "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRSET\r\nVRFY anna\r\nNOOP\r\nQUIT\r\n";
    check(Protocol::Smtp, said, "220 250 250 250 250 252 250 221").await;
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let said = "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<OURS>\r\nRCPT TO:<nobody@bounce.example.com>\r\nRCPT TO:<postmaster@bounce.example.com>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let mails = check(
        Protocol::Lmtp,
        said,
        "220 250 250 250 550 250 354 250 250 221",
    )
    .await;
    assert_eq!(mails.len(), 1);
    check(Protocol::Lmtp, "EHLO a\r\nQUIT\r\n", "220 500 221").await;
    check(Protocol::Smtp, "LHLO a\r\nQUIT\r\n", "220 500 221").await;
}

#[tokio::test]
async fn commands_out_of_order_and_nonsense_are_named() {
    let said = "MAIL FROM:<>\r\nEHLO a\r\nRCPT TO:<OURS>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nSTARTTLS\r\nAUTH PLAIN x\r\nBDAT 3 LAST\r\nXYZZY\r\nQUIT\r\n";
    check(
        Protocol::Smtp,
        said,
        "220 503 250 503 503 250 503 502 502 502 500 221",
    )
    .await;
    let said = format!(
        "EHLO a\r\n{}\r\nNOOP\n{}QUIT\r\n",
        "x".repeat(9_000),
        "NO\u{7}OP\r\n"
    );
    check(Protocol::Smtp, &said, "220 250 500 500 500 221").await;
}

#[tokio::test]
async fn whoever_feels_for_addresses_is_seen_off() {
    let guesses = "RCPT TO:<b+guess@bounce.example.com>\r\n".repeat(30);
    let said = format!("EHLO a\r\nMAIL FROM:<>\r\n{guesses}");
    let expected = format!("220 250 250 {}421", "550 ".repeat(20));
    check(Protocol::Smtp, &said, &expected).await;
}

#[tokio::test]
async fn a_bare_line_feed_ends_no_mail_and_smuggles_nothing() {
    for trick in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"] {
        let smuggled = format!(
            "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<OURS>\r\nDATA\r\nfirst{trick}MAIL FROM:<evil@example.org>\r\nRCPT TO:<OURS>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n"
        );
        let mails = check(Protocol::Smtp, &smuggled, "220 250 250 250 354 250 221").await;
        assert_eq!(mails.len(), 1, "{trick:?}");
        assert!(mails[0].raw.ends_with(b"second\r\n"));
    }
}

#[tokio::test]
async fn a_mail_beyond_the_limit_is_read_to_its_end_and_not_kept() {
    let shelf = Shelf::default();
    let small = Settings {
        size_max: 1_000,
        ..Settings::default()
    };
    let house = house(small, &shelf);
    let big = "x\r\n".repeat(40_000);
    let said = format!(
        "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{0}>\r\nDATA\r\n{big}.\r\nMAIL FROM:<> SIZE=1001\r\nQUIT\r\n",
        ours()
    );
    let heard = talk(&house, Protocol::Smtp, said.as_bytes(), &[]).await;
    assert_eq!(codes(&heard), "220 250 250 250 354 552 552 221");
    assert!(shelf.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_room_or_disk_the_sender_comes_back() {
    let said = format!(
        "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{}>\r\nDATA\r\n{}.\r\nQUIT\r\n",
        ours(),
        "x\r\n".repeat(40_000)
    );
    let narrow = Settings {
        memory_max: 50_000,
        ..Settings::default()
    };
    let heard = talk(
        &house(narrow, &Shelf::default()),
        Protocol::Smtp,
        said.as_bytes(),
        &[],
    )
    .await;
    assert_eq!(codes(&heard), "220 250 250 250 354 452 221");
    let broken = Shelf {
        is_broken: true,
        ..Shelf::default()
    };
    let heard = talk(
        &house(Settings::default(), &broken),
        Protocol::Smtp,
        said.as_bytes(),
        &[],
    )
    .await;
    assert_eq!(codes(&heard), "220 250 250 250 354 451 221");
}

#[tokio::test(start_paused = true)]
async fn a_guest_who_falls_silent_or_drips_is_seen_off() {
    let (shelf, settings) = (Shelf::default(), Settings::default());
    let house = house(settings, &shelf);
    let (mut guest, host) = duplex(1 << 20);
    let serve = async {
        let mut wire = Guest::new(host, house.settings.manner(), CancellationToken::new());
        let remote = Ipv4Addr::LOCALHOST.into();
        Session::new(&house, &mut wire, Protocol::Smtp, remote, Privacy::Clear)
            .run()
            .await;
    };
    let drip = async {
        let head = format!("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{}>\r\nDATA\r\n", ours());
        guest.write_all(head.as_bytes()).await.unwrap();
        // One octet a minute is no silence, and still not for ever.
        while guest.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        let mut replies = String::new();
        let _ = guest.read_to_string(&mut replies).await;
        replies
    };
    let ((), heard) = tokio::join!(serve, drip);
    assert_eq!(codes(&heard), "220 250 250 250 354 421");
    assert!(shelf.mails.lock().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_splitting_of_the_bytes_gives_the_same_talk(sizes in proptest::collection::vec(1_usize..20, 0..40)) {
        let said = format!("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{0}>\r\nDATA\r\n..a\r\n.b\n.\r\nc\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<{0}>\r\nDATA\r\n.\r\nQUIT\r\n", ours());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shelf = Shelf::default();
        let house = house(Settings::default(), &shelf);
        let heard = runtime.block_on(talk(&house, Protocol::Smtp, said.as_bytes(), &sizes));
        prop_assert_eq!(codes(&heard), "220 250 250 250 354 250 250 250 354 250 221");
        let mails = shelf.mails.lock().unwrap();
        prop_assert_eq!(&mails[0].raw, b".a\r\nb\n.\r\nc\r\n");
        prop_assert_eq!(&mails[1].raw, b"");
    }

    #[test]
    fn no_bytes_break_the_talk_or_keep_what_is_not_ours(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shelf = Shelf::default();
        let house = house(Settings::default(), &shelf);
        runtime.block_on(talk(&house, Protocol::Smtp, &bytes, &[]));
        let said = [b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<".as_slice(), &bytes, b"\r\nDATA\r\n.\r\n"].concat();
        runtime.block_on(talk(&house, Protocol::Smtp, &said, &[]));
        prop_assert!(shelf.mails.lock().unwrap().is_empty());
    }
}
