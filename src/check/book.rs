//! What was asked, what was answered, and what is still to be asked.
//!
//! Owns the questions and answers as plain values. Promises: a question is noted once; a look-up for something unknown gives
//! `None` and notes the question; "no such name", "no such record" and "no answer" are told apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// More questions than any sane set-up needs; what is beyond counts as not answered.
const QUESTIONS_MAX: usize = 2_000;

/// Something the world knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// TXT records.
    Txt(String),
    /// MX records.
    Mx(String),
    /// IPv4 addresses.
    A(String),
    /// IPv6 addresses.
    Aaaa(String),
    /// Whether the name is an alias.
    Cname(String),
    /// The start of authority.
    Soa(String),
    /// Names of an address.
    Ptr(IpAddr),
    /// Who answers at port 25 of an address.
    Door {
        /// The address.
        at: IpAddr,
        /// A recipient that only our listener takes.
        genuine: String,
        /// The same with one wrong character, which our listener refuses.
        forged: String,
    },
    /// GET an https address, no redirects followed.
    Get(String),
    /// POST `List-Unsubscribe=One-Click` to an https address, no redirects followed.
    OneClick(String),
    /// The time elsewhere: `host:port` of an SNTP server (RFC 4330).
    Clock(String),
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// TXT, its strings as they were sent.
    Text(Vec<Vec<u8>>),
    /// MX: preference and host, lower case, without the final dot; empty for a null MX (RFC 7505).
    Host(u16, String),
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME, PTR or SOA: a name, lower case, without the final dot.
    Name(String),
}

/// What DNS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The records; none when the name exists without any of the type.
    Found(Vec<Data>),
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL, silence, aliases without end.
    Trouble(String),
}

impl Lookup {
    /// Whether the answer is that there is nothing.
    pub const fn is_void(&self) -> bool {
        match self {
            Self::NoSuchName => true,
            Self::Found(data) => data.is_empty(),
            Self::Trouble(_) => false,
        }
    }
}

/// Who answered at port 25.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// The genuine recipient was taken, the forged one refused: our secret is behind it.
    Ours,
    /// Somebody else, or ours with another secret; the last line that was said.
    Foreign(String),
    /// Nobody.
    Silent(String),
}

/// What an https address gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// What there is to say about the certificate.
    pub certificate: Certificate,
}

/// Whether a certificate lets machines in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It names the host, leads to a public root, and lasts.
    Good,
    /// It ends within two weeks.
    EndsSoon,
    /// It has ended.
    Ended,
    /// It is not to be trusted, and why.
    Distrusted(String),
}

/// An answer to a question of the fitting kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// From DNS.
    Dns(Lookup),
    /// From port 25.
    Door(Door),
    /// From an https address.
    Page(Result<Page, String>),
    /// From a time server: how many microseconds its clock is before ours.
    Clock(Result<i64, String>),
}

/// Records of one type, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// At least one.
    Some(Vec<T>),
    /// The name is there, or not, without such records.
    None,
    /// Nobody can say.
    Trouble(String),
}

/// Answers by question.
#[derive(Debug, Default)]
pub struct Book {
    known: BTreeMap<Question, Answer>,
    wanted: Mutex<BTreeSet<Question>>,
}

impl Book {
    /// Writes an answer down.
    pub fn learn(&mut self, question: Question, answer: Answer) {
        self.known.insert(question, answer);
    }

