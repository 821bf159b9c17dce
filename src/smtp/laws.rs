//! The laws of the talk, against a receiver that says anything in pieces of any size.
//!
//! Owns a receiver on an in-memory pipe, which goes by RFC 5321 except for the replies it is told to give. Tests only.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use futures_util::future::join;
use proptest::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::{Envelope, Hello, Session, Timeouts, Tls};
use crate::mail::{Address, Domain, Evidence, TroubleKind};

/// What the receiver answers to one letter.
#[derive(Clone, Copy, Debug)]
struct Answers {
    mail: u16,
    rcpt: u16,
    data: u16,
    dot: u16,
}

/// The receiver's temper.
#[derive(Clone, Debug)]
struct Receiver {
    letters: Vec<Answers>,
    pipelining: bool,
    /// Takes chunks (RFC 3030).
    chunking: bool,
    /// Answers DATA with 354 even without a recipient, as RFC 2920 §3.1 warns.
    invites_always: bool,
    /// Octets per write.
    step: usize,
}

/// What the receiver saw of one letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Messages that came after an accepted recipient.
    messages: Vec<Vec<u8>>,
    /// Octets that came although no recipient had been accepted.
    uninvited: Vec<u8>,
}

struct Host {
    wire: BufReader<DuplexStream>,
    step: usize,
}

impl Host {
    async fn say(&mut self, code: u16) -> Option<()> {
        let reply = format!("{code}-first line\r\n{code} x\r\n");
        self.write(&reply).await
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        for piece in text.as_bytes().chunks(self.step) {
            self.wire.write_all(piece).await.ok()?;
            tokio::task::yield_now().await;
        }
        (!text.starts_with("421")).then_some(())
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let count = self.wire.read_until(b'\n', &mut line).await.ok()?;
        (count > 0).then_some(line)
    }

    /// A chunk of that many octets.
    async fn chunk(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let line = std::str::from_utf8(line).ok()?;
        let size = line.strip_prefix("BDAT ")?.strip_suffix(" LAST\r\n")?;
        let mut chunk = vec![0; size.parse().ok()?];
        self.wire.read_exact(&mut chunk).await.ok()?;
        Some(chunk)
    }

