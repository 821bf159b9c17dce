//! The name server of the small internet: real packets over UDP and TCP on one loopback port.
//!
//! Owns the sockets and the packets. Promises: an answer that does not fit is marked truncated, so that resolvers ask
//! again over TCP (RFC 1035 §4.2.1); garbage gets no answer. Leaves what is true to `zone`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use hickory_proto::op::{Edns, Message, MessageType, ResponseCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::SimError,
    zone::{Answer, Zone, start_of_authority},
};

/// The largest packet a resolver without EDNS takes (RFC 1035 §4.2.1).
const PLAIN_MAX: usize = 512;

/// What we offer under EDNS: fits every path without fragments.
const EDNS_MAX: u16 = 1_232;

/// Questions waiting for a slow TCP client are not worth more.
const TCP_IDLE: Duration = Duration::from_secs(10);

/// A zone that can change while it is served.
pub(super) type SharedZone = Arc<RwLock<Zone>>;

/// The bound sockets, before anybody is served.
pub(super) struct NameServer {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl NameServer {
    /// Takes one free port for both protocols.
    pub(super) async fn bind() -> Result<Self, SimError> {
        let fault = |source| SimError::socket("binding the name server", source);
        // Another program may hold the TCP port of the same number: try some more.
        let mut refused = None;
        for _ in 0..16 {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(fault)?;
            let address = udp.local_addr().map_err(fault)?;
            match TcpListener::bind(address).await {
                Ok(tcp) => return Ok(Self { udp, tcp, address }),
                Err(error) => refused = Some(error),
            }
        }
        Err(fault(
            refused.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()),
        ))
    }

    /// Where resolvers ask.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until stopped.
    pub(super) async fn serve(self, zone: SharedZone, stop: CancellationToken) {
        let udp = serve_udp(&self.udp, &zone);
        let tcp = serve_tcp(&self.tcp, &zone);
        // Neither loop ends by itself.
        stop.run_until_cancelled(async { tokio::join!(udp, tcp) })
            .await;
    }
}

async fn serve_udp(socket: &UdpSocket, zone: &SharedZone) {
    let mut packet = vec![0; 4_096];
    loop {
        let Ok((size, peer)) = socket.recv_from(&mut packet).await else {
            // A peer that went away can surface as an error of our socket; the next question is not its fault.
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        if let Some(reply) = answer(&packet[..size], zone, Transport::Udp) {
            // A lost reply is asked for again.
            let _ = socket.send_to(&reply, peer).await;
        }
    }
}

async fn serve_tcp(listener: &TcpListener, zone: &SharedZone) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Finished talks are collected first, so that their number stays that of the open ones.
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(talks.spawn(talk(stream, Arc::clone(zone)))),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

/// Answers length-prefixed questions until the client leaves or falls silent (RFC 7766).
async fn talk(mut stream: TcpStream, zone: SharedZone) -> std::io::Result<()> {
    loop {
        let size = timeout(TCP_IDLE, stream.read_u16()).await??;
        let mut packet = vec![0; usize::from(size)];
        timeout(TCP_IDLE, stream.read_exact(&mut packet)).await??;
        let Some(reply) = answer(&packet, &zone, Transport::Tcp) else {
            continue;
        };
        let size = u16::try_from(reply.len()).map_err(std::io::Error::other)?;
        let framed = [&size.to_be_bytes()[..], &reply].concat();
        timeout(TCP_IDLE, stream.write_all(&framed)).await??;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// The packet to send back, if any.
fn answer(packet: &[u8], zone: &SharedZone, transport: Transport) -> Option<Vec<u8>> {
    let question = Message::from_vec(packet).ok()?;
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let reply = compose(&question, zone)?;
    let bytes = reply.to_vec().ok()?;
    let room = question.edns.as_ref().map_or(PLAIN_MAX, |edns| {
        usize::from(edns.max_payload().clamp(512, EDNS_MAX))
    });
    if transport == Transport::Udp && bytes.len() > room {
        return reply.truncate().to_vec().ok();
    }
    Some(bytes)
}

fn compose(question: &Message, zone: &SharedZone) -> Option<Message> {
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.add_queries(question.queries.iter().cloned());
    if question.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_MAX);
        reply.set_edns(edns);
    }
    let Some(query) = question.queries.first() else {
        reply.metadata.response_code = ResponseCode::FormErr;
        return Some(reply);
    };
    let zone = zone.read().unwrap_or_else(PoisonError::into_inner);
    let known = zone.answer(query);
    // Told only to those who ask for it (RFC 6840 §5.8).
    reply.metadata.authentic_data =
        question.metadata.authentic_data && zone.is_signed(query.name());
    drop(zone);
    match known {
        Answer::Silence => return None,
        Answer::Refused(code) => reply.metadata.response_code = code,
        Answer::Records(records) => drop(reply.add_answers(records)),
    }
    let is_absence = reply.metadata.response_code != ResponseCode::ServFail;
    if reply.answers.is_empty() && is_absence {
        reply.add_authority(start_of_authority(query.name()));
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::Query,
        rr::{Name, RecordType},
    };
    use proptest::prelude::*;

    use super::*;

    fn zone() -> SharedZone {
        let mut zone = Zone::default();
        zone.set_text("k1._domainkey.example.com", &"a".repeat(600));
        Arc::new(RwLock::new(zone))
    }

    fn question() -> Vec<u8> {
        let name = Name::from_ascii("k1._domainkey.example.com.").unwrap();
        let mut message = Message::query();
        message.add_query(Query::query(name, RecordType::TXT));
        message.to_vec().unwrap()
    }

    #[test]
    fn a_long_key_is_truncated_over_udp_and_whole_over_tcp() {
        let read = |transport| {
            let packet = answer(&question(), &zone(), transport).unwrap();
            Message::from_vec(&packet).unwrap()
        };
        let udp = read(Transport::Udp);
        assert!(udp.metadata.truncation);
        assert!(udp.answers.is_empty());
        let tcp = read(Transport::Tcp);
        assert!(!tcp.metadata.truncation);
        assert_eq!(tcp.answers.len(), 1);
    }

    proptest! {
        #[test]
        fn garbage_is_no_question(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = answer(&packet, &zone(), Transport::Udp);
        }
    }
}
