//! Promise 5: every letter leaves correct. And one that cannot leave harms no other.

use std::collections::BTreeSet;

use mail_parser::MessageParser;
use postrider::{
    mail::State,
    route::{FixedRoute, FixedRoutes, TlsPolicy},
    sim::Plan,
    templates,
    token::Kind,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    desk::{self, Wishes},
    fates::states,
    receiver::{Identity, Receiver},
    world::{World, generous, letter, letter_of, people},
};

/// Every template and every form of content, in every stream.
fn every_form(to: &mut impl Iterator<Item = String>) -> Vec<Value> {
    let mut letters = Vec::new();
    for stream in ["transactional", "trigger", "marketing"] {
        for template in [
            "new-order",
            "order-response",
            "weekly-digest",
            "password-reset",
        ] {
            for locale in ["ru", "en", "de"] {
                letters.push(of_template(stream, template, locale, &to.next().unwrap()));
            }
        }
        letters.push(letter_of(stream, &to.next().unwrap()));
        let mut raw = letter_of(stream, &to.next().unwrap());
        raw["raw"] =
            json!("Subject: hello\r\nDate: yesterday\r\n\r\n.a line that begins with a dot\r\n");
        for texts in ["subject", "html"] {
            raw.as_object_mut().unwrap().remove(texts);
        }
        letters.push(raw);
    }
    letters
}

fn of_template(stream: &str, template: &str, locale: &str, to: &str) -> Value {
    let sample = templates::sample(&desk::templates_folder(), template).unwrap();
    let variables: Value = serde_json::from_str(&sample).unwrap();
    json!({
        "stream": stream,
        "campaign": "spring",
        "to": { "address": to, "name": "Анна Шевченко", "locale": locale },
        "from": { "address": "news@example.com", "name": "Биржа заказов" },
        "template": template,
        "variables": variables,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_letter_verifies_at_its_receiver_and_its_return_path_leads_back_to_it() {
    let world = World::new(generous(3)).await;
    let mut to = people(1_000, "good", 3);
    let letters: Vec<Value> = (0..6).flat_map(|_| every_form(&mut to)).collect();
    let count = letters.len();
    world.enqueue(letters).await;
    let engine = world.engine(&Wishes::default()).await;
    world.settled().await;
    engine.stop().await;

    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", count)].into());
    assert_eq!(world.internet.tally().verified, count as u64);
    let (identity, mut paths) = (desk::identity(), BTreeSet::new());
    for fate in &fates {
        // Found under its own return path at the receiver, so that is the one that was used.
        assert_eq!(fate.copies, 1, "{fate:?}");
        let view = world.store.letter(fate.id).await.unwrap().unwrap();
        let path = identity.return_path(&view.letter.unwrap());
        let local = path.split('@').next().unwrap();
        let named = identity.tokens().decode_local(Kind::ReturnPath, local);
        assert_eq!(named.unwrap().id, fate.id);
        paths.insert(path);
    }
    assert_eq!(paths.len(), count, "no two letters share a return path");
    world.end().await;
}

/// The headers of one-click unsubscribe, as a receiver gets them.
const UNSUBSCRIBE: [&str; 2] = ["List-Unsubscribe", "List-Unsubscribe-Post"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_carries_one_click_unsubscribe_under_its_signature_and_a_reset_does_not() {
    for (stream, expected) in [("marketing", true), ("transactional", false)] {
        let message = captured(letter_of(stream, "anna@mail.example")).await;
        let parsed = MessageParser::default().parse(&message).unwrap();
        let signature = parsed.header_raw("DKIM-Signature").unwrap();
        let signed: String = signature.split_whitespace().collect();
        let signed = signed.split(';').find_map(|tag| tag.strip_prefix("h="));
        let signed: Vec<&str> = signed.unwrap().split(':').collect();
        for name in UNSUBSCRIBE {
            assert_eq!(
                parsed.header_raw(name).is_some(),
                expected,
                "{stream} {name}"
            );
            let is_signed = signed.iter().any(|field| field.eq_ignore_ascii_case(name));
            assert!(is_signed || !expected, "{stream} {name}: {signed:?}");
        }
    }
}

/// The message that a receiver hears.
async fn captured(letter: Value) -> Vec<u8> {
    let mut world = World::new(Plan::empty(7)).await;
    let receiver = Receiver::start(Arc::new(Identity::new())).await;
    let address = [192, 0, 2, 1].into();
    world.lines.reroute.insert(address, receiver.socket);
    let route = FixedRoute {
        host: address.to_string(),
        port: 25,
        tls: TlsPolicy::Off,
        login: None,
    };
    let wishes = Wishes {
        fixed: FixedRoutes {
            by_domain: BTreeMap::new(),
            default: Some(route),
        },
        ..Wishes::default()
    };
    world.enqueue([letter]).await;
    let engine = world.engine(&wishes).await;
    let script = "S 220 mx\nC EHLO\nS 250 mx\nC MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nM\nS 250 ok\nSILENCE";
    let settle = async {
        world.settled().await;
        engine.stop().await;
    };
    let (mut messages, ()) = tokio::join!(receiver.play(script), settle);
    world.end().await;
    messages.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_cannot_be_composed_fails_by_name_and_line_and_the_others_go_on() {
    let world = World::new(generous(1)).await;
    let mut nameless = of_template("trigger", "new-order", "en", "a@0.good.example");
    let variables = nameless["variables"].as_object_mut().unwrap();
    variables.remove("name");
    let missing = world.enqueue([nameless]).await[0];
    let stray = world
        .enqueue([letter_of("ghost", "b@0.good.example")])
        .await[0];
    let broken = world.enqueue([letter("c@0.good.example")]).await[0];
    sqlx::query("update postrider.letter set to_address = 'nowhere' where id = $1")
        .bind(broken.0)
        .execute(world.database.pool())
        .await
        .unwrap();
    world
        .enqueue(people(20, "good", 1).map(|to| letter(&to)))
        .await;
    let engine = world.engine(&Wishes::default()).await;
    world.settled().await;
    engine.stop().await;

    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", 20), ("failed", 3)].into());
    for (id, words) in [
        (missing, &["name", "line"][..]),
        (stray, &["stream", "ghost"]),
        (broken, &["to"]),
    ] {
        let history = world.store.history(id).await.unwrap();
        let text = history.last().unwrap().event.text.clone().unwrap();
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
    }
    let failed = fates.iter().filter(|fate| fate.state == State::Failed);
    assert!(failed.clone().all(|fate| fate.tries == 0));
    world.end().await;
}
