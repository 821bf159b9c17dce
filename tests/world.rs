//! Worlds that a seed decides: the promises hold in all of them.
//!
//! Owns the seeds that ever failed, each with its reason (`world/seeds.txt`), and the drawing of fresh ones.

use postrider::sim::world::simulate;

#[test]
fn a_first_world() {
    let report = simulate(1, 30).unwrap();
    println!("{}\n{report}", report.story.join("\n"));
}