    /// What was looked for in vain since the last call.
    pub fn take_wanted(&self) -> BTreeSet<Question> {
        std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Questions answered so far.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The answer, if it is known; else the question is noted.
    fn answer(&self, question: Question) -> Option<&Answer> {
        let known = self.known.get(&question);
        if known.is_none() && self.known.len() < QUESTIONS_MAX {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.insert(question);
        }
        known
    }

    /// What DNS said.
    pub fn lookup(&self, question: Question) -> Option<&Lookup> {
        match self.answer(question)? {
            Answer::Dns(lookup) => Some(lookup),
            _ => None,
        }
    }

    /// TXT records, each with its strings joined.
    pub fn texts(&self, name: &str) -> Option<Seen<String>> {
        let join = |data: &Data| match data {
            Data::Text(strings) => Some(String::from_utf8_lossy(&strings.concat()).into_owned()),
            _ => None,
        };
        self.lookup(Question::Txt(key(name)))
            .map(|it| seen(it, join))
    }

    /// MX records by preference.
    pub fn hosts(&self, name: &str) -> Option<Seen<(u16, String)>> {
        let host = |data: &Data| match data {
            Data::Host(preference, name) => Some((*preference, name.clone())),
            _ => None,
        };
        self.lookup(Question::Mx(key(name)))
            .map(|it| seen(it, host))
    }

    /// Addresses of both families; an address in one of them is enough where the other cannot be asked.
    pub fn addresses(&self, name: &str) -> Option<Seen<IpAddr>> {
        let address = |data: &Data| match data {
            Data::Address(address) => Some(*address),
            _ => None,
        };
        let four = self.lookup(Question::A(key(name)));
        let six = self.lookup(Question::Aaaa(key(name)));
        let (four, six) = (seen(four?, address), seen(six?, address));
        Some(match (four, six) {
            (Seen::Some(mut four), Seen::Some(six)) => {
                four.extend(six);
                Seen::Some(four)
            }
            (Seen::Some(some), _) | (_, Seen::Some(some)) => Seen::Some(some),
            (Seen::Trouble(what), _) | (_, Seen::Trouble(what)) => Seen::Trouble(what),
            _ => Seen::None,
        })
    }

    /// Names of an address.
    pub fn names(&self, address: IpAddr) -> Option<Seen<String>> {
        self.lookup(Question::Ptr(address))
            .map(|it| seen(it, name_of))
    }

    /// The name behind an alias.
    pub fn alias(&self, name: &str) -> Option<Seen<String>> {
        self.lookup(Question::Cname(key(name)))
            .map(|it| seen(it, name_of))
    }

    /// The zone's start of authority at exactly that name.
    pub fn authority(&self, name: &str) -> Option<Seen<String>> {
        self.lookup(Question::Soa(key(name)))
            .map(|it| seen(it, name_of))
    }

    /// Who answers at port 25.
    pub fn door(&self, at: IpAddr, genuine: &str, forged: &str) -> Option<&Door> {
        let (genuine, forged) = (genuine.to_owned(), forged.to_owned());
        match self.answer(Question::Door {
            at,
            genuine,
            forged,
        })? {
            Answer::Door(door) => Some(door),
            _ => None,
        }
    }

    /// What an https address gave.
    pub fn page(&self, question: Question) -> Option<&Result<Page, String>> {
        match self.answer(question)? {
            Answer::Page(page) => Some(page),
            _ => None,
        }
    }

    /// How far the time elsewhere is before ours, in microseconds.
    pub fn skew(&self, server: &str) -> Option<&Result<i64, String>> {
        match self.answer(Question::Clock(server.to_owned()))? {
            Answer::Clock(skew) => Some(skew),
            _ => None,
        }
    }
}

fn name_of(data: &Data) -> Option<String> {
    match data {
        Data::Name(name) => Some(name.clone()),
        _ => None,
    }
}

fn seen<T>(lookup: &Lookup, read: impl Fn(&Data) -> Option<T>) -> Seen<T> {
    match lookup {
        Lookup::Trouble(what) => Seen::Trouble(what.clone()),
        Lookup::NoSuchName => Seen::None,
        Lookup::Found(data) => {
            let records: Vec<T> = data.iter().filter_map(read).collect();
            if records.is_empty() {
                Seen::None
            } else {
                Seen::Some(records)
            }
        }
    }
}

/// A name as the book sorts it.
pub(super) fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
