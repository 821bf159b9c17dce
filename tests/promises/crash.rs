//! Promise 1: nothing is lost, whenever the engine is killed.

use std::time::Duration;

use postrider::sim::{Plan, Temper};

use crate::{
    fates::{Fate, states},
    process::Process,
    world::{World, letter, people, provider},
};

const LETTERS: usize = 2_400;

/// Shares of the letters, in per cent, after which the engine is killed, and how many milliseconds later.
const KILLS: [(u64, u64); 5] = [(4, 3), (17, 11), (31, 0), (52, 7), (70, 1)];

/// Slow enough that every kill hits letters in mid-talk, on every one of its connections.
fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    Plan::empty(7)
        .with(provider("slow", 6, slow))
        .with(provider("quick", 6, Temper::generous()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_five_times_under_load_loses_no_letter() {
    let world = World::new(plan()).await;
    let slow = people(LETTERS / 2, "slow", 6);
    let quick = people(LETTERS / 2, "quick", 6);
    let strangers = (0..20).map(|n| format!("unknown-{n}@0.quick.example"));
    let everybody = slow
        .zip(quick)
        .flat_map(<[String; 2]>::from)
        .chain(strangers);
    world.enqueue(everybody.map(|to| letter(&to))).await;

    let mut engine = Process::start(&world.lines);
    for (share, later) in KILLS {
        world.accepted(LETTERS as u64 * share / 100).await;
        tokio::time::sleep(Duration::from_millis(later)).await;
        engine.kill().await;
        assert!(world.queue().await.leased > 0, "killed under load");
        engine = Process::start(&world.lines);
    }
    world.settled().await;
    engine.stop().await;

    let fates = world.kept().await;
    assert_eq!(
        states(&fates),
        [("bounced", 20), ("delivered", LETTERS)].into()
    );
    let copies = explained_copies(&fates);
    println!("{LETTERS} letters, 5 kills: 0 lost, {copies} came twice");
    world.end().await;
}

/// Copies beyond the first. Each needs a claim that died with its engine: between the final dot and the settling of its
/// reply nobody else can know that the letter has arrived.
fn explained_copies(fates: &[Fate]) -> i64 {
    let extra = |fate: &Fate| i64::from(fate.copies.saturating_sub(1));
    for fate in fates.iter().filter(|fate| fate.copies > 1) {
        assert!(extra(fate) <= fate.events("lease_expired"), "{fate:?}");
    }
    fates.iter().map(extra).sum()
}
