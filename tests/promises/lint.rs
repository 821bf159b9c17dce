//! The gate at the last moment: letters that came by SQL, where nobody could look at them before.

use postrider::{compose::lint::Gate, mail::State};
use serde_json::json;

use crate::{
    desk::Wishes,
    world::{World, generous, letter},
};

/// A letter with that link.
fn linked(to: &str, link: &str) -> serde_json::Value {
    let mut letter = letter(to);
    letter["html"] = json!(format!(
        "<p>Здравствуйте! <a href=\"{link}\">Заказы</a></p>"
    ));
    letter
}

async fn pass(gate: Gate) -> Vec<(State, String)> {
    let world = World::new(generous(1)).await;
    let ids = world
        .enqueue([
            linked("anna@0.good.example", "https://example.shop/orders"),
            linked("olga@0.good.example", ""),
        ])
        .await;
    let wishes = Wishes {
        lint: gate,
        ..Wishes::default()
    };
    let engine = world.engine(&wishes).await;
    world.settled().await;
    engine.stop().await;
    let mut fates = Vec::new();
    for id in ids {
        let view = world.store.letter(id).await.unwrap().unwrap();
        let history = world.store.history(id).await.unwrap();
        let text = history.last().unwrap().event.text.clone();
        fates.push((view.state, text.unwrap_or_default()));
    }
    world.end().await;
    fates
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grave_flaw_keeps_a_letter_here_where_the_stream_refuses() {
    let fates = pass(Gate::Refuse).await;
    assert_eq!(fates[0].0, State::Delivered);
    assert_eq!(fates[1].0, State::Failed);
    assert!(fates[1].1.starts_with("lint: link.broken ("), "{fates:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flaws_stop_nobody_where_the_stream_warns_or_does_not_look() {
    for gate in [Gate::Warn, Gate::Off] {
        let states: Vec<State> = pass(gate)
            .await
            .into_iter()
            .map(|(state, _)| state)
            .collect();
        assert_eq!(states, [State::Delivered, State::Delivered], "{gate:?}");
    }
}
