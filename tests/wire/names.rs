//! A name server with a small zone, over UDP and TCP.
//!
//! Owns what it answers; counts the questions, so that tests can see the cache.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, MX, SOA},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

/// A running server; it stops when dropped.
pub(crate) struct Names {
    pub(crate) socket: SocketAddr,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    _tasks: JoinSet<()>,
}

/// How a question is answered.
enum Answer {
    Records(Vec<RData>),
    NoData { with_soa: bool },
    NoName,
    Failure,
    Silence,
}

impl Names {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = sockets().await;
        let socket = udp.local_addr().unwrap();
        let asked = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&asked)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&asked)));
        Self {
            socket,
            asked,
            _tasks: tasks,
        }
    }

    /// How often a question such as `udp example.com. MX` came.
    pub(crate) fn asked(&self, question: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .get(question)
            .copied()
            .unwrap_or(0)
    }
}

/// One port that is free for both protocols.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

async fn serve_udp(udp: UdpSocket, asked: Asked) {
    let mut packet = [0; 4_096];
    loop {
        let (length, from) = udp.recv_from(&mut packet).await.unwrap();
        let Some(mut reply) = reply("udp", &packet[..length], &asked) else {
            continue;
        };
        if reply.to_vec().unwrap().len() > 1_232 {
            reply.answers.clear();
            reply.metadata.truncation = true;
        }
        udp.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
    }
}

async fn serve_tcp(tcp: TcpListener, asked: Asked) {
    loop {
        let (mut wire, _) = tcp.accept().await.unwrap();
        while let Ok(length) = wire.read_u16().await {
            let mut packet = vec![0; length.into()];
            wire.read_exact(&mut packet).await.unwrap();
            let Some(reply) = reply("tcp", &packet, &asked) else {
                continue;
            };
            let reply = reply.to_vec().unwrap();
            wire.write_u16(u16::try_from(reply.len()).unwrap())
                .await
                .unwrap();
            wire.write_all(&reply).await.unwrap();
        }
    }
}

fn reply(protocol: &str, packet: &[u8], asked: &Asked) -> Option<Message> {
    let query = Message::from_vec(packet).unwrap();
    let question = query.queries.first().unwrap().clone();
    let (name, kind) = (question.name().clone(), question.query_type());
    let words = format!("{protocol} {name} {kind}");
    *asked.lock().unwrap().entry(words).or_default() += 1;
    let mut reply = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.add_query(question);
    match zone(&name.to_string(), kind) {
        Answer::Records(records) => {
            for data in records {
                reply.add_answer(Record::from_rdata(name.clone(), 300, data));
            }
        }
        Answer::NoData { with_soa: false } => {}
        Answer::NoData { with_soa: true } => {
            reply.add_authority(soa());
        }
        Answer::NoName => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            reply.add_authority(soa());
        }
        Answer::Failure => reply.metadata.response_code = ResponseCode::ServFail,
        Answer::Silence => return None,
    }
    Some(reply)
}

fn soa() -> Record {
    let host = name("ns.example.");
    let data = SOA::new(host.clone(), host, 1, 3_600, 600, 86_400, 60);
    Record::from_rdata(name("example."), 60, RData::SOA(data))
}

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

fn mx(preference: u16, host: &str) -> RData {
    RData::MX(MX::new(preference, name(host)))
}

fn alias(to: &str) -> Answer {
    Answer::Records(vec![RData::CNAME(CNAME(name(to)))])
}

fn zone(name: &str, kind: RecordType) -> Answer {
    use RecordType as T;
    let none = Answer::NoData { with_soa: true };
    match (name, kind) {
        ("plain.example.", T::MX) => Answer::Records(vec![
            mx(20, "MX2.plain.example."),
            mx(10, "mx1.plain.example."),
        ]),
        ("mx1.plain.example.", T::A) => Answer::Records(vec![
            RData::A(A::new(192, 0, 2, 1)),
            RData::A(A::new(192, 0, 2, 2)),
        ]),
        ("mx1.plain.example.", T::AAAA) => Answer::Records(vec![RData::AAAA(AAAA::new(
            0x2001, 0xdb8, 0, 0, 0, 0, 0, 1,
        ))]),
        ("half.example.", T::A) => Answer::Records(vec![RData::A(A::new(192, 0, 2, 9))]),
        ("null.example.", T::MX) => Answer::Records(vec![mx(0, ".")]),
        ("many.example.", T::MX) => Answer::Records(
            (0..100)
                .map(|n| mx(n, &format!("a-rather-long-mail-host-name-{n}.example.")))
                .collect(),
        ),
        ("alias.example.", _) => alias("plain.example."),
        ("tomb.example.", _) => alias("gone.example."),
        ("bare-alias.example.", _) => alias("unsigned.example."),
        ("loop.example.", _) => alias("pool.example."),
        ("pool.example.", _) => alias("loop.example."),
        ("self.example.", _) => alias("self.example."),
        ("gone.example.", _) => Answer::NoName,
        ("half.example.", T::AAAA) | ("broken.example.", _) => Answer::Failure,
        ("silent.example.", _) => Answer::Silence,
        ("unsigned.example.", _) => Answer::NoData { with_soa: false },
        ("web.example.", T::A) => Answer::Records(vec![RData::A(A::new(192, 0, 2, 80))]),
        _ => none,
    }
}
