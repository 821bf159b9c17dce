//! What a receiver would say: `mail-auth` over the book.
//!
//! Owns the bridge. Promises: `mail-auth` never asks anybody, it finds all answers in the book; what it looks for in vain is
//! noted there, and there is no verdict until the book has it. Two rules that it does not know are added: several records, and
//! more than two names without anything (RFC 7208 §4.5, §4.6.4); `exists` takes the detour of [`super::exists`].

use std::{
    borrow::Borrow,
    collections::BTreeSet,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use futures_util::FutureExt;
use hickory_proto::op::ResponseCode;
use mail_auth::{
    DnsError, DnssecStatus, Error, MX, MessageAuthenticator, Parameters, RecordSet, ResolverCache,
    SpfResult, Txt,
    common::parse::TxtRecordParser,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
    spf::{Spf, verify::SpfParameters},
};

use super::{exists, is_spf, terms, walk::VOIDS_MAX};
use crate::check::book::{Book, Data, Lookup, Question, key};

/// The results of RFC 7208 §2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Pass,
    /// Not allowed.
    Fail,
    /// Probably not allowed.
    SoftFail,
    /// The domain says nothing about that address.
    Neutral,
    /// The domain says nothing at all.
    None,
    /// Ask again later.
    TempError,
    /// The record is broken.
    PermError,
}

impl Verdict {
    /// The word of the RFC.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Whether an address may send under a return path, or under its EHLO name when that is empty. `None` while the book lacks
/// answers that the verdict depends on.
pub fn evaluate(book: &Book, address: IpAddr, sender: &str, ehlo: &str) -> Option<Verdict> {
    let judge = JUDGE.as_ref()?;
    let reader = Reader::of(book);
    let question = if sender.is_empty() {
        SpfParameters::verify_ehlo(address, ehlo, ehlo)
    } else {
        SpfParameters::verify_mail_from(address, ehlo, ehlo, sender)
    };
    let question = Parameters {
        params: question,
        cache_txt: Some(&reader),
        cache_mx: Some(&reader),
        cache_ptr: Some(&reader),
        cache_ipv4: Some(&reader),
        cache_ipv6: Some(&reader),
    };
    let output = judge.verify_spf(question).now_or_never()?;
    reader.judged(output.result())
}

/// The book answers every question, so its resolver is never asked and has nobody to ask. It is costly to make and holds
/// nothing, so there is one.
static JUDGE: LazyLock<Option<MessageAuthenticator>> = LazyLock::new(|| {
    let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    MessageAuthenticator::new(nobody, ResolverOpts::default()).ok()
});

/// The book as `mail-auth` reads it.
struct Reader<'a> {
    book: &'a Book,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    lacks: bool,
    troubled: bool,
    voids: BTreeSet<String>,
}

impl Notes {
    fn void(&mut self, name: &str) {
        self.voids.insert(name.to_owned());
    }
}

impl<'a> Reader<'a> {
    fn of(book: &'a Book) -> Self {
        let notes = Mutex::default();
        Self { book, notes }
    }

    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn judged(self, result: SpfResult) -> Option<Verdict> {
        let notes = self
            .notes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if notes.lacks {
            return None;
        }
        // Address look-ups cannot tell `mail-auth` that nobody answered.
        if notes.troubled {
            return Some(Verdict::TempError);
        }
        if notes.voids.len() > VOIDS_MAX {
            return Some(Verdict::PermError);
        }
        Some(match result {
            SpfResult::Pass => Verdict::Pass,
            SpfResult::Fail => Verdict::Fail,
            SpfResult::SoftFail => Verdict::SoftFail,
            SpfResult::Neutral => Verdict::Neutral,
            SpfResult::TempError => Verdict::TempError,
            SpfResult::PermError => Verdict::PermError,
            SpfResult::None => Verdict::None,
        })
    }

    /// The records; none, and a note, where there are none.
    fn find<T>(&self, question: Question, name: &str, read: impl Fn(&Data) -> Option<T>) -> Vec<T> {
        let Some(lookup) = self.book.lookup(question) else {
            self.note(|notes| notes.lacks = true);
            return Vec::new();
        };
        match lookup {
            Lookup::Trouble(_) => self.note(|notes| notes.troubled = true),
            Lookup::NoSuchName => self.note(|notes| notes.void(name)),
            Lookup::Found(data) => {
                let found: Vec<T> = data.iter().filter_map(read).collect();
                if found.is_empty() {
                    self.note(|notes| notes.void(name));
                }
                return found;
            }
        }
        Vec::new()
    }
}

