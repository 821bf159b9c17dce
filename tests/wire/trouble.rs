//! What becomes of letters where the talk breaks, and where the line between broken and in doubt runs.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use postrider::{net::Trust, smtp::Timeouts};

use super::{
    receiver::{Identity, Receiver},
    talk::{Case, LETTER, OPENING, PIPELINED, QUIT, check, check_with, letters, script, short},
};

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
    let story = play_with_stuck_reader(&impatient, &script(&[OPENING, data])).await;
    assert_eq!(story, "broken at final_dot: timed-out, the session ended");
}

/// The receiver stops reading, but keeps the connection until the client gave up.
async fn play_with_stuck_reader(case: &Case, script: &str) -> String {
    let identity = Arc::new(Identity::new());
    let receiver = Receiver::start(identity).await;
    let trust = Trust::new().unwrap();
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    let client = async {
        let story = letters(case, &receiver, &trust).await;
        drop(done);
        story
    };
    join(client, receiver.play_until(script, wait)).await.0
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
