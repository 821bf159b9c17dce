//! Every example of docs/http.md, done in its order and compared with the answer that stands below it.

use axum::http::Request;
use serde_json::Value;

use crate::house::{House, open};

const DOCUMENT: &str = include_str!("../../docs/http.md");

/// The file that the examples send.
const FILE: &str = include_str!("letters.ndjson");

struct Example {
    command: String,
    answer: String,
}

fn examples() -> Vec<Example> {
    let blocks = DOCUMENT.split("```console\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .flat_map(|block| block.split("$ ").skip(1))
        .map(|example| {
            let example = example.replace("\\\n", " ");
            let (command, answer) = example.split_once("\n{").unwrap();
            Example {
                command: command.to_owned(),
                answer: format!("{{{answer}"),
            }
        })
        .collect()
}

/// A command line's words; only single quotes quote.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (nth, part) in command.split('\'').enumerate() {
        if nth % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn request(house: &House, command: &str, id: Option<&str>) -> Request<axum::body::Body> {
    let mut words = words(command).into_iter();
    assert_eq!(words.next().unwrap(), "curl");
    let (mut method, mut body, mut request) = ("GET".to_owned(), String::new(), Request::builder());
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap();
        match word.as_str() {
            "-X" => method = next(),
            "-H" => request = header(request, &next().replace("KEY", &house.key)),
            "--data-binary" => (method, body) = ("POST".to_owned(), given(&next())),
            address => request = request.uri(shown(address, id)),
        }
    }
    request.method(&*method).body(body.into()).unwrap()
}

fn header(request: axum::http::request::Builder, text: &str) -> axum::http::request::Builder {
    let (name, value) = text.split_once(": ").unwrap();
    request.header(name, value)
}

fn given(data: &str) -> String {
    match data.strip_prefix('@') {
        Some("letters.ndjson") => FILE.to_owned(),
        Some(other) => panic!("{other} is no file of the examples"),
        None => data.to_owned(),
    }
}

/// The address on the house's own router; an id in it becomes that of the first letter accepted.
fn shown(address: &str, id: Option<&str>) -> String {
    let path = address.strip_prefix("http://127.0.0.1:8025").unwrap();
    match (path.strip_prefix("/v1/letters/"), id) {
        (Some(_), Some(id)) => format!("/v1/letters/{id}"),
        _ => path.to_owned(),
    }
}

/// JSON values one after another, without what differs from run to run.
fn values(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .map(|value| without_chance(value.unwrap()))
        .collect()
}

fn without_chance(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_chance = matches!(name.as_str(), "id" | "letter" | "cursor");
                *field = if is_chance {
                    "chance".into()
                } else {
                    without_chance(field.take())
                };
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = without_chance(element.take());
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn the_examples_of_the_document_answer_as_it_says() {
    let house = open().await;
    let examples = examples();
    assert!(examples.len() >= 8, "the document has lost its examples");
    let mut id = None;
    let letters = 3;
    for example in examples {
        if example.command.contains("/v1/events?limit=2") {
            house.read_events(String::new(), 10, letters).await;
        }
        let told = house
            .tell(request(&house, &example.command, id.as_deref()))
            .await;
        assert_eq!(
            values(told.text()),
            values(&example.answer),
            "{}",
            example.command
        );
        if id.is_none() {
            id = told.json()["id"].as_str().map(str::to_owned);
        }
    }
}
