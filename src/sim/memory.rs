//! What a simulated provider remembers about its guests.
//!
//! Owns greylisted triples, token buckets, open connections, full mailboxes and letters already cut off. Promises:
//! bounded (a book that is full is forgotten whole, as real greylisters do); time is an argument. Leaves decisions to
//! `provider`.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use tokio::time::Instant;

use super::temper::{Rate, Window};

/// Entries after which a book is forgotten.
const BOOK_MAX: usize = 1 << 20;

/// One provider's memory.
#[derive(Default)]
pub(super) struct Memory {
    first_seen: HashMap<u64, Instant>,
    buckets: HashMap<IpAddr, Bucket>,
    minutes: HashMap<IpAddr, Minute>,
    connections: HashMap<IpAddr, u32>,
    full_attempts: HashMap<u64, u32>,
    cut_off: HashSet<u64>,
}

/// The last minute of one source, and how long it is not listened to.
struct Minute {
    begun: Instant,
    taken: VecDeque<Instant>,
    refused: VecDeque<Instant>,
    punished_until: Option<Instant>,
}

/// What is counted within.
const MINUTE: Duration = Duration::from_mins(1);

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Memory {
    /// Lets a source in unless it has `max` connections already.
    pub(super) fn connect(&mut self, source: IpAddr, max: u32) -> bool {
        let open = self.connections.entry(source).or_default();
        let welcome = *open < max;
        *open += u32::from(welcome);
        welcome
    }

    /// Forgets one connection of a source.
    pub(super) fn disconnect(&mut self, source: IpAddr) {
        if let Some(open) = self.connections.get_mut(&source) {
            *open = open.saturating_sub(1);
        }
    }

    /// Takes one token of the source's bucket; `false` when there is none.
    pub(super) fn take_token(&mut self, source: IpAddr, rate: &Rate, now: Instant) -> bool {
        let bucket = self.buckets.entry(source).or_insert(Bucket {
            tokens: rate.burst,
            filled: now,
        });
        let earned = now.duration_since(bucket.filled).as_secs_f64() * rate.per_second;
        bucket.tokens = (bucket.tokens + earned).min(rate.burst);
        bucket.filled = now;
        let has_token = bucket.tokens >= 1.0;
        bucket.tokens -= f64::from(u8::from(has_token));
        has_token
    }

    /// Whether a source may bring one more letter within this minute.
    pub(super) fn fits_minute(&mut self, source: IpAddr, window: &Window, now: Instant) -> bool {
        let minute = self.minutes.entry(source).or_insert_with(|| Minute {
            begun: now,
            taken: VecDeque::new(),
            refused: VecDeque::new(),
            punished_until: None,
        });
        for line in [&mut minute.taken, &mut minute.refused] {
            while line
                .front()
                .is_some_and(|at| now.duration_since(*at) >= MINUTE)
            {
                line.pop_front();
            }
        }
        let later = window
            .later
            .filter(|(after, _)| now.duration_since(minute.begun) >= *after);
        let limit = later.map_or(window.per_minute, |(_, limit)| limit) as usize;
        let is_punished = minute.punished_until.is_some_and(|until| now < until);
        let fits = !is_punished && minute.taken.len() < limit;
        if fits {
            minute.taken.push_back(now);
        } else if !is_punished {
            minute.refused.push_back(now);
            if minute.refused.len() > window.bears as usize {
                minute.punished_until = Some(now + window.punishes);
            }
        }
        fits
    }

    /// Whether this triple was first seen at least `delay` ago; notes it if it is new.
    pub(super) fn has_waited(&mut self, triple: u64, delay: Duration, now: Instant) -> bool {
        if self.first_seen.len() >= BOOK_MAX {
            self.first_seen.clear();
        }
        let first = *self.first_seen.entry(triple).or_insert(now);
        first != now && now.duration_since(first) >= delay
    }

    /// Whether a full mailbox is still full: its owner tidies up after that many attempts.
    pub(super) fn is_still_full(&mut self, mailbox: u64, tidy_after: Option<u32>) -> bool {
        let Some(limit) = tidy_after else {
            return true;
        };
        if self.full_attempts.len() >= BOOK_MAX {
            self.full_attempts.clear();
        }
        let attempts = self.full_attempts.entry(mailbox).or_default();
        *attempts = attempts.saturating_add(1);
        *attempts <= limit
    }

    /// Whether this letter is cut off for the first time.
    pub(super) fn cuts_first_time(&mut self, letter: u64) -> bool {
        if self.cut_off.len() >= BOOK_MAX {
            self.cut_off.clear();
        }
        self.cut_off.insert(letter)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_greylisted_letter_is_taken_only_after_its_delay() {
        let delay = Duration::from_secs(2);
        let mut memory = Memory::default();
        let start = Instant::now();
        assert!(!memory.has_waited(1, delay, start));
        assert!(!memory.has_waited(1, delay, start + Duration::from_secs(1)));
        assert!(memory.has_waited(1, delay, start + delay));
        assert!(!memory.has_waited(2, delay, start + delay));
    }

    #[test]
    fn a_source_is_never_served_faster_than_its_rate_and_burst() {
        let rate = Rate {
            per_second: 10.0,
            burst: 5.0,
        };
        let mut memory = Memory::default();
        let start = Instant::now();
        let served = (0..1_000)
            .filter(|n| memory.take_token(SOURCE, &rate, start + Duration::from_millis(n * 10)))
            .count();
        assert!(
            (103..=105).contains(&served),
            "10 s at 10/s plus 5: {served}"
        );
    }

    #[test]
    fn whoever_does_not_listen_is_not_listened_to() {
        let window = Window {
            per_minute: 3,
            later: Some((Duration::from_mins(30), 6)),
            bears: 2,
            punishes: Duration::from_mins(10),
        };
        let mut memory = Memory::default();
        let start = Instant::now();
        let mut take = |count: usize, after: u64| {
            let now = start + Duration::from_secs(after);
            (0..count)
                .filter(|_| memory.fits_minute(SOURCE, &window, now))
                .count()
        };
        assert_eq!(take(5, 0), 3);
        assert_eq!(take(3, 60), 3);
        assert_eq!(take(3, 61), 0);
        assert_eq!(take(1, 600), 0);
        assert_eq!(take(1, 661), 1);
        assert_eq!(take(9, 1_800), 6);
    }

    #[test]
    fn connections_are_counted_per_source() {
        let mut memory = Memory::default();
        assert!(memory.connect(SOURCE, 1));
        assert!(!memory.connect(SOURCE, 1));
        memory.disconnect(SOURCE);
        assert!(memory.connect(SOURCE, 1));
    }

    #[test]
    fn a_full_mailbox_has_room_once_its_owner_tidied_up() {
        let mut memory = Memory::default();
        assert!(memory.is_still_full(1, None));
        assert!(memory.is_still_full(1, Some(1)));
        assert!(!memory.is_still_full(1, Some(1)));
    }
}
