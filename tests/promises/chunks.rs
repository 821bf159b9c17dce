//! A host that offers CHUNKING and does not know it is asked for chunks once, and takes every letter all the same.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use postrider::policy::Shaping;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    desk::Wishes,
    world::{World, generous, letter, people},
};

const LETTERS: usize = 40;

/// One connection at a time, so that what the first one learned is known to the next.
const ONE_CONNECTION: &str = "[default]\nconnections = 1\nletters_per_connection = 10\nconnections_per_minute = 6000\n\
    messages_per_second = 1000\nadaptive = false\n";

/// What the host has seen.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU32,
    chunks: AtomicU32,
    letters: AtomicU32,
}

async fn guest(socket: TcpStream, seen: Arc<Seen>) -> Option<()> {
    seen.connections.fetch_add(1, Ordering::Relaxed);
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).split(b'\n');
    write.write_all(b"220 mx ESMTP\r\n").await.ok()?;
    loop {
        let line = lines.next_segment().await.ok()??;
        let reply = match line.get(..4) {
            Some(b"EHLO") => "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            Some(b"MAIL" | b"RCPT" | b"RSET") => "250 2.0.0 ok\r\n",
            Some(b"DATA") => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                while lines.next_segment().await.ok()?? != b".\r" {}
                seen.letters.fetch_add(1, Ordering::Relaxed);
                "250 2.0.0 taken\r\n"
            }
            Some(b"BDAT") => {
                seen.chunks.fetch_add(1, Ordering::Relaxed);
                "502 5.5.1 command not implemented\r\n"
            }
            Some(b"QUIT") => "221 2.0.0 bye\r\n",
            // Every line of a letter that came in a chunk.
            _ => "500 5.5.2 what?\r\n",
        };
        write.write_all(reply.as_bytes()).await.ok()?;
    }
}

async fn listen(listener: TcpListener, seen: Arc<Seen>) {
    let mut guests = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        guests.spawn(guest(socket, Arc::clone(&seen)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_know_its_own_offer_of_chunks_is_asked_for_them_once() {
    let mut world = World::new(generous(1)).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap();
    world.lines.reroute.values_mut().for_each(|to| *to = host);
    let (seen, mut hosts) = (Arc::new(Seen::default()), JoinSet::new());
    hosts.spawn(listen(listener, Arc::clone(&seen)));
    let wishes = Wishes {
        shaping: Shaping::parse(ONE_CONNECTION).unwrap(),
        ..Wishes::default()
    };
    world
        .enqueue(people(LETTERS, "good", 1).map(|to| letter(&to)))
        .await;
    let engine = world.engine(&wishes).await;
    world.settled().await;
    engine.stop().await;
    let delivered: i64 =
        sqlx::query_scalar("select count(*) from postrider.letter where state = 'delivered'")
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    assert_eq!(usize::try_from(delivered), Ok(LETTERS));
    assert_eq!(
        seen.letters.load(Ordering::Relaxed),
        u32::try_from(delivered).unwrap()
    );
    assert_eq!(seen.chunks.load(Ordering::Relaxed), 1, "{seen:?}");
    assert!(seen.connections.load(Ordering::Relaxed) > 1, "{seen:?}");
    hosts.shutdown().await;
    world.end().await;
}
