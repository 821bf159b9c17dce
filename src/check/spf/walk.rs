//! All records that a record leads to, and what they cost (RFC 7208 §4.6.4).
//!
//! Owns the count: the whole tree, as it is for an address that nothing allows. Promises: ends, also where records include each
//! other in a circle; everything that the tree needs from DNS is asked as soon as it is known.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    is_spf,
    terms::{self, Kind, Term},
};
use crate::check::book::{Book, Question, Seen, key};

/// Terms that ask DNS.
pub(super) const LOOKUPS_MAX: usize = 10;
/// Names that nothing is found at.
pub(super) const VOIDS_MAX: usize = 2;
/// A tree of honest records is three deep; the count stops the walk long before, unless records are empty.
const DEPTH_MAX: usize = 12;
/// The count is of no interest beyond.
const ENOUGH: usize = 60;

/// What was seen on the way.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) lookups: usize,
    pub(super) voids: BTreeSet<String>,
    /// Record by record, what is wrong.
    pub(super) faults: Vec<(String, String)>,
    /// Names that should have a record and have none.
    pub(super) missing: Vec<String>,
    /// Names that nobody can say anything about.
    pub(super) troubles: Vec<(String, String)>,
    pub(super) uses_ptr: bool,
    /// How the first record ends: the qualifier of `all`, at the end of a redirect too.
    pub(super) ending: Option<char>,
    /// Whether every answer was there.
    pub(super) is_complete: bool,
}

impl Walk {
    /// Walks from a record at a name.
    pub(super) fn of(book: &Book, name: &str, record: &str, sources: &[IpAddr]) -> Self {
        let mut walk = Self {
            is_complete: true,
            ..Self::default()
        };
        let on = Ground { book, sources };
        walk.ending = walk.record(&on, name, record, 0);
        walk
    }

    fn record(&mut self, on: &Ground<'_>, name: &str, record: &str, depth: usize) -> Option<char> {
        let terms = match terms::parse(record) {
            Ok(terms) => terms,
            Err(fault) => {
                self.faults.push((name.to_owned(), fault));
                return None;
            }
        };
        let mut ending = None;
        for term in &terms {
            if depth < DEPTH_MAX && self.lookups < ENOUGH {
                ending = self.term(on, name, term, depth).or(ending);
            }
        }
        ending
    }

    /// The way a record ends, if this term decides it.
    fn term(&mut self, on: &Ground<'_>, name: &str, term: &Term, depth: usize) -> Option<char> {
        match &term.kind {
            Kind::All => return Some(term.qualifier),
            Kind::Include(to) => drop(self.follow(on, to, depth)),
            Kind::Redirect(to) => return self.follow(on, to, depth),
            Kind::A(host) => {
                self.lookups += 1;
                self.addresses(on, host.as_deref().unwrap_or(name));
            }
            Kind::Mx(domain) => self.mail_hosts(on, domain.as_deref().unwrap_or(name)),
            Kind::Exists => self.lookups += 1,
            Kind::Ptr => {
                self.lookups += 1;
                self.uses_ptr = true;
            }
            Kind::Address | Kind::Other => {}
        }
        None
    }

    fn follow(&mut self, on: &Ground<'_>, to: &str, depth: usize) -> Option<char> {
        self.lookups += 1;
        if to.contains('%') {
            return None;
        }
        let texts = self.known(on.book.texts(to))?;
        match texts {
            Seen::Trouble(what) => self.troubles.push((to.to_owned(), what)),
            Seen::None => self.missing.push(to.to_owned()),
            Seen::Some(texts) => {
                let records: Vec<String> = texts.into_iter().filter(|text| is_spf(text)).collect();
                match records.as_slice() {
                    [record] => return self.record(on, to, record, depth + 1),
                    [] => self.missing.push(to.to_owned()),
                    _ => self
                        .faults
                        .push((to.to_owned(), "has several SPF records".to_owned())),
                }
            }
        }
        None
    }

    fn mail_hosts(&mut self, on: &Ground<'_>, domain: &str) {
        self.lookups += 1;
        if domain.contains('%') {
            return;
        }
        match self.known(on.book.hosts(domain)) {
            Some(Seen::Some(hosts)) => {
                for (_, host) in hosts
                    .iter()
                    .take(LOOKUPS_MAX)
                    .filter(|(_, host)| !host.is_empty())
                {
                    self.addresses(on, host);
                }
            }
            Some(Seen::None) => drop(self.voids.insert(key(domain))),
            _ => {}
        }
    }

    fn addresses(&mut self, on: &Ground<'_>, host: &str) {
        if host.contains('%') {
            return;
        }
        for six in [false, true] {
            if !on.sources.iter().any(|source| source.is_ipv6() == six) {
                continue;
            }
            let question = if six {
                Question::Aaaa(key(host))
            } else {
                Question::A(key(host))
            };
            match on.book.lookup(question) {
                None => self.is_complete = false,
                Some(lookup) if lookup.is_void() => drop(self.voids.insert(key(host))),
                Some(_) => {}
            }
        }
    }

    fn known<T>(&mut self, seen: Option<T>) -> Option<T> {
        self.is_complete &= seen.is_some();
        seen
    }
}

struct Ground<'a> {
    book: &'a Book,
    sources: &'a [IpAddr],
}
