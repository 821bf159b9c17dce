//! The door looks at letters where a stream wants it.

use std::sync::Arc;

use postrider::{
    compose::{
        Domains, Identity, Style, TemplateSet,
        lint::{Gate, Looked},
    },
    http::Preflight,
    mail::Domain,
    store::draft,
    token::{TokenKey, Tokens},
};
use serde_json::{Value, json};

use crate::house::{self, House};

fn identity() -> Identity {
    let domain = || Domain::parse("example.com").unwrap();
    let domains = Domains {
        return_path: domain(),
        message_id: domain(),
        unsubscribe_url: "https://u.example.com/".to_owned(),
        unsubscribe_mail: domain(),
        feedback: domain(),
    };
    let key = TokenKey {
        id: 1,
        secret: [0; 32],
    };
    Identity::new(domains, "postrider", Tokens::new(key, Vec::new())).unwrap()
}

fn looking(gate: Gate) -> Preflight {
    let templates = TemplateSet::build(Vec::new(), None).unwrap();
    let (identity, style) = (identity(), Style::transactional("transactional"));
    Arc::new(move |json, now| match draft(json, now) {
        Some(letter) if letter.stream == "transactional" => {
            gate.try_out(&letter, &style, &identity, &templates, now)
        }
        _ => Looked::default(),
    })
}

fn letter(stream: &str, html: &str) -> Value {
    json!({"stream": stream, "to": "anna@example.org", "from": "news@example.com", "subject": "Your order", "html": html})
}

async fn answers(gate: Gate, letters: &Value) -> Value {
    let house: House = house::open_looking(house::limits(), Some(looking(gate))).await;
    let told = house.post("application/json", letters.to_string()).await;
    told.json()
}

fn batch() -> Value {
    let words = "<p>Your order of steel pipes has left our warehouse this morning.</p>";
    json!([
        letter("transactional", words),
        letter("transactional", &format!("{words}<a href=\"\">Track it</a>")),
        letter("transactional", &format!("{words}<img src=\"https://example.com/a.png\">")),
        {"stream": "transactional"},
        letter("marketing", "<a href=\"\">x</a>"),
    ])
}

fn words(answers: &Value) -> Vec<String> {
    let each = answers.as_array().unwrap().iter().map(|answer| {
        let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            text("status"),
            text("field"),
            text("why"),
            answer["lint"]
        )
    });
    each.collect()
}

#[tokio::test]
async fn a_stream_that_refuses_answers_with_the_rules() {
    insta::assert_json_snapshot!(words(&answers(Gate::Refuse, &batch()).await));
}

#[tokio::test]
async fn a_stream_that_warns_takes_the_letter_and_says_what_is_wrong() {
    insta::assert_json_snapshot!(words(&answers(Gate::Warn, &batch()).await));
}

#[tokio::test]
async fn a_gate_that_is_off_says_nothing() {
    let told = words(&answers(Gate::Off, &batch()).await);
    assert!(told.iter().all(|line| line.ends_with("null")), "{told:?}");
}
