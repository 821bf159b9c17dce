//! Promise 8: a provider that is dead or slow costs the others nothing. Counted, not timed.

use std::time::Duration;

use postrider::sim::{
    Dialect, Plan, Temper,
    plan::{Health, ProviderPlan},
};

use crate::{
    desk::{Wishes, patience},
    fates::Fate,
    world::{World, letter, people, provider},
};

/// Letters for those who cannot take them; more than an engine holds.
const STUCK: usize = 5_000;
const OTHERS: usize = 300;

/// Letters leased when the others come: so many that the engine is busy with the stuck.
const MET: i32 = 400;

/// How long a silent host is waited for: longer than the others' letters take on any machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// The others' letters, enqueued last, are all delivered while not one of the stuck has come to an end.
async fn others_go_on(mut bad: ProviderPlan, health: Health, domains: usize) {
    for site in &mut bad.sites {
        site.hosts[0].health = health;
    }
    let plan = Plan::empty(7)
        .with(bad)
        .with(provider("good", 5, Temper::generous()));
    let world = World::new(plan).await;
    let stuck = (0..STUCK).map(|n| letter(&format!("anna{n}@{}.bad.example", n % domains)));
    world.enqueue(stuck).await;
    let wishes = Wishes {
        timeouts: patience(PATIENCE),
        give_up_age: Duration::from_hours(1),
        ..Wishes::default()
    };
    let engine = world.engine(&wishes).await;
    world
        .until("the engine has met the stuck", async || {
            let queue = world.queue().await;
            queue.leased >= MET.into() || queue.waiting > 0
        })
        .await;
    let letters = people(OTHERS, "good", 5).map(|to| letter(&to));
    world.enqueue(letters).await;
    world.accepted(OTHERS as u64).await;
    let took = engine.stop().await;
    assert!(took < PATIENCE / 5, "stopping took {took:?}");
    let fates = world.fates().await;
    let is_stuck = |fate: &&Fate| !fate.state.is_final();
    assert_eq!(fates.iter().filter(is_stuck).count(), STUCK);
    // Nobody waited for the silence of others to end.
    let given_up = fates.iter().filter(|fate| fate.events("deferred") > 0);
    assert!(health != Health::Silent || given_up.count() == 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_host_with_thousands_of_letters_keeps_no_other_letter_waiting() {
    others_go_on(provider("bad", 1, Temper::generous()), Health::Refusing, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_never_greets_keeps_no_other_letter_waiting() {
    others_go_on(provider("bad", 1, Temper::generous()), Health::Silent, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_host_of_many_domains_keeps_no_other_letter_waiting() {
    let names: Vec<String> = (0..40).map(|n| format!("{n}.bad.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bad = ProviderPlan::new("bad", Dialect::Postfix, Temper::generous());
    let bad = bad.serving(&names, &["mx.bad.example"]);
    others_go_on(bad, Health::Silent, 40).await;
}
