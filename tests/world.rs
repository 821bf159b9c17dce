//! Worlds that a seed decides: the promises hold in all of them.
//!
//! Owns the seeds that ever failed, each with its reason (`world/seeds.txt`), and the drawing of fresh ones.

use postrider::sim::world::simulate;

#[test]
fn many() {
    let from: u64 = std::env::var("FROM").map_or(0, |t| t.parse().unwrap());
    let to: u64 = std::env::var("TO").map_or(60, |t| t.parse().unwrap());
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for lane in 0..2 {
            scope.spawn(move || {
                for seed in (from..to).filter(|seed| seed % 2 == lane) {
                    let begun = std::time::Instant::now();
                    let report = simulate(seed, 40).unwrap();
                    let took = begun.elapsed();
                    if took.as_millis() > 1500 {
                        println!("slow {seed} {took:?}");
                    }
                    if !report.is_clean() {
                        println!("seed {seed}:");
                        for law in report.laws.iter().filter(|law| !law.breaches.is_empty()) {
                            println!("  {}: {:#?}", law.law, law.breaches);
                        }
                    }
                    if seed < 10 {
                        let again = simulate(seed, 40).unwrap();
                        if again != report {
                            let place = again.story.iter().zip(&report.story).position(|(a, b)| a != b);
                            println!("seed {seed} differs at {place:?}");
                        }
                    }
                }
            });
        }
    });
    println!("took {:?}", begun.elapsed());
}

#[test]
fn one() {
    let seed: u64 = std::env::var("SEED").unwrap().parse().unwrap();
    let report = simulate(seed, 40).unwrap();
    println!("{}\n{report}", report.story.join("\n"));
}
