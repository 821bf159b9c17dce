//! What refusals mean, as a person and a program ask it.

use crate::desk::desk;

#[tokio::test]
async fn a_reply_is_explained_by_the_rules_and_the_judge_that_a_live_talk_asks() {
    let mut desk = desk().await;
    desk.ask(
        &[
            "bounce",
            "explain",
            "550 5.1.1 <nobody@example.com>: User unknown",
        ],
        "",
    );
    desk.ask(
        &[
            "bounce",
            "explain",
            "--provider",
            "mxs.mail.ru",
            "--stage",
            "final_dot",
            "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=1",
            "552 5.2.2 Почтовый ящик получателя переполнен",
            "550 5.1.2 Домен получателя не существует",
        ],
        "",
    );
    // 5xx to MAIL FROM names nobody, 4xx is for now, 2xx is no refusal.
    desk.ask(
        &[
            "bounce",
            "explain",
            "--kind",
            "transactional",
            "--stage",
            "mail_from",
            "550 5.1.1 User unknown",
            "451 4.7.1 Greylisted, please try again in 300 seconds",
            "250 2.0.0 Ok",
        ],
        "",
    );
    desk.ask(
        &[
            "bounce",
            "explain",
            "--json",
            "450 4.2.2 mailbox full",
            "553 no",
        ],
        "",
    );
    desk.check("bounce_explain");
}

#[tokio::test]
async fn lines_come_from_standard_input_and_a_bad_one_stops_no_other() {
    let mut desk = desk().await;
    let lines = "550 User unknown\n\nnonsense \u{1b}[2J\n550-5.7.1 blocked\n";
    desk.ask(&["bounce", "explain"], lines);
    desk.ask(&["bounce", "explain", "-"], "");
    desk.ask(&["bounce", "explain", "no reply"], "");
    desk.ask(&["bounce", "explain", "--provider", "aol", "550 x"], "");
    desk.ask(&["bounce", "explain", "--stage", "rcpt", "550 x"], "");
    desk.ask(&["bounce", "explain", "--kind", "spam", "550 x"], "");
    desk.check("bounce_lines");
}

#[tokio::test]
async fn a_program_gets_one_answer_per_reply() {
    let mut desk = desk().await;
    let rows = [
        r#"{"id":"a","line":"550 5.7.1 No such user!","provider":"yandex","more":1}"#,
        r#"{"id":7,"line":"550 5.7.1 No such user!","stage":"mail_from"}"#,
        r#"{"id":"c","line":"no reply"}"#,
        r#"{"id":"d"}"#,
        "[",
        r#"{"id":"e","line":"250 ok"}"#,
        r#"{"id":"f","line":"550 x","stage":"noon"}"#,
        r#"{"id":"g","line":"421 4.7.0 [TSS04] deferred","provider":"yahooinc"}"#,
    ];
    desk.file("replies.jsonl", rows.join("\n"));
    desk.run("bounce explain --json --replies replies.jsonl");
    desk.ask(&["bounce", "explain", "--replies", "-"], rows[0]);
    desk.run("bounce explain --replies gone.jsonl");
    desk.run("bounce explain --replies .");
    desk.check("bounce_replies");
}

#[tokio::test]
async fn a_mail_that_came_back_is_explained_and_one_that_cannot_be_read_stops_no_other() {
    let mut desk = desk().await;
    let mails = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    for name in ["qmail", "arf", "arf-not-spam", "vacation", "dsn-success"] {
        let text = std::fs::read_to_string(mails.join(format!("{name}.eml"))).unwrap();
        desk.file(&format!("{name}.eml"), &text);
        desk.file(&format!("Maildir/cur/{name}:2,S"), text);
    }
    desk.file("Maildir/new/1.person", "From: a@b.example\n\nHello\n");
    desk.run("bounce explain qmail.eml gone.eml arf.eml");
    desk.run("bounce explain Maildir");
    desk.run("bounce explain --json dsn-success.eml arf-not-spam.eml vacation.eml");
    desk.check("bounce_mails");
}
