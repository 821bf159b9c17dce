//! DNS that is gone for a while.

use std::time::Duration;

use postrider::sim::{Plan, Temper};

use crate::{
    account::account,
    process::mortal,
    world::{Running, World, letter_of, people, provider},
};

const LETTERS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_wait_out_a_dns_that_is_gone() {
    let plan = Plan::empty(7).with(provider("good", 6, Temper::generous()));
    let world = World::new(plan).await;
    let letters = people(LETTERS, "good", 6).map(|to| letter_of("transactional", &to));
    world.enqueue(letters).await;
    // Nobody listens at this port: it was bound a moment ago and is free again.
    let nowhere = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut lines = world.lines.clone();
    lines.dns = nowhere;
    let store = lines.store().await;
    let blind = Running::start(&lines, store, crate::desk::desk(&mortal()));
    world
        .until("every letter has been deferred", async || {
            let deferred: i64 = sqlx::query_scalar(
                "select count(distinct letter_id) from postrider.event where kind = 'deferred'",
            )
            .fetch_one(world.database.pool())
            .await
            .unwrap();
            usize::try_from(deferred).unwrap() == LETTERS
        })
        .await;
    assert_eq!(world.internet.tally().accepted(), 0);
    // The same socket that nobody listened at becomes the name server: nothing is restarted but the test's patience.
    let relay = tokio::net::UdpSocket::bind(nowhere).await.unwrap();
    let served = serve_names(relay, world.lines.dns);
    tokio::select! {
        () = served => unreachable!("it serves for ever"),
        () = world.settled() => {}
    }
    blind.stop().await;
    let account = account(&world, "DNS gone").await;
    assert_eq!((account.delivered, account.twice), (LETTERS, 0));
    world.end().await;
}

/// Passes questions on and answers back, one at a time.
async fn serve_names(socket: tokio::net::UdpSocket, to: std::net::SocketAddr) {
    let mut octets = [0; 4096];
    loop {
        let (length, asker) = socket.recv_from(&mut octets).await.unwrap();
        let up = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        up.send_to(&octets[..length], to).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(500), up.recv(&mut octets)).await;
        if let Ok(Ok(length)) = answer {
            let _ = socket.send_to(&octets[..length], asker).await;
        }
    }
}
