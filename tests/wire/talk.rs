//! What becomes of letters at receivers of every temper.

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
struct Case {
    message: Vec<u8>,
    recipient: &'static str,
    letters: usize,
    tls: fn(&Trust) -> Tls,
    login: Option<Login>,
    timeouts: Timeouts,
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
fn short(one: fn(&mut Timeouts) -> &mut Duration) -> Timeouts {
    let mut timeouts = Timeouts::default();
    *one(&mut timeouts) = Duration::from_millis(60);
    timeouts
}

fn words(evidence: &Evidence) -> String {
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
async fn play(case: &Case, script: &str) -> (String, Vec<Vec<u8>>) {
    let identity = Arc::new(Identity::new());
    let receiver = Receiver::start(Arc::clone(&identity)).await;
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate.clone()).unwrap();
    let trust = Trust::with_roots(roots).unwrap();
    let (story, messages) = join(letters(case, &receiver, &trust), receiver.play(script)).await;
    (story, messages)
}

async fn letters(case: &Case, receiver: &Receiver, trust: &Trust) -> String {
    let ehlo = Domain::parse("mail.example.org").unwrap();
    let hello = Hello {
        ehlo: &ehlo,
        host: "mx.example.com",
        remote: [192, 0, 2, 1].into(),
        tls: (case.tls)(trust),
        login: case.login.as_ref(),
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

async fn check_with(case: &Case, script: &str, expected: &str) {
    let (story, _) = play(case, script).await;
    assert_eq!(story, expected, "{script}");
}

async fn check(script: &str, expected: &str) {
    check_with(&Case::default(), script, expected).await;
}

const OPENING: &str = "S 220 mx.example.com ESMTP\nC EHLO mail.example.org\nS 250 mx.example.com\n";
const PIPELINED: &str =
    "S 220 mx.example.com ESMTP\nC EHLO mail.example.org\nS 250-mx.example.com\nS 250 PIPELINING\n";
const LETTER: &str = "C MAIL FROM:<b+token@mail.example.org>\nS 250 ok\nC RCPT TO:<anna@example.com>\nS 250 ok\nC DATA\nS 354 go\nM\n";
const QUIT: &str = "C QUIT\nS 221 bye\n";

fn script(parts: &[&str]) -> String {
    parts.join("\n")
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let case = Case {
        message: b"Subject: dots\r\n\r\n.\r\n..\r\nend".to_vec(),
        ..Case::default()
    };
    let (story, messages) = play(
        &case,
        &script(&[OPENING, LETTER, "S 250 2.0.0 queued as 1", QUIT]),
    )
    .await;
    assert_eq!(story, "accepted 250 2.0.0 queued as 1");
    assert_eq!(messages, [b"Subject: dots\r\n\r\n.\r\n..\r\nend\r\n"]);
}

#[tokio::test]
async fn commands_go_together_where_the_host_allows_it() {
    // The receiver answers only after it heard all three.
    let together = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nM\nS 250 2.0.0 done";
    check(
        &script(&[PIPELINED, together, QUIT]),
        "accepted 250 2.0.0 done",
    )
    .await;
}

#[tokio::test]
async fn many_letters_share_a_connection() {
    let case = Case {
        letters: 50,
        ..Case::default()
    };
    let letters = script(&[LETTER, "S 250 ok"]).repeat(1) + "\n";
    let (story, messages) = play(&case, &script(&[OPENING, &letters.repeat(50), QUIT])).await;
    assert_eq!(story, ["accepted 250 ok"; 50].join("\n"));
    assert_eq!(messages.len(), 50);
}

#[tokio::test]
async fn after_a_refusal_the_connection_goes_on() {
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    let refused = "C MAIL\nS 250 ok\nC RCPT\nS 550 5.1.1 no such user\nC RSET\nS 250 ok";
    check_with(
        &case,
        &script(&[OPENING, refused, LETTER, "S 250 ok", QUIT]),
        "refused at rcpt_to: 550 5.1.1 no such user\naccepted 250 ok",
    )
    .await;
    let together = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 550 5.1.1 no such user\nS 503 no recipients\nC RSET\nC MAIL\nC RCPT\nC DATA\nS 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nM\nS 250 ok";
    check_with(
        &case,
        &script(&[PIPELINED, together, QUIT]),
        "refused at rcpt_to: 550 5.1.1 no such user\naccepted 250 ok",
    )
    .await;
}

#[tokio::test]
async fn an_invitation_without_a_recipient_is_declined() {
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    let together = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 450 4.2.1 later\nS 354 go\nC .\nS 554 no recipients\nC RSET\nC MAIL\nC RCPT\nC DATA\nS 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nM\nS 250 ok";
    let (story, messages) = play(&case, &script(&[PIPELINED, together, QUIT])).await;
    assert_eq!(
        story,
        "refused at rcpt_to: 450 4.2.1 later\naccepted 250 ok"
    );
    assert_eq!(messages.len(), 1);
}

#[tokio::test]
async fn a_refusal_after_the_dot_is_a_refusal() {
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    check_with(
        &case,
        &script(&[
            OPENING,
            LETTER,
            "S 554 5.7.1 spam",
            LETTER,
            "S 250 ok",
            QUIT,
        ]),
        "refused at final_dot: 554 5.7.1 spam\naccepted 250 ok",
    )
    .await;
}

#[tokio::test]
async fn a_host_that_closes_gets_no_further_letter() {
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    let ended = "broken at mail_from: closed, the session ended";
    let closing = "421 4.3.2 shutting down";
    check_with(
        &case,
        &script(&[OPENING, "C MAIL", "S 421 4.3.2 shutting down"]),
        &format!("refused at mail_from: {closing}, the session ended\n{ended}"),
    )
    .await;
    check_with(
        &case,
        &script(&[OPENING, LETTER, "S 421 4.3.2 shutting down"]),
        &format!("refused at final_dot: {closing}, the session ended\n{ended}"),
    )
    .await;
    check_with(
        &case,
        &script(&[PIPELINED, "C MAIL\nS 250 ok\nS 421 4.3.2 shutting down"]),
        &format!("refused at rcpt_to: {closing}, the session ended\n{ended}"),
    )
    .await;
    // Hung up while idle: the second letter surely did not leave.
    check_with(
        &case,
        &script(&[OPENING, LETTER, "S 250 ok"]),
        &format!("accepted 250 ok\n{ended}"),
    )
    .await;
}

#[tokio::test]
async fn a_greeting_that_refuses_opens_nothing() {
    check(
        "S 554 5.7.1 you are listed",
        "unopened, refused at banner: 554 5.7.1 you are listed",
    )
    .await;
    check(
        "S 421 too many connections",
        "unopened, refused at banner: 421 too many connections",
    )
    .await;
    check("", "unopened, broken at banner: closed").await;
}

#[tokio::test]
async fn a_host_that_knows_only_helo_is_spoken_to() {
    let helo = "S 220 mx\nC EHLO\nS 502 5.5.1 what?\nC HELO mail.example.org\nS 250 mx";
    check(
        &script(&[helo, LETTER, "S 250 ok", QUIT]),
        "accepted 250 ok",
    )
    .await;
    let never = "S 220 mx\nC EHLO\nS 502 what?\nC HELO\nS 550 no";
    check(never, "unopened, refused at ehlo: 550 no").await;
    check(
        "S 220 mx\nC EHLO\nS 450 busy",
        "unopened, refused at ehlo: 450 busy",
    )
    .await;
}

#[tokio::test]
async fn silence_ends_at_the_limit_of_its_stage() {
    let silent = async |one: fn(&mut Timeouts) -> &mut Duration, parts: &[&str], expected: &str| {
        let case = Case {
            timeouts: short(one),
            ..Case::default()
        };
        check_with(&case, &script(&[parts, &["SILENCE"]].concat()), expected).await;
    };
    silent(
        |t| &mut t.banner,
        &[],
        "unopened, broken at banner: timed-out",
    )
    .await;
    silent(
        |t| &mut t.ehlo,
        &["S 220 mx", "C EHLO"],
        "unopened, broken at ehlo: timed-out",
    )
    .await;
    silent(
        |t| &mut t.mail_from,
        &[OPENING, "C MAIL"],
        "broken at mail_from: timed-out, the session ended",
    )
    .await;
    silent(
        |t| &mut t.rcpt_to,
        &[OPENING, "C MAIL\nS 250 ok\nC RCPT"],
        "broken at rcpt_to: timed-out, the session ended",
    )
    .await;
    silent(
        |t| &mut t.data,
        &[OPENING, "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA"],
        "broken at data: timed-out, the session ended",
    )
    .await;
    silent(
        |t| &mut t.final_dot,
        &[OPENING, LETTER],
        "in doubt at final_dot: timed-out, the session ended",
    )
    .await;
    silent(
        |t| &mut t.leave,
        &[OPENING, LETTER, "S 250 ok", "C QUIT"],
        "accepted 250 ok",
    )
    .await;
}

#[tokio::test]
async fn a_cut_line_leaves_doubt_only_after_the_dot() {
    check("S 220-mx", "unopened, broken at banner: closed").await;
    check(
        "S 220 mx\nC EHLO\nRAW 250-mx",
        "unopened, broken at ehlo: closed",
    )
    .await;
    check(
        &script(&[OPENING, "C MAIL"]),
        "broken at mail_from: closed, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, "C MAIL\nS 250 ok\nC RCPT\nRAW 250"]),
        "broken at rcpt_to: closed, the session ended",
    )
    .await;
    check(
        &script(&[
            OPENING,
            "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nRAW 35",
        ]),
        "broken at data: closed, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, LETTER]),
        "in doubt at final_dot: closed, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, LETTER, "RAW 250 almos"]),
        "in doubt at final_dot: closed, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, LETTER, "RAW \\0\\xff\\n"]),
        "in doubt at final_dot: garbage, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, LETTER, "S 354 again?"]),
        "in doubt at final_dot: garbage, the session ended",
    )
    .await;
    let before = script(&[OPENING, "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA"]);
    check(
        &script(&[&before, "S 250 instead of 354"]),
        "broken at data: garbage, the session ended",
    )
    .await;
}

#[tokio::test]
async fn a_large_letter_cut_before_its_dot_surely_did_not_arrive() {
    let line = [b'x'; 62]
        .iter()
        .chain(b"\r\n")
        .copied()
        .collect::<Vec<u8>>();
    let data = "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nBYTES 100000";
    // 32 MB do not fit into the socket buffers of both ends, so the dot cannot have been written.
    let case = Case {
        message: line.repeat(500_000),
        ..Case::default()
    };
    check_with(
        &case,
        &script(&[OPENING, data]),
        "broken at final_dot: closed, the session ended",
    )
    .await;
    let impatient = Case {
        timeouts: short(|t| &mut t.block),
        ..case
    };
    let (story, _) = play_with_stuck_reader(&impatient, &script(&[OPENING, data])).await;
    assert_eq!(story, "broken at final_dot: timed-out, the session ended");
}

/// The receiver stops reading, but keeps the connection until the client gave up.
async fn play_with_stuck_reader(case: &Case, script: &str) -> (String, ()) {
    let identity = Arc::new(Identity::new());
    let receiver = Receiver::start(identity).await;
    let trust = Trust::new().unwrap();
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    let client = async {
        let story = letters(case, &receiver, &trust).await;
        drop(done);
        story
    };
    join(client, receiver.play_until(script, wait)).await
}

#[tokio::test]
async fn garbage_is_told_from_smtp_at_every_stage() {
    check("FLOOD 20000 x", "unopened, broken at banner: garbage").await;
    check(
        "RAW HTTP/1.1 400 Bad Request\\r\\n",
        "unopened, broken at banner: garbage",
    )
    .await;
    check(
        "RAW \\xff\\xff\\0\\0\\n",
        "unopened, broken at banner: garbage",
    )
    .await;
    check(
        "S 220 mx\nC EHLO\nFLOOD 9000 250-X-LONG-LINE\\r\\n",
        "unopened, broken at ehlo: garbage",
    )
    .await;
    check(
        &script(&[
            OPENING,
            "C MAIL\nFLOOD 2000 250-0123456789012345678901234567890123456789\\r\\n",
        ]),
        "broken at mail_from: garbage, the session ended",
    )
    .await;
    check(
        &script(&[OPENING, "C MAIL\nRAW 250-yes\\r\\n550 no\\r\\n"]),
        "broken at mail_from: garbage, the session ended",
    )
    .await;
}

#[tokio::test]
async fn replies_in_single_octets_are_replies() {
    check(
        &script(&[
            "DRIP",
            OPENING,
            LETTER,
            "RAW 250-2.0.0 a\\r\\n250 2.0.0 b\\r\\n",
            QUIT,
        ]),
        "accepted 250 2.0.0 a 2.0.0 b",
    )
    .await;
    check(
        &script(&[
            "DRIP",
            PIPELINED,
            "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nM\nS 250 ok",
            QUIT,
        ]),
        "accepted 250 ok",
    )
    .await;
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_ends_the_talk() {
    check(
        &script(&["RAW 220 mx\\r\\n250 eager\\r\\n"]),
        "unopened, broken at ehlo: garbage",
    )
    .await;
    // Taken for the answer to the dot, the second line would make a delivered letter of one that was never read.
    check(
        &script(&[
            OPENING,
            "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nRAW 354 go\\r\\n250 got it\\r\\n",
        ]),
        "broken at final_dot: garbage, the session ended",
    )
    .await;
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    check_with(
        &case,
        &script(&[OPENING, LETTER, "RAW 250 ok\\r\\n250 ok\\r\\n"]),
        "accepted 250 ok\nbroken at mail_from: garbage, the session ended",
    )
    .await;
}

#[tokio::test]
async fn what_the_host_cannot_take_is_not_sent() {
    let offer = "S 220 mx\nC EHLO\nS 250-mx\nS 250 SIZE 1000";
    let large = Case {
        message: [b'x'; 1_001].to_vec(),
        letters: 2,
        ..Case::default()
    };
    let refusal =
        "refused at mail_from: 552 5.3.4 not sent: the letter has 1001 octets, the host takes 1000";
    check_with(&large, &script(&[offer, QUIT]), &[refusal; 2].join("\n")).await;
    let cyrillic = Case {
        recipient: "почта@example.com",
        ..Case::default()
    };
    check_with(&cyrillic, &script(&[offer, QUIT]), "refused at mail_from: 553 5.6.7 not sent: the letter needs SMTPUTF8, which the host does not offer").await;
    let utf8 = "S 220 mx\nC EHLO\nS 250-mx\nS 250 SMTPUTF8\nC MAIL FROM:<b+token@mail.example.org> SMTPUTF8\nS 250 ok\nC RCPT TO:<почта@example.com>\nS 250 ok\nC DATA\nS 354 go\nM\nS 250 ok";
    check_with(&cyrillic, &script(&[utf8, QUIT]), "accepted 250 ok").await;
}

#[tokio::test]
async fn a_message_with_bare_line_ends_is_not_sent() {
    let case = Case {
        message: b"a\n.\nMAIL FROM:<x@example.com>\n".to_vec(),
        ..Case::default()
    };
    let (story, messages) = play(&case, &script(&[OPENING, QUIT])).await;
    assert!(story.contains("CR or LF"), "{story}");
    assert!(messages.is_empty());
}

const TLS_OFFER: &str =
    "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go ahead\nTLS\nC EHLO\nS 250 mx";
const TLS_NAME: &str = "under TLSv1_3 TLS13_AES_256_GCM_SHA384";

#[tokio::test]
async fn letters_go_under_tls_where_it_is_offered() {
    let verified = Case {
        tls: |trust| Tls::Required(Arc::clone(&trust.verified)),
        ..Case::default()
    };
    let story = format!("{TLS_NAME}\naccepted 250 ok");
    check_with(
        &verified,
        &script(&[TLS_OFFER, LETTER, "S 250 ok", QUIT]),
        &story,
    )
    .await;
    let any = Case {
        tls: |trust| Tls::Opportunistic(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(
        &any,
        &script(&[TLS_OFFER, LETTER, "S 250 ok", QUIT]),
        &story,
    )
    .await;
    check_with(
        &any,
        &script(&[OPENING, LETTER, "S 250 ok", QUIT]),
        "accepted 250 ok",
    )
    .await;
    let refused =
        "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 454 no certificate today";
    check_with(
        &any,
        &script(&[refused, LETTER, "S 250 ok", QUIT]),
        "accepted 250 ok",
    )
    .await;
}

#[tokio::test]
async fn a_stranger_is_told_from_the_host_only_where_certificates_count() {
    let stranger = Case {
        tls: |_| Tls::Required(Trust::new().unwrap().verified),
        ..Case::default()
    };
    check_with(&stranger, TLS_OFFER, "unopened, broken at starttls: tls").await;
    let any = Case {
        tls: |_| Tls::Required(Trust::new().unwrap().any),
        ..Case::default()
    };
    check_with(
        &any,
        &script(&[TLS_OFFER, LETTER, "S 250 ok", QUIT]),
        &format!("{TLS_NAME}\naccepted 250 ok"),
    )
    .await;
}

#[tokio::test]
async fn required_tls_sends_no_letter_in_clear() {
    let case = Case {
        tls: |trust| Tls::Required(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(&case, OPENING, "unopened, broken at starttls: tls").await;
    let refused = "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 502 not for you";
    check_with(&case, refused, "unopened, broken at starttls: tls").await;
}

#[tokio::test]
async fn a_broken_handshake_may_be_tried_again_in_clear() {
    let broken = "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go ahead\nBYTES 20\nRAW this is not TLS\\r\\n";
    let any = Case {
        tls: |trust| Tls::Opportunistic(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(
        &any,
        broken,
        "unopened, broken at starttls: tls, clear may work",
    )
    .await;
    let required = Case {
        tls: |trust| Tls::Required(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(&required, broken, "unopened, broken at starttls: tls").await;
    let silent = Case {
        timeouts: short(|t| &mut t.tls),
        ..any
    };
    let silence = "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go ahead\nSILENCE";
    check_with(
        &silent,
        silence,
        "unopened, broken at starttls: tls, clear may work",
    )
    .await;
}

#[tokio::test]
async fn words_slipped_in_before_the_handshake_end_the_talk() {
    let injected = "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nRAW 220 go\\r\\n250 AUTH PLAIN\\r\\n\nSILENCE";
    let case = Case {
        tls: |trust| Tls::Opportunistic(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(&case, injected, "unopened, broken at starttls: garbage").await;
}

fn login(in_clear: bool) -> Option<Login> {
    Some(Login {
        user: "anna".into(),
        secret: "s3cret".into(),
        in_clear,
    })
}

#[tokio::test]
async fn a_smarthost_gets_the_login() {
    let case = Case {
        login: login(true),
        ..Case::default()
    };
    let plain = "S 220 mx\nC EHLO\nS 250-mx\nS 250 AUTH LOGIN PLAIN\nC AUTH PLAIN AGFubmEAczNjcmV0\nS 235 2.7.0 welcome";
    check_with(
        &case,
        &script(&[plain, LETTER, "S 250 ok", QUIT]),
        "accepted 250 ok",
    )
    .await;
    let asked = "S 220 mx\nC EHLO\nS 250-mx\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5uYQ==\nS 334 UGFzc3dvcmQ6\nC czNjcmV0\nS 235 welcome";
    check_with(
        &case,
        &script(&[asked, LETTER, "S 250 ok", QUIT]),
        "accepted 250 ok",
    )
    .await;
    let wrong = "S 220 mx\nC EHLO\nS 250-mx\nS 250 AUTH PLAIN\nC AUTH\nS 535 5.7.8 wrong password";
    check_with(
        &case,
        wrong,
        "unopened, refused at auth: 535 5.7.8 wrong password",
    )
    .await;
    check_with(&case, OPENING, "unopened, broken at auth: garbage").await;
}

#[tokio::test]
async fn a_login_is_not_sent_in_clear() {
    let offer = "S 220 mx\nC EHLO\nS 250-mx\nS 250 AUTH PLAIN\nSILENCE";
    let case = Case {
        login: login(false),
        ..Case::default()
    };
    check_with(&case, offer, "unopened, broken at auth: tls").await;
    let tls = Case {
        login: login(false),
        tls: |trust| Tls::Required(Arc::clone(&trust.verified)),
        ..Case::default()
    };
    let under = "S 220 mx\nC EHLO\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nTLS\nC EHLO\nS 250-mx\nS 250 AUTH PLAIN\nC AUTH PLAIN AGFubmEAczNjcmV0\nS 235 welcome";
    check_with(
        &tls,
        &script(&[under, LETTER, "S 250 ok", QUIT]),
        &format!("{TLS_NAME}\naccepted 250 ok"),
    )
    .await;
}

#[tokio::test]
async fn under_tls_a_cut_line_leaves_doubt_only_after_the_dot() {
    let case = Case {
        tls: |trust| Tls::Required(Arc::clone(&trust.any)),
        ..Case::default()
    };
    check_with(
        &case,
        &script(&[TLS_OFFER, "C MAIL"]),
        &format!("{TLS_NAME}\nbroken at mail_from: closed, the session ended"),
    )
    .await;
    check_with(
        &case,
        &script(&[TLS_OFFER, LETTER]),
        &format!("{TLS_NAME}\nin doubt at final_dot: closed, the session ended"),
    )
    .await;
}
