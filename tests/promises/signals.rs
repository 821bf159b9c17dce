//! `postrider serve` under load, told to stop: nothing is lost, nothing is sent twice, and the exit code says so.

use std::{net::TcpStream, time::Duration};

use nix::sys::signal::Signal;
use postrider::sim::{Plan, Temper};

use crate::{
    fates::states,
    node::{House, Node},
    world::{World, letter, people, provider},
};

const LETTERS: usize = 900;

/// Slow enough that a signal meets letters at every stage of their talk.
fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(4),
        ..Temper::default()
    };
    Plan::empty(7).with(provider("slow", 1, slow))
}

/// Ends the node in mid-load and compares both ends: what the provider took is delivered, the rest waits untouched.
async fn end_under_load(world: &World, node: Node, signal: Signal) {
    let before = world.internet.tally().accepted();
    world.accepted(before + 150).await;
    let http = node.http;
    let (status, log) = node.end(signal);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("Postrider has settled everything"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    assert!(TcpStream::connect(http).is_err());

    let queue = world.queue().await;
    assert_eq!(queue.leased, 0, "{queue:?}");
    assert!(queue.ready > 0, "it was stopped under load: {queue:?}");
    for fate in world.fates().await {
        let is_delivered = fate.state.name() == "delivered";
        assert_eq!(fate.copies, u16::from(is_delivered), "{fate:?}");
        assert_eq!(
            fate.events("delivered"),
            i64::from(is_delivered),
            "{fate:?}"
        );
        assert_eq!(
            fate.events("deferred") + fate.events("lease_expired"),
            0,
            "{fate:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_told_to_stop_under_load_settles_everything_and_exits_with_0() {
    let world = World::new(plan()).await;
    let receiver = *world.lines.reroute.values().next().unwrap();
    let house = House::new(&world.lines, receiver, "");
    world
        .enqueue(people(LETTERS, "slow", 1).map(|to| letter(&to)))
        .await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        end_under_load(&world, house.serve(), signal).await;
    }
    let node = house.serve();
    world.settled().await;
    let (status, log) = node.end(Signal::SIGTERM);
    assert_eq!(status.code(), Some(0), "{log}");
    let fates = world.kept().await;
    assert_eq!(states(&fates), [("delivered", LETTERS)].into());
    assert!(fates.iter().all(|fate| fate.copies == 1 && fate.tries == 1));
    world.end().await;
}
