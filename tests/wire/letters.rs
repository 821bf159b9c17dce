//! What becomes of letters at receivers that speak SMTP.

use super::talk::{Case, LETTER, OPENING, PIPELINED, QUIT, check, check_with, play, script};

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

/// A host that offers CHUNKING.
const CHUNKING: &str = "S 220 mx.example.com ESMTP\nC EHLO mail.example.org\nS 250-mx.example.com\nS 250-PIPELINING\nS 250 CHUNKING\n";

#[tokio::test]
async fn letters_go_in_chunks_where_the_host_takes_them() {
    let case = Case {
        message: b"Subject: dots\r\n\r\n.\r\n..\r\nend".to_vec(),
        letters: 2,
        ..Case::default()
    };
    // The chunk goes only when the recipient was accepted.
    let chunk = "C MAIL\nC RCPT\nS 250 ok\nS 250 ok\nK\nS 250 2.0.0 done\n";
    let (story, messages) = play(&case, &script(&[CHUNKING, chunk, chunk, QUIT])).await;
    assert_eq!(story, "accepted 250 2.0.0 done\naccepted 250 2.0.0 done");
    assert_eq!(messages, [b"Subject: dots\r\n\r\n.\r\n..\r\nend\r\n"; 2]);
}

#[tokio::test]
async fn a_large_letter_goes_in_one_chunk_too() {
    let case = Case {
        message: [b"Subject: large\r\n\r\n", &b"x\r\n".repeat(100_000)[..]].concat(),
        ..Case::default()
    };
    let chunk = "C MAIL\nC RCPT\nS 250 ok\nS 250 ok\nK\nS 250 2.0.0 done\n";
    let (story, messages) = play(&case, &script(&[CHUNKING, chunk, QUIT])).await;
    assert_eq!(story, "accepted 250 2.0.0 done");
    assert_eq!(messages, [case.message]);
}

#[tokio::test]
async fn a_chunk_that_is_refused_is_a_letter_refused() {
    let case = Case {
        letters: 2,
        ..Case::default()
    };
    let spam = "C MAIL\nC RCPT\nS 250 ok\nS 250 ok\nK\nS 554 5.7.1 spam\n";
    let unknown = "C MAIL\nC RCPT\nS 250 ok\nS 550 5.1.1 no such user\n";
    check_with(
        &case,
        &script(&[CHUNKING, spam, unknown, QUIT]),
        "refused at final_dot: 554 5.7.1 spam\nrefused at rcpt_to: 550 5.1.1 no such user",
    )
    .await;
}

#[tokio::test]
async fn a_chunk_that_is_not_understood_or_not_answered_is_what_it_is() {
    let opened = "C MAIL\nC RCPT\nS 250 ok\nS 250 ok\nK\n";
    check(
        &script(&[CHUNKING, opened, "S 502 5.5.1 command not implemented"]),
        "broken at final_dot: garbage, the session ended",
    )
    .await;
    check(
        &script(&[CHUNKING, opened]),
        "in doubt at final_dot: closed, the session ended",
    )
    .await;
    check(
        &script(&[CHUNKING, "C MAIL\nC RCPT\nS 250 ok\nS 250 ok\nBYTES 20"]),
        "in doubt at final_dot: closed, the session ended",
    )
    .await;
}

#[tokio::test]
async fn many_letters_share_a_connection() {
    let case = Case {
        letters: 50,
        ..Case::default()
    };
    let letters = script(&[LETTER, "S 250 ok", ""]);
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
async fn what_the_host_cannot_take_is_not_sent() {
    let offer = "S 220 mx\nC EHLO\nS 250-mx\nS 250 SIZE 70000";
    let large = Case {
        message: vec![b'x'; 70_001],
        letters: 2,
        ..Case::default()
    };
    let refusal = "refused at mail_from: 552 5.3.4 not sent: the letter has 70001 octets, the host takes 70000";
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
