//! The name server of the stage: every recipient domain has an MX host of its own, and all of them are the receiver.
//!
//! Owns the socket. Promises: answers that any resolver takes and may keep; nothing else exists. Over UDP only: no answer
//! is longer than a packet.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use anyhow::{Context, Result};
use hickory_proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, MX, SOA},
    },
};
use tokio::{net::UdpSocket, task::JoinSet, time::sleep};

use crate::{
    letters::{DOMAINS, domain},
    stage::RECEIVER,
};

/// Where everybody's resolv.conf points.
pub(crate) const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53);

/// Longer than any run.
const TTL_SECONDS: u32 = 3_600;

/// Serves until the returned set is dropped.
pub(crate) async fn serve() -> Result<JoinSet<()>> {
    let socket = UdpSocket::bind(SERVER)
        .await
        .with_context(|| format!("opening the name server at {SERVER}"))?;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut packet = vec![0; 4_096];
        loop {
            match socket.recv_from(&mut packet).await {
                Ok((size, peer)) => reply(&socket, &packet[..size], peer).await,
                // A peer that went away can surface as an error of our socket.
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    });
    Ok(serving)
}

async fn reply(socket: &UdpSocket, packet: &[u8], peer: SocketAddr) {
    if let Some(answer) = answer(packet) {
        // A lost reply is asked for again.
        let _ = socket.send_to(&answer, peer).await;
    }
}

fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(packet).ok()?;
    let query = question.queries.first()?;
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.add_query(query.clone());
    match records(query) {
        None => reply.metadata.response_code = ResponseCode::NXDomain,
        Some(records) => {
            reply.add_answers(records);
        }
    }
    if reply.answers.is_empty() {
        reply.add_authority(start_of_authority(query.name()));
    }
    reply.to_vec().ok()
}

/// The records of that name and type; `None` where there is no such name.
fn records(query: &Query) -> Option<Vec<Record>> {
    let name = query.name();
    let text = name.to_ascii().to_ascii_lowercase();
    let text = text.trim_end_matches('.');
    let host = text.strip_prefix("mx.");
    let number = host.unwrap_or(text).strip_prefix('r')?.get(..3)?;
    let number: usize = number.parse().ok()?;
    if number >= DOMAINS || domain(number) != host.unwrap_or(text) {
        return None;
    }
    let data = match (host, query.query_type()) {
        (Some(_), RecordType::A) => RData::A(A(RECEIVER)),
        (None, RecordType::MX) => RData::MX(MX::new(10, absolute(&format!("mx.{text}"))?)),
        _ => return Some(Vec::new()),
    };
    Some(vec![Record::from_rdata(name.clone(), TTL_SECONDS, data)])
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// Lets resolvers remember that there is nothing (RFC 2308 §3).
fn start_of_authority(name: &Name) -> Record {
    let keeper = Name::from_ascii("ns.example.").unwrap_or_default();
    let data = SOA::new(keeper.clone(), keeper, 1, 3_600, 600, 86_400, TTL_SECONDS);
    let apex = if name.is_root() {
        name.clone()
    } else {
        name.base_name()
    };
    Record::from_rdata(apex, TTL_SECONDS, RData::SOA(data))
}
