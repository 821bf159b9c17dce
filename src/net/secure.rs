//! DNS answers that somebody has proved.
//!
//! Owns [`Secure`]: questions that ask the server for DNSSEC and look at the AD flag of its answer (RFC 4035 §3.2.3, RFC 6840 §5.7).
//! Promises: an answer counts as proved only with that flag, so a server that proves nothing leads to no DANE at all; whether
//! the server and the way to it deserve that trust is the operator's word (`tls.dane`). Answers are remembered within
//! their TTL, in a bounded memory. `resolver` cannot do this: its library shows the flag only when it proves by itself.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};
use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout},
};

use crate::port::{Tlsa, TlsaAnswer};

/// What we take in one packet: fits every path without fragments.
const PACKET_MAX: u16 = 1_232;

/// Hosts remembered.
const HOSTS_MAX: usize = 20_000;

/// The shortest and the longest life of an answer here, whatever its TTL.
const LIFE_MIN: Duration = Duration::from_mins(1);
const LIFE_MAX: Duration = Duration::from_hours(1);

/// After trouble the question is put again soon.
const TROUBLE_LIFE: Duration = Duration::from_secs(15);

/// Records read for one host; more are nobody's real set.
const RECORDS_MAX: usize = 32;

/// Asks servers that prove what they say.
#[derive(Clone, Debug)]
pub(super) struct Secure {
    servers: Vec<SocketAddr>,
    patience: Duration,
    memory: Arc<Mutex<HashMap<String, (TlsaAnswer, Instant)>>>,
}

/// What a server said.
struct Proved {
    records: Vec<Record>,
    vouched: bool,
    life: Duration,
}

impl Secure {
    pub(super) fn new(servers: Vec<SocketAddr>, patience: Duration) -> Self {
        Self {
            servers,
            patience,
            memory: Arc::default(),
        }
    }

    /// Records of `_25._tcp.HOST`. They are asked for only where the host's addresses are proved: in a zone that nobody signs there
    /// is nothing to find, and servers that break on the question are found there (RFC 7672 §2.2.2).
    pub(super) async fn tlsa(&self, host: &str) -> TlsaAnswer {
        if let Some(known) = self.remembered(host) {
            return known;
        }
        let (answer, life) = match self.look(host).await {
            Ok(found) => found,
            Err(trouble) => (trouble, TROUBLE_LIFE),
        };
        self.remember(host, answer.clone(), life);
        answer
    }

    async fn look(&self, host: &str) -> Result<(TlsaAnswer, Duration), TlsaAnswer> {
        let Ok(mut name) = Name::from_ascii(host) else {
            return Ok((TlsaAnswer::None, LIFE_MAX));
        };
        name.set_fqdn(true);
        // Trouble with the addresses is the resolver's to tell.
        let Ok(addresses) = self.ask(&name, RecordType::A).await else {
            return Ok((TlsaAnswer::None, TROUBLE_LIFE));
        };
        if !addresses.vouched {
            return Ok((TlsaAnswer::None, addresses.life));
        }
        let port = Name::from_ascii("_25._tcp").and_then(|prefix| prefix.append_domain(&name));
        let Ok(port) = port else {
            return Ok((TlsaAnswer::None, LIFE_MAX));
        };
        let answer = self.ask(&port, RecordType::TLSA).await;
        let answer = answer.map_err(|error| TlsaAnswer::Bogus(error.to_string()))?;
        let records = answer.records.iter().filter_map(record).take(RECORDS_MAX);
        let records: Vec<Tlsa> = records.collect();
        // A zone below may be unsigned: then nothing is proved, and nothing is promised.
        let found = if answer.vouched && !records.is_empty() {
            TlsaAnswer::Secure(records)
        } else {
            TlsaAnswer::None
        };
        Ok((found, answer.life.min(addresses.life)))
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> io::Result<Proved> {
        let mut last = io::Error::other("no DNS server is known");
        for server in &self.servers {
            match timeout(self.patience, put(*server, name, kind)).await {
                Ok(Ok(proved)) => return Ok(proved),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    fn remembered(&self, host: &str) -> Option<TlsaAnswer> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, until) = memory.get(host)?;
        (*until > Instant::now()).then(|| answer.clone())
    }

    fn remember(&self, host: &str, answer: TlsaAnswer, life: Duration) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if memory.len() >= HOSTS_MAX {
            memory.retain(|_, (_, until)| *until > now);
        }
        if memory.len() < HOSTS_MAX {
            memory.insert(host.to_owned(), (answer, now + life));
        }
    }
}

fn record(record: &Record) -> Option<Tlsa> {
    let RData::TLSA(tlsa) = &record.data else {
        return None;
    };
    Some(Tlsa {
        usage: tlsa.cert_usage.into(),
        selector: tlsa.selector.into(),
        matching: tlsa.matching.into(),
        data: tlsa.cert_data.clone(),
    })
}

/// One question to one server, over UDP and, where the answer is too long for that, over TCP.
async fn put(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Proved> {
    let question = question(name, kind);
    let packet = question.to_vec().map_err(io::Error::other)?;
    let mut answer = over_udp(server, &packet, &question).await?;
    if answer.metadata.truncation {
        answer = over_tcp(server, &packet, &question).await?;
    }
    read(answer)
}

fn question(name: &Name, kind: RecordType) -> Message {
    let mut question = Message::query();
    question.metadata.id = {
        #[expect(
            clippy::disallowed_methods,
            reason = "an id that nobody off the path guesses"
        )]
        let id = rand::rng().random();
        id
    };
    question.metadata.recursion_desired = true;
    question.metadata.authentic_data = true;
    let mut edns = Edns::new();
    edns.set_max_payload(PACKET_MAX);
    edns.set_dnssec_ok(true);
    question.set_edns(edns);
    question.add_query(Query::query(name.clone(), kind));
    question
}

async fn over_udp(server: SocketAddr, packet: &[u8], question: &Message) -> io::Result<Message> {
    let here: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(here).await?;
    socket.connect(server).await?;
    socket.send(packet).await?;
    let mut room = vec![0; usize::from(PACKET_MAX)];
    loop {
        let size = socket.recv(&mut room).await?;
        match Message::from_vec(&room[..size]) {
            Ok(answer) if answers(&answer, question) => return Ok(answer),
            // Somebody else's words; ours may still come.
            _ => {}
        }
    }
}

async fn over_tcp(server: SocketAddr, packet: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let size = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&size.to_be_bytes()[..], packet].concat())
        .await?;
    let mut room = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut room).await?;
    let answer = Message::from_vec(&room).map_err(io::Error::other)?;
    if answers(&answer, question) {
        return Ok(answer);
    }
    Err(io::Error::other("an answer to another question"))
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id && answer.queries == question.queries
}

fn read(answer: Message) -> io::Result<Proved> {
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => return Err(io::Error::other(code.to_string())),
    }
    let records = answer.answers.iter().chain(&answer.authorities);
    let life = records.map(|record| record.ttl).min().unwrap_or(0);
    Ok(Proved {
        vouched: answer.metadata.authentic_data,
        life: Duration::from_secs(life.into()).clamp(LIFE_MIN, LIFE_MAX),
        records: answer.answers,
    })
}