impl ResolverCache<Box<str>, Txt> for Reader<'_> {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let absent = || Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
        let name = spell(name);
        let records: Vec<String> = match self.book.texts(&name) {
            None => {
                self.note(|notes| notes.lacks = true);
                return Some(absent());
            }
            Some(super::Seen::Trouble(what)) => {
                return Some(Txt::Error(Error::Dns(DnsError::Resolver(what))));
            }
            Some(super::Seen::None) => Vec::new(),
            Some(super::Seen::Some(texts)) => {
                texts.into_iter().filter(|text| is_spf(text)).collect()
            }
        };
        Some(match records.as_slice() {
            [] => absent(),
            [record] if terms::parse(record).is_ok() => {
                Txt::from(Spf::parse(record.as_bytes()).map(exists::detoured))
            }
            _ => Txt::Error(Error::ParseError),
        })
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

/// The other kinds differ in the question and in how a record is read.
macro_rules! reads {
    ($key:ty, $value:ty, |$reader:ident, $name:ident| $find:expr) => {
        impl ResolverCache<$key, RecordSet<$value>> for Reader<'_> {
            fn get<Q>(&self, name: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                let ($reader, $name) = (self, spell(name));
                Some(RecordSet {
                    rrset: Arc::from($find),
                    dnssec_status: DnssecStatus::Indeterminate,
                })
            }

            fn remove<Q>(&self, _: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: RecordSet<$value>, _: std::time::Instant) {}
        }
    };
}

reads!(Box<str>, MX, |reader, name| {
    let host = |data: &Data| match data {
        Data::Host(preference, host) => Some((*preference, host.clone())),
        _ => None,
    };
    let mut hosts = reader.find(Question::Mx(name.clone()), &name, host);
    hosts.sort();
    let each = hosts.into_iter().map(|(preference, host)| MX {
        preference,
        exchanges: [host.into_boxed_str()].into(),
    });
    each.collect::<Vec<_>>()
});

reads!(Box<str>, Ipv4Addr, |reader, name| {
    let address = |data: &Data| match data {
        Data::Address(IpAddr::V4(four)) => Some(*four),
        _ => None,
    };
    let name = exists::meant(&name).map_or(name.clone(), str::to_owned);
    reader.find(Question::A(name.clone()), &name, address)
});

reads!(Box<str>, Ipv6Addr, |reader, name| {
    let six = |data: &Data| match data {
        Data::Address(IpAddr::V6(six)) => Some(*six),
        _ => None,
    };
    // Any address will do where one of IPv4 exists.
    let any = |data: &Data| match data {
        Data::Address(IpAddr::V4(_)) => Some(Ipv6Addr::UNSPECIFIED),
        _ => None,
    };
    match exists::meant(&name) {
        Some(name) => reader.find(Question::A(name.to_owned()), name, any),
        None => reader.find(Question::Aaaa(name.clone()), &name, six),
    }
});

impl ResolverCache<IpAddr, RecordSet<Box<str>>> for Reader<'_> {
    fn get<Q>(&self, address: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let address = octets(address)?;
        let name = |data: &Data| match data {
            Data::Name(name) => Some(name.clone().into_boxed_str()),
            _ => None,
        };
        let names = self.find(Question::Ptr(address), &address.to_string(), name);
        Some(RecordSet {
            rrset: Arc::from(names),
            dnssec_status: DnssecStatus::Indeterminate,
        })
    }

    fn remove<Q>(&self, _: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: IpAddr, _: RecordSet<Box<str>>, _: std::time::Instant) {}
}

/// The trait of the library hides the name behind its hash and equality. A text hashes its own octets and then one that no
/// text holds, so a hasher that only writes down reads it back.
fn spell<Q: Hash + ?Sized>(name: &Q) -> String {
    let mut scribe = Scribe(Vec::new());
    name.hash(&mut scribe);
    let text = scribe.0.strip_suffix(&[0xff]).unwrap_or(&scribe.0);
    key(&String::from_utf8_lossy(text))
}

/// The same for an address: its kind, perhaps its length, and its octets at the end.
fn octets<Q: Hash + ?Sized>(address: &Q) -> Option<IpAddr> {
    let mut scribe = Scribe(Vec::new());
    address.hash(&mut scribe);
    let written = scribe.0;
    if let Some(six) = written.len().checked_sub(16) {
        let octets: [u8; 16] = written[six..].try_into().ok()?;
        // The kind and the length of an IPv4 address together have as many octets on some machines.
        if written.first() == Some(&1) {
            return Some(octets.into());
        }
    }
    let four: [u8; 4] = written[written.len().checked_sub(4)?..].try_into().ok()?;
    Some(four.into())
}

struct Scribe(Vec<u8>);

impl Hasher for Scribe {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_back_from_their_hashes() {
        assert_eq!(spell("Bounce.Example.com."), "bounce.example.com");
        let boxed: Box<str> = "a.example".into();
        assert_eq!(spell(&boxed), "a.example");
        for address in ["192.0.2.10", "1.0.0.0", "2001:db8::1", "::"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(octets(&address), Some(address));
        }
    }
}
