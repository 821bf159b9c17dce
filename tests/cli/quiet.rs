//! Quiet hours as a person at the desk meets them.

use postrider::port::Clock;
use serde_json::Value;

use crate::desk::{Desk, desk};

/// A stream whose hours hold now by the clock of UTC, and elsewhere do not.
async fn at_night() -> Desk {
    let desk = desk().await;
    let seconds = postrider::net::SystemClock.now().seconds();
    let at = |hours: i64| format!("{:02}:00", (seconds / 3_600 + hours).rem_euclid(24));
    let config = format!(
        "[[stream]]\nname = \"digest\"\nquiet_hours = {{ from = \"{}\", to = \"{}\", time_zone = \"UTC\" }}\n\
         [[route]]\ndomain = \"*\"\nhost = \"127.0.0.1\"\ntls = \"off\"\n",
        at(-1),
        at(2)
    );
    desk.file("postrider.toml", config);
    desk.quietly("dkim new example.com --selector s1");
    desk
}

fn gate(told: &str) -> Value {
    let gates = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut gates = gates.filter(|gate| gate["gate"] == "quiet hours");
    gates.next().unwrap()
}

#[tokio::test]
async fn a_reader_is_not_written_to_at_night() {
    let desk = at_night().await;
    let ask = |more: &str| {
        let line = format!("why-not anna@mail.ru --stream digest --json {more}");
        let output = desk.command(&line).output().unwrap();
        let code = output.status.code();
        (code, gate(&String::from_utf8(output.stdout).unwrap()))
    };
    let (code, shut) = ask("");
    assert_eq!(
        (code, &shut["open"]),
        (Some(1), &Value::Bool(false)),
        "{shut}"
    );
    let says = shut["says"].as_str().unwrap();
    assert!(says.starts_with("quiet hours in UTC until "), "{says}");
    let (code, open) = ask("--time-zone Asia/Tokyo");
    assert_eq!(
        (code, &open["open"]),
        (Some(0), &Value::Bool(true)),
        "{open}"
    );
    let output = desk
        .command("why-not anna@mail.ru --time-zone Mars/Phobos")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no zone of the tz database such as Europe/Moscow"),
        "{said}"
    );
}

#[tokio::test]
async fn the_zone_of_a_reader_comes_with_the_letter() {
    let mut desk = at_night().await;
    desk.file(
        "people.csv",
        "to.address,to.time_zone\nanna@mail.ru,Asia/Yekaterinburg\nolga@yandex.ru,Asia/Atlantis\nivan@gmail.com,\n",
    );
    let options =
        "--set stream=digest --set from=news@example.com --set subject=News --set text=Hello";
    desk.run(&format!("send people.csv {options} --json"));
    let zone = "--set to.time_zone=Mars/Phobos";
    desk.file("more.ndjson", "{\"to\":{\"address\":\"anna@mail.ru\"}}\n");
    desk.run(&format!("send more.ndjson {options} {zone}"));
    desk.run("letter list --json");
    desk.check("quiet");
}
