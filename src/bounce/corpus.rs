//! A share of right answers on a corpus of real replies that lies beside the repository, where it does.

use std::{fmt::Write as _, fs};

use super::{classify, reply_from_line};
use crate::mail::{Class, Fault, Provider, Stage, Term};

const CORPUS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/bounces/open/smtp.jsonl"
);

fn provider(name: Option<&str>) -> Provider {
    match name {
        Some("google") => Provider::Google,
        Some("yahooinc") => Provider::Yahoo,
        Some("microsoft") => Provider::Office365,
        Some("apple") => Provider::Apple,
        _ => Provider::Other,
    }
}

#[test]
fn most_replies_of_the_corpus_get_their_class_and_none_suppresses_wrongly() {
    let Ok(text) = fs::read_to_string(CORPUS) else {
        eprintln!("SKIPPED: no corpus at {CORPUS}");
        return;
    };
    let (mut right, mut scored, mut wrong_suppressions, mut missed) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut report = String::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        let line = row["line"].as_str().expect("a reply");
        let reply = reply_from_line(Stage::RcptTo, line).expect("a reply line");
        let found = classify(&reply, provider(row["provider"].as_str()));
        let hard = found.term == Term::Permanent
            && matches!(found.class, Class::BadMailbox | Class::BadDomain);
        assert!(!hard || found.class.fault() == Fault::Recipient);
        match row["hard"].as_bool() {
            Some(false) if hard => {
                wrong_suppressions += 1;
                let _ = writeln!(
                    report,
                    "WRONG {} by {}: {line:.120}",
                    found.class.name(),
                    found.rule
                );
            }
            Some(true) if !hard => missed += 1,
            _ => {}
        }
        let Some(wanted) = row["class"].as_array() else {
            continue;
        };
        scored += 1;
        if wanted.iter().any(|class| class == found.class.name()) {
            right += 1;
        } else {
            let _ = writeln!(
                report,
                "{wanted:?} got {} by {}: {line:.140}",
                found.class.name(),
                found.rule
            );
        }
    }
    eprintln!(
        "{report}class {right} of {scored} ({:.1} %), wrong suppressions {wrong_suppressions}, missed {missed}",
        100.0 * f64::from(right) / f64::from(scored)
    );
    assert_eq!(wrong_suppressions, 0, "{report}");
    assert!(right * 100 >= scored * 92, "{report}");
}
