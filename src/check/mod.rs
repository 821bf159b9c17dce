//! Whether strangers can believe our letters: findings about DNS, keys, addresses and endpoints, each with its exact fix.
//!
//! Owns the rules. Promises: pure; an examination reads a [`Book`] of answers and notes there what it still wants to know, so
//! whoever gathers asks everything wanted at once, round by round, until nothing is wanted any more; no answer, however odd,
//! is worse than a finding. Leaves asking to `net::inquire`, the operator's file to `app::check`. Read [`rules`] for the list.

mod align;
mod bimi;
mod book;
mod clock;
mod dkim;
mod dmarc;
mod domain;
mod door;
mod finding;
mod lists;
mod oneclick;
mod ptr;
pub mod report;
pub mod rules;
mod spf;
mod subject;
mod tags;
mod transport;
mod wanted;

pub use book::{Answer, Book, Certificate, Data, Door, Lookup, Page, Question, Seen};
pub use finding::{Finding, Fix, Level, Rule};
pub use spf::{Verdict, evaluate as evaluate_spf};
pub use subject::{Inbound, Key, KeyPhase, Lists, Source, Subject};
pub use wanted::{Wanted, records, zone_line};

use crate::mail::Timestamp;
use finding::Findings;

/// Looks at everything the book can tell about a subject. While the book still wants answers the findings are not all there.
pub fn examine(subject: &Subject, book: &Book, now: Timestamp) -> Vec<Finding> {
    let mut found = Findings::default();
    domain::examine(subject, book, &mut found);
    spf::examine(subject, book, &mut found);
    dkim::examine(subject, book, now, &mut found);
    dmarc::examine(subject, book, &mut found);
    ptr::examine(subject, book, &mut found);
    door::examine(subject, book, &mut found);
    transport::examine(subject, book, &mut found);
    bimi::examine(subject, book, &mut found);
    oneclick::examine(subject, book, &mut found);
    lists::examine(subject, book, &mut found);
    clock::examine(subject, book, &mut found);
    found.sorted()
}
