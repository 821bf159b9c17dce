//! Worlds that a seed decides: the promises hold in all of them.
//!
//! Owns the seeds that ever failed, each with its reason (`world/seeds.txt`), and the drawing of fresh ones.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing, its helpers too"
)]

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use postrider::sim::world::{Report, simulate, simulate_all};

/// Letters in each world.
const LETTERS: usize = 40;

/// Fresh worlds in each run.
const FRESH: u64 = 300;

/// Seeds that ever failed, with the number of letters and the reason.
const SEEDS: &str = include_str!("world/seeds.txt");

/// What a seed that broke a law says, and how to see it again.
fn check(report: &Report) -> Option<String> {
    let (seed, letters) = (report.seed, report.letters);
    let again = format!("see it again with `postrider sim --seed {seed} --letters {letters}`");
    (!report.is_clean()).then(|| format!("{report}\n{again}"))
}

#[test]
fn every_law_holds_in_worlds_where_one_once_broke() {
    let mut broken = Vec::new();
    for line in SEEDS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.split_whitespace();
        let mut number = || words.next().unwrap().parse().unwrap();
        let (seed, letters) = (number(), number());
        let report = simulate(seed, usize::try_from(letters).unwrap()).unwrap();
        broken.extend(check(&report));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn every_law_holds_in_fresh_worlds() {
    let first = fresh();
    let broken = Mutex::new(BTreeMap::new());
    simulate_all(first..first + FRESH, LETTERS, |report| {
        if let Some(words) = check(&report) {
            broken.lock().unwrap().insert(report.seed, words);
        }
    })
    .unwrap();
    let broken: Vec<String> = broken.into_inner().unwrap().into_values().collect();
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// Where the fresh seeds begin: elsewhere in each run, so that the worlds seen grow with the runs. A seed that fails is
/// named, and repeats.
#[expect(
    clippy::disallowed_methods,
    reason = "only the choice of seeds depends on it, never a world"
)]
fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs() * FRESH
}

#[test]
fn one_seed_is_one_story_byte_for_byte() {
    for seed in [3, 8, 21] {
        let (one, two) = (
            simulate(seed, LETTERS).unwrap(),
            simulate(seed, LETTERS).unwrap(),
        );
        let words = |report: &Report| serde_json::to_string(report).unwrap();
        assert_eq!(words(&one), words(&two));
    }
    assert_ne!(simulate(3, 5).unwrap().story, simulate(4, 5).unwrap().story);
}
