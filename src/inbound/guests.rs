//! Who is here, and how often they come.
//!
//! Owns the count of guests and a bucket of arrivals per client. Promises: one client cannot take all places; what is
//! remembered of clients is bounded. Time is an argument.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::settings::Settings;

/// Clients remembered at once. Whoever was quiet for a minute is forgotten first.
const CLIENTS_MAX: usize = 20_000;

const MINUTE: Duration = Duration::from_mins(1);

/// Everybody who is here.
#[derive(Clone, Debug)]
pub(super) struct Guests {
    book: Arc<Mutex<Book>>,
    max: usize,
    per_client_max: u32,
    per_minute: u32,
}

#[derive(Debug, Default)]
struct Book {
    open: usize,
    clients: HashMap<IpAddr, Client>,
}

#[derive(Clone, Copy, Debug)]
struct Client {
    open: u32,
    /// Arrivals that are still free, as of `at`.
    free: f64,
    at: Instant,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    guests: Guests,
    client: IpAddr,
}

impl Guests {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            book: Arc::default(),
            max: settings.guests_max,
            per_client_max: settings.guests_per_client_max,
            per_minute: settings.rate_per_client,
        }
    }

    /// A place for a guest from there, or why there is none. `is_ours` guests are counted, not limited by client.
    pub(super) fn enter(
        &self,
        from: IpAddr,
        is_ours: bool,
        now: Instant,
    ) -> Result<Place, &'static str> {
        let from = network(from);
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.open >= self.max {
            return Err("4.3.2 Too many connections, come back later");
        }
        if !book.has_room_for(from, now) {
            return Err("4.3.2 Too many clients, come back later");
        }
        let client = book.client(from, f64::from(self.per_minute), now);
        if !is_ours && client.open >= self.per_client_max {
            return Err("4.7.0 Too many connections from your address");
        }
        if !is_ours && client.free < 1.0 {
            return Err("4.7.0 Too many connections from your address in a minute");
        }
        if !is_ours {
            client.free -= 1.0;
        }
        client.open += 1;
        book.open += 1;
        let (guests, client) = (self.clone(), from);
        Ok(Place { guests, client })
    }
}

impl Book {
    fn has_room_for(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.clients.len() >= CLIENTS_MAX {
            self.clients
                .retain(|_, client| client.open > 0 || now - client.at < MINUTE);
        }
        self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&from)
    }

    /// A client with what its bucket has gained since the last look.
    fn client(&mut self, from: IpAddr, per_minute: f64, now: Instant) -> &mut Client {
        let fresh = Client {
            open: 0,
            free: per_minute,
            at: now,
        };
        let client = self.clients.entry(from).or_insert(fresh);
        let gained = (now - client.at).as_secs_f64() / MINUTE.as_secs_f64() * per_minute;
        client.free = (client.free + gained).min(per_minute);
        client.at = now;
        client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let book = &self.guests.book;
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.open = book.open.saturating_sub(1);
        if let Some(client) = book.clients.get_mut(&self.client) {
            client.open = client.open.saturating_sub(1);
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them: a client is a /64 there.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(max: usize, per_client_max: u32, per_minute: u32) -> Guests {
        Guests::new(&Settings {
            guests_max: max,
            guests_per_client_max: per_client_max,
            rate_per_client: per_minute,
            ..Settings::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn one_client_cannot_take_every_place() {
        let (guests, now) = (guests(3, 2, 100), Instant::now());
        let enter = |from: &str| guests.enter(ip(from), false, now);
        let one = enter("192.0.2.1").unwrap();
        let _two = enter("192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_err());
        assert!(enter("::ffff:192.0.2.1").is_err());
        let _three = enter("192.0.2.2").unwrap();
        assert!(enter("192.0.2.3").is_err());
        drop(one);
        assert!(enter("192.0.2.1").is_ok());
    }

    #[tokio::test]
    async fn arrivals_are_rationed_by_the_minute() {
        let (guests, now) = (guests(100, 100, 2), Instant::now());
        let enter = |at| guests.enter(ip("2001:db8::1"), false, at).is_ok();
        assert!(enter(now) && enter(now) && !enter(now));
        assert!(guests.enter(ip("2001:db8::ffff:1"), false, now).is_err());
        assert!(enter(now + Duration::from_secs(31)));
        assert!(!enter(now + Duration::from_secs(32)));
        assert!(guests.enter(ip("2001:db8::1"), true, now).is_ok());
    }
}
