//! The server on real sockets: clients that are slow, and its own end.

use std::{net::SocketAddr, time::Duration};

use postrider::http::{Limits, Patience, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::house::{House, letter, limits, open, open_with};

async fn listen(house: &House, patience: Patience) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    let (router, stop) = (house.router.clone(), house.stop.clone());
    server.spawn(serve(listener, router, patience, stop));
    (address, server)
}

fn head(house: &House) -> String {
    format!(
        "POST /v1/letters HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
        Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
        house.key
    )
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

async fn read_until(socket: &mut TcpStream, word: &str) -> String {
    let mut text = String::new();
    let mut octets = [0; 4096];
    while !text.contains(word) {
        let count = socket.read(&mut octets).await.unwrap();
        assert_ne!(count, 0, "closed before {word}: {text}");
        text += std::str::from_utf8(&octets[..count]).unwrap();
    }
    text
}

async fn rest(mut socket: TcpStream) -> String {
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn answers_come_while_letters_still_go() {
    let house = open().await;
    let (address, _server) = listen(&house, Patience::default()).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(head(&house).as_bytes()).await.unwrap();
    for number in 1..=3 {
        let letter = format!("{}\n", letter(&format!("r{number}@example.org")));
        socket.write_all(chunk(&letter).as_bytes()).await.unwrap();
        let word = format!("{{\"line\":{number},\"status\":\"accepted\"");
        read_until(&mut socket, &word).await;
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut socket, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_client_that_hangs_up_gives_its_place_free() {
    let house = open_with(Limits {
        requests: 1,
        ..limits()
    })
    .await;
    let (address, _server) = listen(&house, Patience::default()).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(head(&house).as_bytes()).await.unwrap();
    let letter = format!("{}\n", letter("anna@example.org"));
    socket.write_all(chunk(&letter).as_bytes()).await.unwrap();
    read_until(&mut socket, "accepted").await;
    assert_eq!(house.get("/v1/suppressions").await.status, 503);
    drop(socket);
    let free = async {
        while house.get("/v1/suppressions").await.status != 200 {
            // A refusal waits for nothing, and the server needs its turn.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let house = open().await;
    let head = Duration::from_millis(50);
    let patience = Patience {
        head,
        ..Patience::default()
    };
    let (address, _server) = listen(&house, patience).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"POST /v1/letters HTTP/1.1\r\nX-Slow: ")
        .await
        .unwrap();
    assert_eq!(rest(socket).await, "");
}

#[tokio::test]
async fn garbage_on_the_wire_is_refused() {
    let house = open().await;
    let (address, _server) = listen(&house, Patience::default()).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"\x16\x03\x01 EHLO\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(socket).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_stop_ends_streams_and_idle_connections_in_good_order() {
    let house = open().await;
    let (address, mut server) = listen(&house, Patience::default()).await;
    let idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(head(&house).as_bytes()).await.unwrap();
    let letter = format!("{}\n", letter("anna@example.org"));
    busy.write_all(chunk(&letter).as_bytes()).await.unwrap();
    read_until(&mut busy, "accepted").await;
    house.stop.cancel();
    assert!(rest(busy).await.contains("\"status\":\"error\""));
    assert_eq!(rest(idle).await, "");
    server.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