    /// Everything up to the final dot, unstuffed.
    async fn message(&mut self) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                return Some(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

impl Receiver {
    async fn serve(&self, wire: DuplexStream, seen: &mut Seen) -> Option<()> {
        let mut host = Host {
            wire: BufReader::new(wire),
            step: self.step,
        };
        host.write("220 mx.example.com\r\n").await?;
        host.line().await?;
        let offers = [(self.pipelining, "PIPELINING"), (self.chunking, "CHUNKING")];
        let offers = offers.iter().filter(|(offered, _)| *offered);
        let lines: Vec<&str> = offers.map(|(_, name)| *name).collect();
        let lines = [&["mx.example.com"], &lines[..]].concat().join("\r\n250-");
        host.write(&format!("250-{lines}\r\n250 X-NOTHING\r\n"))
            .await?;
        let mut letters = self.letters.iter().copied();
        let mut now: Option<Answers> = None;
        let (mut mail, mut rcpt) = (false, false);
        while let Some(line) = host.line().await {
            if line.starts_with(b"BDAT") {
                let chunk = host.chunk(&line).await?;
                let code = if rcpt { now?.dot } else { 503 };
                if rcpt {
                    seen.messages.push(chunk);
                } else {
                    seen.uninvited.extend(chunk);
                }
                (mail, rcpt) = (false, false);
                host.say(code).await?;
                continue;
            }
            let code = match &line[..4] {
                b"MAIL" => {
                    now = letters.next();
                    let code = now?.mail;
                    mail = code / 100 == 2;
                    rcpt = false;
                    code
                }
                b"RCPT" => {
                    let code = if mail { now?.rcpt } else { 503 };
                    rcpt = code / 100 == 2;
                    code
                }
                b"DATA" if rcpt => now?.data,
                b"DATA" if self.invites_always => 354,
                b"DATA" => 503,
                _ => {
                    (mail, rcpt) = (false, false);
                    250
                }
            };
            host.say(code).await?;
            if &line[..4] == b"DATA" && code == 354 {
                let message = host.message().await?;
                let code = if rcpt { now?.dot } else { 554 };
                if rcpt {
                    seen.messages.push(message);
                } else {
                    seen.uninvited.extend(message);
                }
                (mail, rcpt) = (false, false);
                host.say(code).await?;
            }
        }
        Some(())
    }
}

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\n.dots\r\n..and more\r\n.\r\n";

/// Sends as many letters as the receiver has answers for, on one session: what we made of it, and what it saw.
async fn talk(receiver: &Receiver) -> (Vec<(Evidence, bool)>, Seen) {
    let (ours, theirs) = tokio::io::duplex(64);
    let mut seen = Seen::default();
    let letters = async {
        let ehlo = Domain::parse("mail.example.org").unwrap();
        let return_path = Address::parse("b@mail.example.org").unwrap();
        let recipient = Address::parse("anna@example.com").unwrap();
        let hello = Hello {
            ehlo: &ehlo,
            host: "mx.example.com",
            remote: [192, 0, 2, 1].into(),
            tls: Tls::Off,
            login: None,
            chunking: true,
            timeouts: Timeouts::default(),
        };
        let mut session = Session::open(ours, &hello).await.unwrap();
        let mut outcomes = Vec::new();
        for _ in &receiver.letters {
            let envelope = Envelope {
                return_path: &return_path,
                recipient: &recipient,
            };
            let outcome = session.send(envelope, MESSAGE).await;
            outcomes.push((outcome.evidence, outcome.usable));
        }
        outcomes
    };
    let (outcomes, _) = join(letters, receiver.serve(theirs, &mut seen)).await;
    (outcomes, seen)
}

fn run(receiver: &Receiver) -> (Vec<(Evidence, bool)>, Seen) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(talk(receiver))
}

fn code(usual: u16) -> impl Strategy<Value = u16> {
    prop_oneof![
        8 => Just(usual),
        1 => prop::sample::select(vec![450_u16, 452, 550, 554]),
        1 => prop::sample::select(vec![421_u16, 251, 354, 250]),
    ]
}

fn receiver() -> impl Strategy<Value = Receiver> {
    let letter =
        (code(250), code(250), code(354), code(250)).prop_map(|(mail, rcpt, data, dot)| Answers {
            mail,
            rcpt,
            data,
            dot,
        });
    let letters = prop::collection::vec(letter, 1..6);
    (letters, any::<bool>(), any::<bool>(), 1_usize..80).prop_map(
        |(letters, chunking, invites_always, step)| Receiver {
            letters,
            pipelining: true,
            chunking,
            invites_always,
            step,
        },
    )
}

proptest! {
    #[test]
    fn pipelined_and_stepwise_talks_end_alike(receiver in receiver()) {
        let stepwise = Receiver { pipelining: false, ..receiver.clone() };
        let (one, one_seen) = run(&receiver);
        let (other, other_seen) = run(&stepwise);
        let evidence = |outcomes: Vec<(Evidence, bool)>| outcomes.into_iter().map(|(evidence, _)| evidence).collect::<Vec<_>>();
        prop_assert_eq!(evidence(one), evidence(other));
        prop_assert_eq!(one_seen.messages, other_seen.messages);
    }

    #[test]
    fn letters_in_chunks_end_like_those_with_a_dot(receiver in receiver()) {
        let mut receiver = receiver;
        // DATA is not asked where chunks go.
        for answers in &mut receiver.letters {
            answers.data = 354;
        }
        let chunked = Receiver { chunking: true, ..receiver.clone() };
        prop_assert_eq!(run(&chunked), run(&Receiver { chunking: false, ..receiver }));
    }

    #[test]
    fn any_splitting_of_the_stream_gives_the_same_talk(receiver in receiver(), pipelining: bool) {
        let whole = Receiver { step: 4_096, pipelining, ..receiver.clone() };
        prop_assert_eq!(run(&Receiver { pipelining, ..receiver }), run(&whole));
    }

    #[test]
    fn no_content_leaves_without_an_accepted_recipient(receiver in receiver()) {
        let (_, seen) = run(&receiver);
        prop_assert_eq!(seen.uninvited, b"");
        prop_assert!(seen.messages.iter().all(|message| message == MESSAGE));
    }

    #[test]
    fn both_ends_count_the_same_letters(receiver in receiver()) {
        let (outcomes, seen) = run(&receiver);
        let reached = outcomes.iter().filter(|(evidence, _)| match evidence {
            Evidence::Accepted(_) | Evidence::LostReply(_) => true,
            Evidence::Refused(reply) => reply.stage == crate::mail::Stage::FinalDot,
            _ => false,
        });
        prop_assert_eq!(reached.count(), seen.messages.len());
    }

    #[test]
    fn a_session_stays_usable_exactly_until_the_host_leaves_or_makes_no_sense(receiver in receiver()) {
        let (outcomes, _) = run(&receiver);
        for (evidence, usable) in outcomes {
            match evidence {
                Evidence::Accepted(_) => prop_assert!(usable),
                Evidence::Refused(reply) if reply.is_closing() => prop_assert!(!usable),
                Evidence::Refused(_) => prop_assert!(usable),
                _ => prop_assert!(!usable),
            }
        }
    }

    #[test]
    fn whatever_a_host_says_the_talk_ends(noise in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ended = runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let ehlo = Domain::parse("mail.example.org").unwrap();
            let hello = Hello {
                ehlo: &ehlo,
                host: "mx.example.com",
                remote: [192, 0, 2, 1].into(),
                tls: Tls::Off,
                login: None,
                chunking: true,
                timeouts: Timeouts::default(),
            };
            // Then it hangs up: what the client makes of its silence is for the clock, not for this law.
            let said = noise.clone();
            let host = async move { drop(theirs.write_all(&said).await) };
            join(Session::open(ours, &hello), host).await.0.is_ok()
        });
        let has_two_replies = noise.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"2")).count() > 1;
        prop_assert!(!ended || has_two_replies);
    }
}

