//! How many prepared letters a second leave over loopback.
//!
//! `cargo test --release --test wire -- --ignored --nocapture speed` prints the figures; one connection per core,
//! letters of 6 KB, a sink that reads and says yes.

use std::{net::SocketAddr, time::Duration};

use postrider::{
    mail::{Address, Domain, Evidence},
    smtp::{Envelope, Hello, Session, Timeouts, Tls},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

const LETTERS: u32 = 60_000;

/// Answers by what a packet ends with; right for a client that waits where RFC 2920 makes it wait.
async fn sink(mut wire: TcpStream, pipelining: bool) {
    wire.set_nodelay(true).unwrap();
    wire.write_all(b"220 sink\r\n").await.unwrap();
    let offer: &[u8] = if pipelining {
        b"250-sink\r\n250 PIPELINING\r\n"
    } else {
        b"250 sink\r\n"
    };
    let envelope: &[u8] = b"250 ok\r\n250 ok\r\n354 go\r\n";
    let mut buffer = vec![0; 65_536];
    let (mut filled, mut in_message) = (0, false);
    loop {
        let count = wire.read(&mut buffer[filled..]).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        filled += count;
        let heard = &buffer[..filled];
        let answer: &[u8] = if in_message && heard.ends_with(b"\r\n.\r\n") {
            in_message = false;
            b"250 ok\r\n"
        } else if in_message || !heard.ends_with(b"\r\n") {
            continue;
        } else if heard.ends_with(b"DATA\r\n") {
            in_message = true;
            if pipelining { envelope } else { b"354 go\r\n" }
        } else if heard.starts_with(b"EHLO") {
            offer
        } else {
            b"250 ok\r\n"
        };
        filled = 0;
        wire.write_all(answer).await.unwrap();
    }
}

async fn client(to: SocketAddr, message: Vec<u8>, letters: u32) {
    let wire = TcpStream::connect(to).await.unwrap();
    wire.set_nodelay(true).unwrap();
    let ehlo = Domain::parse("mail.example.org").unwrap();
    let return_path = Address::parse("b+0123456789abcdef@mail.example.org").unwrap();
    let recipient = Address::parse("anna.smirnova@example.com").unwrap();
    let hello = Hello {
        ehlo: &ehlo,
        host: "mx.example.com",
        remote: to.ip(),
        tls: Tls::Off,
        login: None,
        chunking: true,
        timeouts: Timeouts::default(),
    };
    let mut session = Session::open(wire, &hello).await.unwrap();
    for _ in 0..letters {
        let envelope = Envelope {
            return_path: &return_path,
            recipient: &recipient,
        };
        let outcome = session.send(envelope, &message).await;
        assert!(matches!(outcome.evidence, Evidence::Accepted(_)));
    }
}

async fn measure(connections: u32, pipelining: bool) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let message = [
        &b"Subject: speed\r\n\r\n"[..],
        &[&[b'x'; 74][..], b"\r\n"].concat().repeat(79),
    ]
    .concat();
    let mut sinks = JoinSet::new();
    let mut clients = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..connections {
        clients.spawn(client(to, message.clone(), LETTERS / connections));
        let (wire, _) = listener.accept().await.unwrap();
        sinks.spawn(sink(wire, pipelining));
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    f64::from(LETTERS) / begun.elapsed().max(Duration::from_millis(1)).as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test; needs a quiet machine and a release build"]
async fn speed() {
    for connections in [1, 2, 4, 8, 32] {
        for pipelining in [true, false] {
            let rate = measure(connections, pipelining).await;
            println!(
                "{connections:>3} connections, pipelining {pipelining:<5}: {rate:>8.0} letters/s"
            );
        }
    }
}
