//! A client with its letters, against one script.
//!
//! Owns the harness of the cases in `letters`, `trouble` and `tls`; the story of a play is one line a letter.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use postrider::{
    mail::{Address, Domain, Evidence},
    net::Trust,
    smtp::{Envelope, Hello, Login, Session, Timeouts, Tls},
};
use rustls::RootCertStore;

use super::receiver::{Identity, Receiver, connect};

/// What the client brings to a case.
pub(crate) struct Case {
    pub(crate) message: Vec<u8>,
    pub(crate) recipient: &'static str,
    pub(crate) letters: usize,
    pub(crate) tls: fn(&Trust) -> Tls,
    pub(crate) login: Option<Login>,
    pub(crate) timeouts: Timeouts,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            message: b"Subject: hello\r\n\r\n.text\r\n".to_vec(),
            recipient: "anna@example.com",
            letters: 1,
            tls: |_| Tls::Off,
            login: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// Limits for receivers that stay silent on purpose: long enough for a loaded machine to answer where it should.
pub(crate) fn short(one: fn(&mut Timeouts) -> &mut Duration) -> Timeouts {
    let mut timeouts = Timeouts::default();
    *one(&mut timeouts) = Duration::from_millis(60);
    timeouts
}

pub(crate) fn words(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Accepted(reply) => format!("accepted {reply}"),
        Evidence::Refused(reply) => format!("refused at {}: {reply}", reply.stage.name()),
        // How the system words a broken connection is its own affair.
        Evidence::Broken(trouble) => format!(
            "broken at {}: {}",
            trouble.stage.name(),
            trouble.kind.name()
        ),
        Evidence::LostReply(trouble) => format!(
            "in doubt at {}: {}",
            trouble.stage.name(),
            trouble.kind.name()
        ),
        other => format!("{other:?}"),
    }
}

/// Plays the script against a client that sends its letters on one connection; the story, and the messages heard.
pub(crate) async fn play(case: &Case, script: &str) -> (String, Vec<Vec<u8>>) {
    let identity = Arc::new(Identity::new());
    let receiver = Receiver::start(Arc::clone(&identity)).await;
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate.clone()).unwrap();
    let trust = Trust::with_roots(roots).unwrap();
    let (story, messages) = join(letters(case, &receiver, &trust), receiver.play(script)).await;
    (story, messages)
}

pub(crate) async fn letters(case: &Case, receiver: &Receiver, trust: &Trust) -> String {
    let ehlo = Domain::parse("mail.example.org").unwrap();
    let hello = Hello {
        ehlo: &ehlo,
        host: "mx.example.com",
        remote: [192, 0, 2, 1].into(),
        tls: (case.tls)(trust),
        login: case.login.as_ref(),
        chunking: true,
        timeouts: case.timeouts,
    };
    let wire = connect(receiver).await;
    let mut session = match Session::open(wire, &hello).await {
        Ok(session) => session,
        Err(unopened) => {
            let hint = if unopened.clear_may_work {
                ", clear may work"
            } else {
                ""
            };
            return format!("unopened, {}{hint}", words(&unopened.evidence));
        }
    };
    let mut story: Vec<String> = session
        .tls()
        .map(|name| format!("under {name}"))
        .into_iter()
        .collect();
    let return_path = Address::parse("b+token@mail.example.org").unwrap();
    let recipient = Address::parse(case.recipient).unwrap();
    for _ in 0..case.letters {
        let envelope = Envelope {
            return_path: &return_path,
            recipient: &recipient,
        };
        let outcome = session.send(envelope, &case.message).await;
        let end = if outcome.usable {
            ""
        } else {
            ", the session ended"
        };
        story.push(format!("{}{end}", words(&outcome.evidence)));
    }
    session.quit().await;
    story.join("\n")
}

pub(crate) async fn check_with(case: &Case, script: &str, expected: &str) {
    let (story, _) = play(case, script).await;
    assert_eq!(story, expected, "{script}");
}

pub(crate) async fn check(script: &str, expected: &str) {
    check_with(&Case::default(), script, expected).await;
}

pub(crate) const OPENING: &str =
    "S 220 mx.example.com ESMTP\nC EHLO mail.example.org\nS 250 mx.example.com\n";
pub(crate) const PIPELINED: &str =
    "S 220 mx.example.com ESMTP\nC EHLO mail.example.org\nS 250-mx.example.com\nS 250 PIPELINING\n";
pub(crate) const LETTER: &str = "C MAIL FROM:<b+token@mail.example.org>\nS 250 ok\nC RCPT TO:<anna@example.com>\nS 250 ok\nC DATA\nS 354 go\nM\n";
pub(crate) const QUIT: &str = "C QUIT\nS 221 bye\n";

pub(crate) fn script(parts: &[&str]) -> String {
    parts.join("\n")
}
