//! Promises 1 and 2 under `kill -9`: nothing is lost, and nothing comes twice but what was reported in doubt.

use std::{env, time::Duration};

use postrider::{
    mail::State,
    sim::{Plan, Temper},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    fates::Fate,
    process::Process,
    world::{World, letter_of, people, provider},
};

/// `POSTRIDER_KILLS` and `POSTRIDER_SEED` say otherwise.
const KILLS: usize = 50;

/// Letters of each stream that are there for each kill.
const LETTERS_PER_KILL: usize = 100;

const DOMAINS: usize = 6;

/// Half of the providers take their time, so that every kill hits letters at every step of the talk.
fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    Plan::empty(7)
        .with(provider("slow", DOMAINS, slow))
        .with(provider("quick", DOMAINS, Temper::generous()))
}

fn wished(name: &str, default: u64) -> u64 {
    let said = env::var(name).ok();
    said.map_or(default, |said| said.parse().expect("a number"))
}

/// One line of the table: what became of the letters of one stream.
#[derive(Debug, Default)]
struct Line {
    letters: usize,
    lost: usize,
    delivered: usize,
    in_doubt: usize,
    doubted: i64,
    twice: usize,
    twice_unreported: usize,
}

impl Line {
    fn of(fates: &[Fate], stream: &str) -> Self {
        let mut line = Self::default();
        for fate in fates.iter().filter(|fate| fate.stream == stream) {
            let doubts = fate.events("in_doubt") + fate.events("doubted");
            line.letters += 1;
            line.lost += usize::from(fate.state == State::Delivered && fate.copies == 0);
            line.delivered += usize::from(fate.state == State::Delivered);
            line.in_doubt += usize::from(fate.state == State::InDoubt);
            line.doubted += doubts;
            line.twice += usize::from(fate.copies > 1);
            line.twice_unreported += usize::from(i64::from(fate.copies) > 1 + doubts);
        }
        line
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_fifty_times_under_load_loses_nothing_and_repeats_only_what_is_in_doubt() {
    let kills = usize::try_from(wished("POSTRIDER_KILLS", KILLS as u64)).unwrap();
    let seed = wished("POSTRIDER_SEED", rand::random_range(0..1_000_000));
    println!("POSTRIDER_SEED={seed} POSTRIDER_KILLS={kills}");
    let mut chance = StdRng::seed_from_u64(seed);
    let world = World::new(plan()).await;
    let mut slow = people(usize::MAX, "slow", DOMAINS);
    let mut quick = people(usize::MAX, "quick", DOMAINS);
    let mut enqueued = 0;
    for _ in 0..kills {
        let everybody = slow.by_ref().zip(quick.by_ref()).take(LETTERS_PER_KILL);
        let letters = everybody.flat_map(|(slow, quick)| {
            let (one, other) = if enqueued % 2 == 0 {
                (slow, quick)
            } else {
                (quick, slow)
            };
            enqueued += 1;
            [
                letter_of("transactional", &one),
                letter_of("marketing", &other),
            ]
        });
        world.enqueue(letters.collect::<Vec<_>>()).await;
        let engine = Process::start(&world.lines);
        let before = world.internet.tally().accepted();
        let more = chance.random_range(1..LETTERS_PER_KILL as u64);
        world.accepted(before + more).await;
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..15_000))).await;
        engine.kill().await;
        assert!(world.queue().await.leased > 0, "killed under load");
    }
    let engine = Process::start(&world.lines);
    world.settled().await;
    engine.stop().await;

    let fates = world.kept().await;
    assert_eq!(fates.len(), 2 * LETTERS_PER_KILL * kills);
    let (retry, hold) = (
        Line::of(&fates, "transactional"),
        Line::of(&fates, "marketing"),
    );
    print_table(kills, seed, [("retry", &retry), ("hold", &hold)]);
    for line in [&retry, &hold] {
        assert_eq!((line.lost, line.twice_unreported), (0, 0), "{line:?}");
        assert_eq!(line.delivered + line.in_doubt, line.letters, "{line:?}");
    }
    assert_eq!(hold.twice, 0, "{hold:?}");
    assert!(
        retry.doubted + hold.doubted > 0,
        "no kill hit a letter between dot and reply"
    );
    // Nobody waited for a lease to end: every dead engine left a journal that told.
    assert!(fates.iter().all(|fate| fate.events("lease_expired") == 0));
    assert_eq!(journals(&world), 0, "every journal was settled and went");
    world.end().await;
}

fn journals(world: &World) -> usize {
    std::fs::read_dir(&world.lines.machine).unwrap().count()
}

fn print_table(kills: usize, seed: u64, lines: [(&str, &Line); 2]) {
    println!("{kills} kills at random moments under load, seed {seed}");
    println!(
        "policy   letters  lost  delivered  in doubt  doubts told  came twice  of them unreported"
    );
    for (policy, line) in lines {
        println!(
            "{policy:<6} {:>9} {:>5} {:>10} {:>9} {:>12} {:>11} {:>19}",
            line.letters,
            line.lost,
            line.delivered,
            line.in_doubt,
            line.doubted,
            line.twice,
            line.twice_unreported
        );
    }
}
