//! TLS and logins: what goes in clear, and what never does.

use std::sync::Arc;

use postrider::{
    net::Trust,
    smtp::{Login, Tls},
};

use super::talk::{Case, LETTER, OPENING, QUIT, check_with, script, short};

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

fn login(in_clear: bool) -> Login {
    Login {
        user: "anna".into(),
        secret: "s3cret".into(),
        in_clear,
    }
}

#[tokio::test]
async fn a_smarthost_gets_the_login() {
    let case = Case {
        login: Some(login(true)),
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
        login: Some(login(false)),
        ..Case::default()
    };
    check_with(&case, offer, "unopened, broken at auth: tls").await;
    let tls = Case {
        login: Some(login(false)),
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
