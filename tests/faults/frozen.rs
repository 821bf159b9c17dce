//! A node that is frozen beyond its lease, and wakes while another one works.

use std::time::Duration;

use postrider::sim::{Plan, Temper};

use crate::{
    account::account,
    fates::Fate,
    process::{Process, mortal},
    world::{World, letter_of, people, provider},
};

const LETTERS: usize = 600;
const DOMAINS: usize = 4;

/// Slow at the end, where it matters: most letters in mid-talk are between the final dot and the reply.
async fn world() -> World {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    World::new(Plan::empty(7).with(provider("slow", DOMAINS, slow))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_beyond_its_lease_sends_nothing_more_and_its_late_words_still_count() {
    for stream in ["transactional", "marketing"] {
        let world = world().await;
        let letters = people(LETTERS, "slow", DOMAINS).map(|to| letter_of(stream, &to));
        world.enqueue(letters).await;
        let frozen = Process::start(&world.lines);
        world.accepted(100).await;
        frozen.freeze();
        let held = world.queue().await.leased;
        assert!(held > 50, "{held} letters are frozen with it");

        let other = world.engine(&mortal()).await;
        world.settled().await;
        other.stop().await;
        let before = world.kept().await;
        frozen.thaw();
        frozen.stop().await;
        let after = account(&world, &format!("frozen beyond its lease, {stream}")).await;

        let tries =
            |fates: &[Fate]| -> u64 { fates.iter().map(|fate| u64::from(fate.tries)).sum() };
        let late = tries(&world.fates().await) - tries(&before);
        assert_eq!(late, 0, "nobody is approached once the lease is over");
        let doubts = |fates: &[Fate]| {
            fates
                .iter()
                .filter(|fate| fate.state.name() == "in_doubt")
                .count()
        };
        // Replies that waited in its sockets end the doubt about their letters.
        let resolved = doubts(&before) - after.in_doubt;
        println!(
            "{held} letters were frozen; in doubt {}, resolved by late words {resolved}",
            doubts(&before)
        );
        assert!(stream == "transactional" || resolved > 0, "{after:?}");
        world.end().await;
    }
}
