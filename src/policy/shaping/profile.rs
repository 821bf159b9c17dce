//! The numbers of one profile.

use std::time::Duration;

/// Whether letters may travel in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// TLS where it is offered.
    Opportunistic,
    /// TLS, or the letter waits.
    Required,
}

/// What a profile says; `None` says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Connections at once.
    pub connections: Option<u32>,
    /// Connections opened within a minute.
    pub connections_per_minute: Option<u32>,
    /// Letters within a second.
    pub messages_per_second: Option<u32>,
    /// Letters within a minute.
    pub messages_per_minute: Option<u32>,
    /// Letters within an hour.
    pub messages_per_hour: Option<u32>,
    /// Letters within a day of UTC.
    pub messages_per_day: Option<u32>,
    /// Letters over one connection.
    pub letters_per_connection: Option<u32>,
    /// Whether letters may travel in clear.
    pub tls: Option<Demand>,
    /// Letters per minute on a route of which nothing is known; `None` begins at once with all that is allowed.
    pub start_per_minute: Option<u32>,
    /// Whether the governor changes the pace.
    pub adaptive: Option<bool>,
}

const HOUR: u32 = 3_600;

impl Profile {
    /// What this profile says, and what the other says where this one is silent.
    #[must_use]
    pub fn over(&self, under: &Self) -> Self {
        Self {
            connections: self.connections.or(under.connections),
            connections_per_minute: self.connections_per_minute.or(under.connections_per_minute),
            messages_per_second: self.messages_per_second.or(under.messages_per_second),
            messages_per_minute: self.messages_per_minute.or(under.messages_per_minute),
            messages_per_hour: self.messages_per_hour.or(under.messages_per_hour),
            messages_per_day: self.messages_per_day.or(under.messages_per_day),
            letters_per_connection: self.letters_per_connection.or(under.letters_per_connection),
            tls: self.tls.or(under.tls),
            start_per_minute: self.start_per_minute.or(under.start_per_minute),
            adaptive: self.adaptive.or(under.adaptive),
        }
    }

    /// Its limits on the rate of letters: how many within which time.
    pub fn rates(&self) -> impl Iterator<Item = (u32, Duration)> {
        [
            (self.messages_per_second, 1),
            (self.messages_per_minute, 60),
            (self.messages_per_hour, u64::from(HOUR)),
        ]
        .into_iter()
        .filter_map(|(count, unit)| Some((count?, Duration::from_secs(unit))))
    }

    /// The tightest of them in letters per hour.
    pub fn per_hour(&self) -> Option<u32> {
        let per_hour = [
            self.messages_per_second
                .map(|count| count.saturating_mul(HOUR)),
            self.messages_per_minute
                .map(|count| count.saturating_mul(60)),
            self.messages_per_hour,
        ];
        per_hour.into_iter().flatten().min()
    }
}
