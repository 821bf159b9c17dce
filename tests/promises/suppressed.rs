//! Promise 3: once a suppression commits, no new attempt starts.

use std::{collections::HashMap, time::Duration};

use postrider::{
    engine::Limits,
    mail::{Address, LetterId, Reason, Scope, State, Suppression},
    net::SystemClock,
    port::Clock,
    sim::{Plan, Temper},
};

use crate::{
    desk::Wishes,
    fates::{Fate, states},
    outage::break_connections,
    world::{World, generous, letter, letter_of, people, provider},
};

/// Connections of the engine in these tests: so many attempts may be under way when a suppression commits.
const CONNECTIONS: usize = 4;

/// A receiver so slow that most letters wait inside the engine.
async fn slow_world() -> World {
    let slow = Temper {
        reply_delay: Duration::from_millis(10),
        ..Temper::default()
    };
    World::new(Plan::empty(7).with(provider("slow", 1, slow))).await
}

fn few_connections(connections: usize) -> Wishes {
    Wishes {
        limits: Limits {
            connections_per_site: connections,
            ..Wishes::default().limits
        },
        ..Wishes::default()
    }
}

async fn suppress(world: &World, address: &str, scope: Scope) {
    let entry = Suppression {
        address: Address::parse(address).unwrap(),
        scope,
        reason: Reason::Unsubscribe,
        evidence: "pressed the button".to_owned(),
        letter: None,
        since: SystemClock.now(),
        until: None,
    };
    world.store.suppress(&entry).await.unwrap();
}

fn tries(fates: &[Fate]) -> HashMap<LetterId, u16> {
    fates.iter().map(|fate| (fate.id, fate.tries)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_an_engine_holds_already_is_not_sent_after_its_reader_unsubscribed() {
    let world = slow_world().await;
    let readers: Vec<String> = people(150, "slow", 1).collect();
    world.enqueue(readers.iter().map(|to| letter(to))).await;
    let resets = readers.iter().map(|to| letter_of("transactional", to));
    world.enqueue(resets).await;
    let engine = world.engine(&few_connections(CONNECTIONS)).await;
    world.accepted(20).await;
    assert!(world.queue().await.leased > 200, "held by the engine");

    let quitters = &readers[30..];
    suppress_together(&world, quitters, &Scope::Marketing).await;
    let before = tries(&world.fates().await);
    world.settled().await;
    engine.stop().await;

    let fates = world.kept().await;
    let offers: Vec<&Fate> = fates
        .iter()
        .filter(|fate| is_offer(fate, quitters))
        .collect();
    assert_eq!(offers.len(), quitters.len());
    let late = offers.iter().filter(|fate| fate.tries > before[&fate.id]);
    let late = late.count();
    assert!(late <= CONNECTIONS, "only what was under way");
    let untried = offers.iter().filter(|fate| before[&fate.id] == 0).count();
    let stopped = offers.iter().filter(|fate| fate.state == State::Suppressed);
    // How many still waited by then is the machine's business; every one of them but those under way is stopped.
    assert!(untried > CONNECTIONS, "{:?}", states(&fates));
    assert_eq!(stopped.count(), untried - late, "{:?}", states(&fates));
    let resets = fates.iter().filter(|fate| fate.events("suppressed") == 0);
    assert!(
        resets
            .clone()
            .all(|fate| fate.state == State::Delivered && fate.copies == 1)
    );
    world.end().await;
}

/// Offers and resets go to the same people; offers were enqueued first and carry the smaller ids.
fn is_offer(fate: &Fate, quitters: &[String]) -> bool {
    fate.stream == "marketing" && quitters.contains(&fate.to)
}

/// Suppresses all in one transaction.
async fn suppress_together(world: &World, readers: &[String], scope: &Scope) {
    sqlx::query(
        "insert into postrider.suppression (shard, address, scope, reason, evidence, since)
        select postrider.shard(a), a, $2, 'manual', 'imported', now() from unnest($1::text[]) as a",
    )
    .bind(readers)
    .bind(scope.name())
    .execute(world.database.pool())
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppression_that_no_engine_could_hear_of_still_stops_the_letters_it_holds() {
    let world = slow_world().await;
    let readers: Vec<String> = people(200, "slow", 1).collect();
    world.enqueue(readers.iter().map(|to| letter(to))).await;
    let engine = world.engine(&few_connections(CONNECTIONS)).await;
    world.accepted(20).await;
    // At the moment when nobody can be told.
    break_connections(&world).await;
    suppress_together(&world, &readers, &Scope::Everything).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    let stopped = fates.iter().filter(|fate| fate.state == State::Suppressed);
    // Until the connection stands again some more go out; each takes 40 ms on one of four connections.
    assert!(stopped.count() > 130, "{:?}", states(&fates));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_letter_is_not_sent_after_its_reader_is_suppressed_in_its_scope() {
    let world = World::new(generous(1)).await;
    let cases = [
        (
            "everything",
            Scope::Everything,
            "transactional",
            "suppressed",
        ),
        ("complaint", Scope::Marketing, "marketing", "suppressed"),
        ("complaint", Scope::Marketing, "trigger", "suppressed"),
        ("complaint", Scope::Marketing, "transactional", "delivered"),
        (
            "digest",
            Scope::Stream("marketing".into()),
            "marketing",
            "suppressed",
        ),
        (
            "digest",
            Scope::Stream("marketing".into()),
            "trigger",
            "delivered",
        ),
    ];
    let address = |name: &str| format!("{name}@0.good.example");
    for (name, _, stream, _) in &cases {
        world.enqueue([letter_of(stream, &address(name))]).await;
    }
    for (name, scope, ..) in &cases {
        // As an address is written anywhere else: in capitals.
        suppress(&world, &address(name).to_uppercase(), scope.clone()).await;
    }
    let engine = world.engine(&Wishes::default()).await;
    world.settled().await;
    engine.stop().await;
    for fate in world.kept().await {
        let case = cases
            .iter()
            .find(|(name, _, stream, _)| address(name) == fate.to && *stream == fate.stream);
        assert_eq!(fate.state.name(), case.unwrap().3, "{fate:?}");
        assert_eq!(
            fate.tries,
            u16::from(fate.state == State::Delivered),
            "{fate:?}"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hard_bounce_stops_the_other_letters_of_the_same_batch() {
    let world = slow_world().await;
    let nobody = "unknown-anna@0.slow.example";
    world.enqueue((0..40).map(|_| letter(nobody))).await;
    let engine = world.engine(&few_connections(1)).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    let tries: u16 = fates.iter().map(|fate| fate.tries).sum();
    // The verdict is written within some 20 ms, the time of one or two attempts.
    assert!(
        (1..=6).contains(&tries),
        "{tries} attempts, {:?}",
        states(&fates)
    );
    assert_eq!(states(&fates)["bounced"], usize::from(tries));
    assert_eq!(states(&fates)["suppressed"], 40 - usize::from(tries));
    world.end().await;
}
