//! The engine's numbers: how much at once, how long.

use std::time::Duration;

/// Simple bounds; a governor that learns each provider's pace comes on top of them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Letters in flight in all lanes together; bounds the engine's memory.
    pub in_flight: usize,
    /// Content of the letters in flight, in octets; the rest of the engine's memory does not grow with it.
    pub in_flight_octets: usize,
    /// Letters in flight to one recipient domain.
    pub in_flight_per_lane: usize,
    /// Connections to one site.
    pub connections_per_site: usize,
    /// Letters handed over on one connection before it is closed.
    pub letters_per_connection: usize,
    /// Processors of the machine: so many letters are composed and signed at once, and as many urgent ones.
    pub processors: usize,
    /// How long an idle connection is kept warm for the next letter.
    pub keep_warm: Duration,
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// How long a site that nobody answers at is left alone.
    pub dead_site_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 4_000,
            in_flight_octets: 128 << 20,
            in_flight_per_lane: 400,
            connections_per_site: 5,
            letters_per_connection: 100,
            processors: 2,
            keep_warm: Duration::from_secs(2),
            lease: Duration::from_mins(1),
            dead_site_pause: Duration::from_secs(30),
        }
    }
}
