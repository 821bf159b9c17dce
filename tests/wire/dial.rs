//! Where connections go, and where they never do.

use std::net::{IpAddr, SocketAddr};

use postrider::{mail::TroubleKind, net::Tcp, port::Dial};
use tokio::net::TcpListener;

/// A listener that nobody has to accept from: the kernel does.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = listener.local_addr().unwrap();
    (listener, socket)
}

const DOCUMENTED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

#[tokio::test]
async fn the_small_internet_has_no_way_out() {
    let (_listener, socket) = listener().await;
    let tcp = Tcp {
        port: socket.port(),
        reroute: [(DOCUMENTED, socket)].into(),
        only_reroute: true,
    };
    // A source address of the real world is no obstacle inside of it.
    let source = Some([198, 51, 100, 7].into());
    let wire = tcp.dial(source, DOCUMENTED).await.unwrap();
    assert_eq!(wire.peer_addr().unwrap(), socket);
    // Not even the loopback listener itself may be reached unless it is listed.
    for elsewhere in [[192, 0, 2, 2], [127, 0, 0, 1]] {
        let trouble = tcp.dial(None, elsewhere.into()).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Refused);
    }
}

#[tokio::test]
async fn a_connection_leaves_from_its_source_to_its_port() {
    let (_listener, socket) = listener().await;
    let wire = Tcp::default()
        .dial_at(Some([127, 0, 0, 9].into()), socket.ip(), socket.port())
        .await
        .unwrap();
    assert_eq!(
        wire.local_addr().unwrap().ip(),
        IpAddr::from([127, 0, 0, 9])
    );
    assert!(wire.nodelay().unwrap());
}

#[tokio::test]
async fn a_closed_port_is_told_from_other_trouble() {
    let (listener, socket) = listener().await;
    drop(listener);
    let tcp = Tcp {
        port: socket.port(),
        ..Tcp::default()
    };
    let refused = tcp.dial(None, socket.ip()).await.unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Refused);
    let foreign = tcp.dial(Some(DOCUMENTED), [198, 51, 100, 1].into()).await;
    assert_eq!(foreign.unwrap_err().kind, TroubleKind::Io);
}
