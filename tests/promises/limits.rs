//! Two `postrider serve` on one database keep a provider's limit, as the provider counts it, and do what the operator orders.

use std::time::Duration;

use nix::sys::signal::Signal;
use postrider::sim::{Plan, Refusal, Temper, Window};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    node::{House, Node},
    world::{World, letter, people, provider},
};

/// What the provider takes in any minute, and how many connections.
const PER_MINUTE: u32 = 300;
const CONNECTIONS: u32 = 4;

/// After the end of a node the other one must have all of the limit within this.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// Over so long its pace is measured.
const MEASURED: Duration = Duration::from_secs(5);

/// The provider counts, forgives nothing, and remembers the first letter too many for longer than the test lasts.
fn strict() -> Plan {
    let temper = Temper {
        window: Some(Window {
            per_minute: PER_MINUTE,
            later: None,
            bears: 0,
            punishes: Duration::from_hours(1),
        }),
        connections_max: CONNECTIONS,
        ..Temper::default()
    };
    Plan::empty(7).with(provider("counts", 1, temper))
}

/// What the operator knows of it.
fn shaping() -> String {
    format!(
        "[default]\nmessages_per_minute = {PER_MINUTE}\nconnections = {CONNECTIONS}\n\
         connections_per_minute = 600\nadaptive = false\n"
    )
}

async fn start(letters: usize) -> (World, House) {
    let world = World::new(strict()).await;
    let receiver = *world.lines.reroute.values().next().unwrap();
    let house = House::new(&world.lines, receiver, "");
    house.write("shaping.toml", &shaping());
    world
        .enqueue(people(letters, "counts", 1).map(|to| letter(&to)))
        .await;
    (world, house)
}

fn taken(world: &World) -> u64 {
    world.internet.tally().accepted()
}

/// Nothing that the provider had to refuse.
fn nobody_was_refused(world: &World) {
    let tally = world.internet.tally();
    let provider = tally.provider("counts").unwrap();
    let refused = [Refusal::RateLimited, Refusal::TooManyConnections]
        .map(|refusal| provider.refused_for(refusal));
    assert_eq!(refused, [0, 0], "{tally:?}");
    assert!(provider.connections_peak <= CONNECTIONS.into(), "{tally:?}");
}

/// What `route explain --json` says of the only route.
fn explained(house: &House) -> Value {
    let listed = house.json("route list --json");
    let target = listed["target"].as_str().unwrap();
    house.json(&format!("route explain {target} --json"))
}

/// The parts of the limit that the nodes have, in per cent.
fn parts(house: &House) -> Vec<f64> {
    let nodes = explained(house)["nodes"].as_array().unwrap().clone();
    nodes
        .iter()
        .map(|node| node["part"].as_f64().unwrap())
        .collect()
}

/// When, after this moment, letters go at nine tenths of the whole limit again.
async fn back_after(world: &World) -> Option<Duration> {
    let begun = Instant::now();
    let due = u64::from(PER_MINUTE) * MEASURED.as_secs() * 9 / 600;
    let mut seen = vec![(Duration::ZERO, taken(world))];
    while begun.elapsed() < BACK_WITHIN + MEASURED {
        sleep(Duration::from_millis(250)).await;
        let (now, count) = (begun.elapsed(), taken(world));
        seen.push((now, count));
        let since = now.checked_sub(MEASURED);
        let before = since.and_then(|since| seen.iter().rfind(|(at, _)| *at <= since));
        if let Some((at, _)) = before.filter(|(_, before)| count - before >= due) {
            return Some(*at);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_keep_a_limit_and_when_one_is_killed_the_other_takes_it_all() {
    let (world, house) = start(600).await;
    let (one, other) = (house.serve(), house.serve());
    // Half of what one of them has prepared goes while both are at work.
    world.accepted(u64::from(PER_MINUTE) / 4).await;
    let shares = parts(&house);
    assert_eq!(shares.len(), 2, "{shares:?}");
    assert!(
        (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6,
        "{shares:?}"
    );
    assert!(shares.iter().all(|part| *part > 0.4), "{shares:?}");
    let (status, log) = one.end(Signal::SIGKILL);
    assert!(!status.success(), "{log}");
    let back = back_after(&world).await;
    println!(
        "limit of {PER_MINUTE}/min over two nodes, one killed: all of it is used again after {back:?}; none refused"
    );
    assert!(back.is_some_and(|back| back <= BACK_WITHIN), "{back:?}");
    nobody_was_refused(&world);
    finish(other);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_orders_is_done_by_every_node_and_told() {
    let (world, house) = start(600).await;
    let nodes = [house.serve(), house.serve()];
    world.accepted(20).await;
    let listed = house.json("route list --json");
    let target = listed["target"].as_str().unwrap().to_owned();
    house.run(&format!(
        "route set {target} --pause 1h --reason maintenance --author anna"
    ));
    // Both read it with their next beat, and what was under way comes to its end.
    sleep(Duration::from_secs(5)).await;
    let before = taken(&world);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(taken(&world), before, "the route is paused");
    let story = explained(&house);
    assert_eq!(story["state"]["phase"], "paused", "{story}");
    assert_eq!(story["state"]["cause"], "maintenance", "{story}");
    assert_eq!(story["state"]["changed_by"], "anna", "{story}");

    house.run(&format!("route reset {target} --reason done --author anna"));
    world.accepted(before + 20).await;
    house.run(&format!(
        "route set {target} --rate 60/m --reason agreed --author anna"
    ));
    sleep(Duration::from_secs(4)).await;
    let before = taken(&world);
    sleep(Duration::from_secs(10)).await;
    let went = taken(&world) - before;
    assert!((8..=11).contains(&went), "one a second: {went} in 10 s");
    let causes: Vec<String> = explained(&house)["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{}: {}",
                change["by"].as_str().unwrap(),
                change["cause"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(causes, ["anna: maintenance", "anna: done", "anna: agreed"]);
    nobody_was_refused(&world);
    nodes.into_iter().for_each(finish);
    world.end().await;
}

fn finish(node: Node) {
    let (status, log) = node.end(Signal::SIGTERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_shaping_is_taken_over_and_a_broken_one_leaves_the_last_good_one_in_force() {
    let (world, house) = start(200).await;
    let slow = shaping().replace(&PER_MINUTE.to_string(), "12");
    house.write("shaping.toml", &slow);
    let node = house.serve();
    world.accepted(1).await;
    house.write("shaping.toml", "[default]\nmesages_per_minute = 12\n");
    let line = node.says("The changed shaping cannot be used");
    assert!(line.contains("mesages_per_minute"), "{line}");
    // Under the first limit this would take eight minutes.
    house.write("shaping.toml", &shaping());
    node.says("Took over the changed shaping");
    world.accepted(100).await;
    nobody_was_refused(&world);
    finish(node);
    world.end().await;
}
