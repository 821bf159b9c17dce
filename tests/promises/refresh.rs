//! What an operator changes while `postrider serve` runs: templates and keys are taken over, broken ones are not.

use std::{fs, sync::Arc};

use postrider::{
    app::desk, config::Config, dkim::dns_record, net::SystemClock, port::Clock, sim::Plan,
    store::Answer,
};
use serde_json::{Value, json};

use crate::{
    node::{House, Node, template},
    receiver::{Identity, Receiver},
    world::World,
};

const TALK: &str = "S 220 mx\nC EHLO\nS 250 mx\nC MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nM\nS 250 ok\n";

/// A node whose every letter is read.
struct Office {
    world: World,
    house: House,
    node: Node,
    receiver: Receiver,
}

async fn office() -> Office {
    let world = World::new(Plan::empty(7)).await;
    let receiver = Receiver::start(Arc::new(Identity::new())).await;
    let more = "letters_per_connection = 1\n";
    let house = House::new(&world.lines, receiver.socket, more);
    let node = house.serve();
    Office {
        world,
        house,
        node,
        receiver,
    }
}

impl Office {
    async fn ask(&self, letter: Value) -> Answer {
        let texts = [letter.to_string()];
        let answers = self.world.store.enqueue(&texts, 1 << 20, SystemClock.now());
        answers.await.unwrap().remove(0)
    }

    /// What a reader gets of a letter from that address.
    async fn read(&self, from: &str, name: &str) -> String {
        let letter = json!({"stream": "transactional", "to": "anna@example.org", "from": from, "template": name});
        let answer = self.ask(letter).await;
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
        let messages = self.receiver.play(TALK).await;
        String::from_utf8(messages.into_iter().next().unwrap()).unwrap()
    }

    async fn reads(&self, from: &str, name: &str, words: &str) {
        let message = self.read(from, name).await;
        assert!(message.contains(words), "no {words:?} in {message}");
    }
}

const NEWS: &str = "news@example.com";

/// The number of the secret that made the token of a message's Message-ID: the first octet, in its first two letters.
fn secret_of(message: &str) -> u8 {
    let id = message.split("Message-ID: <").nth(1).unwrap();
    let letter = |at: usize| id.as_bytes()[at].to_ascii_lowercase() - b'a';
    letter(0) << 3 | letter(1) >> 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_secret_signs_while_the_node_runs() {
    let office = office().await;
    let (house, node) = (&office.house, &office.node);
    let first = office.read(NEWS, "plain").await;
    assert_eq!(secret_of(&first), 1, "{first}");

    house.run("token rotate");
    node.says("Took over token secret 2, which signs now");
    let second = office.read(NEWS, "plain").await;
    assert_eq!(secret_of(&second), 2, "{second}");

    // The secret that signs may not go, and none is made in its place.
    fs::remove_file(house.path("postrider-data/token.2.secret")).unwrap();
    let said = node.says("The changed token secrets cannot be used");
    assert!(said.contains("the secret 2 that signs is gone"), "{said}");
    let third = office.read(NEWS, "plain").await;
    assert_eq!(secret_of(&third), 2, "{third}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_taken_over_while_the_node_runs_and_broken_ones_are_not() {
    let office = office().await;
    let (house, node) = (&office.house, &office.node);
    office.reads(NEWS, "plain", "\r\none").await;

    house.write(&template("plain", "text.txt"), "two");
    node.says("Took over the changed templates: plain");
    office.reads(NEWS, "plain", "\r\ntwo").await;

    house.write(&template("plain", "text.txt"), "three {{ oops");
    let said = node.says("The changed templates cannot be used");
    assert!(said.contains("plain/default/text.txt line 1"), "{said}");
    office.reads(NEWS, "plain", "\r\ntwo").await;

    // While one is broken, a new one waits too: a folder is in force as a whole.
    house.write(&template("fresh", "subject.txt"), "Fresh");
    house.write(&template("fresh", "text.txt"), "new");
    house.write(&template("plain", "text.txt"), "three");
    node.says("Took over the changed templates: fresh, plain");
    office.reads(NEWS, "plain", "\r\nthree").await;
    office.world.until("the database knows fresh", async || {
        let letter = json!({"stream": "transactional", "to": "no address", "from": NEWS, "template": "fresh"});
        matches!(office.ask(letter).await, Answer::Invalid { field, .. } if field == "to")
    }).await;
    office.reads(NEWS, "fresh", "\r\nnew").await;

    fs::remove_dir_all(house.path("templates/fresh")).unwrap();
    node.says("Took over the changed templates: plain");
    office.world.until("the database forgot fresh", async || {
        let letter = json!({"stream": "transactional", "to": "a@example.org", "from": NEWS, "template": "fresh", "valid_until": "2020-01-01T00:00:00Z"});
        matches!(office.ask(letter).await, Answer::Invalid { field, .. } if field == "template")
    }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_taken_over_while_the_node_runs_but_none_that_nobody_can_verify() {
    let office = office().await;
    let (house, node) = (&office.house, &office.node);
    office.reads(NEWS, "plain", "s=test;").await;

    // A domain's first key signs at once: nothing can come from there before.
    house.run("dkim new shop.example --selector s1");
    node.says("Took over the changed keys");
    office
        .reads("orders@shop.example", "plain", "s=s1;\r\n\td=shop.example;")
        .await;

    // A domain that has one signs on with it until DNS shows the next.
    house.run("dkim new example.com --selector test2");
    node.says("waits until DNS shows test2._domainkey.example.com; test signs on");
    office.reads(NEWS, "plain", "s=test;").await;
    let config = Config::load(&house.path("postrider.toml")).unwrap();
    let config = Config {
        data_folder: house.path("postrider-data"),
        ..config
    };
    let ring = desk::desk(&in_house(config, house)).unwrap().keyring.get();
    let key = ring
        .public_keys()
        .find(|key| key.selector == "test2")
        .unwrap();
    let record = dns_record(key);
    office
        .world
        .internet
        .publish_txt(&record.name, &record.text);
    node.says("Took over the changed keys");
    office.reads(NEWS, "plain", "s=test2;").await;

    house.write("dkim-keys/example.com/zz.pem", "no key");
    let said = node.says("The changed keys cannot be used");
    assert!(said.contains("zz.pem"), "{said}");
    office.reads(NEWS, "plain", "s=test2;").await;
}

/// The same configuration, read from elsewhere.
fn in_house(mut config: Config, house: &House) -> Config {
    config.dkim.folder = house.path("dkim-keys");
    config.templates.folder = house.path("templates");
    config.delivery.shaping = Some(house.path("shaping.toml"));
    config
}
