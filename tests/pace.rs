//! The pace of routes, in virtual time, against providers that count and punish.
//!
//! Owns the numbers that the governor has to reach. Each test prints what it measured: `cargo test --test pace -- --nocapture`.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

#[path = "pace/warmup.rs"]
mod warmup;

use std::time::Duration;

use postrider::{
    policy::Shaping,
    sim::{
        Window,
        world::pace::{PaceSeen, PaceWorld},
    },
};

const MINUTE: Duration = Duration::from_mins(1);

/// A provider that takes twenty letters a minute, bears three refusals within a minute and punishes the fourth.
fn strict() -> PaceWorld {
    PaceWorld {
        seed: 7,
        lasts: MINUTE * 30,
        window: Window {
            per_minute: 20,
            later: None,
            bears: 3,
            punishes: MINUTE * 10,
        },
        connections_max: 20,
        shaping: Shaping::standard(),
        nodes: 1,
        is_stormy: false,
        letters: 1_000,
    }
}

fn told(seen: &PaceSeen) -> String {
    format!("{:?}\n{}", seen.by_minute, seen.changes.join("\n"))
}

#[test]
fn the_governor_finds_a_limit_that_nobody_told_and_stays_below_it() {
    let seen = strict().live().unwrap();
    let (taken, allowed): (usize, usize) = (seen.by_minute.iter().sum(), 20 * 30);
    eprintln!(
        "found a limit of 20/min: {taken} of {allowed} letters in 30 minutes ({:.1} %), {} of {} attempts refused ({:.2} %)",
        percent(taken, allowed),
        seen.refused,
        seen.attempts,
        percent(seen.refused, seen.attempts)
    );
    assert!(taken * 100 >= allowed * 85, "{}", told(&seen));
    assert!(seen.refused * 100 < seen.attempts, "{}", told(&seen));
}

#[test]
fn the_governor_finds_a_limit_that_was_doubled() {
    let mut world = strict();
    let doubled = 25;
    world.lasts = MINUTE * 60;
    world.letters = 2_200;
    world.window.later = Some((MINUTE * doubled, 40));
    let seen = world.live().unwrap();
    let doubled = usize::try_from(doubled).unwrap();
    // Found: three minutes in a row with 85 % of what is allowed now.
    let found = (doubled..58).find(|at| seen.by_minute[*at..at + 3].iter().sum::<usize>() >= 102);
    let took = found.map(|at| at + 3 - doubled);
    eprintln!("found a limit that was doubled after {took:?} minutes");
    assert!(took.is_some_and(|minutes| minutes <= 20), "{}", told(&seen));
}

/// What the operator knows of a provider.
fn known(per_minute: u32, connections: u32) -> Shaping {
    Shaping::parse(&format!(
        "[[provider]]\nname = \"counts\"\nmx = [\".counts.example\"]\nmessages_per_minute = {per_minute}\n\
         connections = {connections}\nconnections_per_minute = 600\nadaptive = false\n"
    ))
    .unwrap()
}

#[test]
fn nodes_together_use_what_is_allowed() {
    for nodes in [1, 2, 5] {
        let mut world = strict();
        (world.nodes, world.shaping, world.lasts) = (nodes, known(20, 5), MINUTE * 10);
        world.letters = 400;
        let seen = world.live().unwrap();
        let taken: usize = seen.by_minute.iter().sum();
        eprintln!(
            "{nodes} nodes: {taken} of 200 letters in 10 minutes, {} refused",
            seen.refused
        );
        assert_eq!(seen.refused, 0, "{}", told(&seen));
        assert!(taken >= 180, "{}", told(&seen));
    }
}

#[test]
fn a_limit_that_is_known_is_never_exceeded_whatever_happens_to_nodes() {
    for seed in [2, 5, 7] {
        let world = PaceWorld {
            seed,
            lasts: MINUTE * 5,
            shaping: known(40, 5),
            nodes: 3,
            is_stormy: true,
            letters: 300,
            connections_max: 5,
            window: Window {
                per_minute: 40,
                later: None,
                bears: 0,
                punishes: MINUTE,
            },
        };
        let seen = world.live().unwrap();
        eprintln!(
            "seed {seed}: {} letters within the busiest minute of 40, {} connections of 5, {} refused",
            seen.busiest_minute, seen.connections_peak, seen.refused
        );
        assert_eq!(seen.refused, 0, "seed {seed}: {}", told(&seen));
        assert!(seen.connections_peak <= 5, "seed {seed}: {}", told(&seen));
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap());
    count(part) * 100.0 / count(whole)
}