#[test]
fn a_dropped_send_leaves_no_usable_session() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(4_096);
        let mut host = BufReader::new(theirs);
        let ehlo = Domain::parse("mail.example.org").unwrap();
        let address = Address::parse("anna@example.com").unwrap();
        let hello = Hello {
            ehlo: &ehlo,
            host: "mx.example.com",
            remote: [192, 0, 2, 1].into(),
            tls: Tls::Off,
            login: None,
            chunking: true,
            timeouts: Timeouts::default(),
        };
        let greeting = b"220 mx\r\n";
        host.write_all(greeting).await.unwrap();
        let ehlo_answer = async {
            host.read_line(&mut String::new()).await.unwrap();
            host.write_all(b"250 mx\r\n").await.unwrap();
        };
        let (session, ()) = join(Session::open(ours, &hello), ehlo_answer).await;
        let mut session = session.unwrap();
        let envelope = Envelope {
            return_path: &address,
            recipient: &address,
        };
        {
            let mut sending = std::pin::pin!(session.send(envelope, MESSAGE));
            let begin = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_ready()));
            assert!(!begin.await, "the host has not answered yet");
        }
        assert!(!session.is_usable());
        let outcome = session.send(envelope, MESSAGE).await;
        let Evidence::Broken(trouble) = outcome.evidence else {
            unreachable!("nothing can be sent on an ended session");
        };
        assert_eq!(trouble.kind, TroubleKind::Closed);
    });
}
