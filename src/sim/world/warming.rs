//! Worlds about warm-up: a source that nobody knows, day after day.
//!
//! Owns [`WarmWorld`]. Promises: both ends are counted, the provider's by the address that called; a day is so long as the
//! setting says, and the night costs no time. Leaves judging to whoever asks.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use super::{
    super::{
        dialect::Dialect,
        error::SimError,
        plan::{Plan, ProviderPlan},
        temper::Temper,
    },
    clock::EPOCH,
    day::{DAY, Terms, run},
    desk::{Habits, NEW, NewSource},
    facts::Facts,
    setting::Setting,
    weather::Weather,
};
use crate::{
    mail::{Address, WarmDay},
    policy::{
        Shaping,
        warmup::{Plan as WarmPlan, Plans, schedule},
    },
};

const DOMAIN: &str = "warm.example";

/// What one day brings.
#[derive(Clone, Copy, Debug)]
pub struct DayPlan {
    /// Letters of the morning.
    pub letters: usize,
    /// Of which every so many goes to nobody; 0 is none.
    pub stranger_every: usize,
}

/// A world about warm-up.
#[derive(Clone, Debug)]
pub struct WarmWorld {
    /// What chance there is.
    pub seed: u64,
    /// How long each day is.
    pub day: Duration,
    /// The days.
    pub days: Vec<DayPlan>,
    /// Letters a day that are enough.
    pub target_per_day: u32,
    /// Nodes that send from the same sources.
    pub nodes: usize,
    /// Whether there is no other source that takes what is too much.
    pub is_alone: bool,
}

/// What was seen of one day.
#[derive(Clone, Debug)]
pub struct WarmSeen {
    /// What the new source was to send at most; `None` when it is warm.
    pub cap: Option<u32>,
    /// Why.
    pub reason: String,
    /// Letters of the new source that were answered, as we counted.
    pub told: u32,
    /// Letters of the new source that the provider was offered.
    pub from_new: usize,
    /// The same of the source that it knows.
    pub from_old: usize,
    /// Letters that waited when the day was over, or had never come.
    pub waiting: usize,
}

impl WarmWorld {
    /// Lives it. Must not be called from within a runtime.
    pub fn live(&self) -> Result<Vec<WarmSeen>, SimError> {
        let setting = self.setting()?;
        let mut terms = Terms::usual();
        terms.limits.connections_per_site = 20;
        terms.limits.letters_per_connection = 100;
        terms.limits.in_flight_per_lane = 100;
        let plan = WarmPlan {
            source: NEW.0.to_owned(),
            target: None,
            per_day: self.target_per_day,
            starts: None,
            schedule: schedule("standard")
                .ok_or_else(|| SimError::crypto("there is no standard schedule"))?,
        };
        terms.habits = Habits {
            shaping: shaping()?,
            has_one_source: true,
            give_up: DAY * 365,
            new_source: Some(NewSource {
                warmups: Plans::new(vec![plan]),
                is_alone: self.is_alone,
            }),
            quiet: None,
        };
        Ok(self.seen(&run(&setting, terms)?))
    }

    fn lasts(&self) -> Duration {
        self.day * u32::try_from(self.days.len()).unwrap_or(u32::MAX)
    }

    fn setting(&self) -> Result<Setting, SimError> {
        let letters = self.days.iter().map(|day| day.letters).sum();
        let mut setting = Setting::of(self.seed, letters)?;
        let provider = ProviderPlan::new("warm", Dialect::Postfix, Temper::default());
        setting.plan = Plan::empty(self.seed);
        setting.plan.providers = vec![provider.serving(&[DOMAIN], &["mx.warm.example"])];
        setting.weather = Weather {
            nodes: self.nodes,
            lasts: self.lasts(),
            ..Weather::calm()
        };
        setting.bans.clear();
        setting.waits_for_silent = false;
        setting.day = Some(self.day);
        let mut orders = setting.orders.iter_mut();
        for (number, day) in (0..).zip(&self.days) {
            for (place, order) in orders.by_ref().take(day.letters).enumerate() {
                order.after = self.day * number + Duration::from_secs(5);
                order.priority = 5;
                order.letter.enqueued_at = EPOCH.plus(DAY * number);
                (order.letter.send_at, order.letter.valid_until) = (None, None);
                let is_stranger = day.stranger_every > 0 && place % day.stranger_every == 0;
                let word = if is_stranger { "unknown-" } else { "" };
                let address = format!("{word}reader{number}-{place}@{DOMAIN}");
                order.letter.to.mailbox.address =
                    Address::parse(&address).map_err(SimError::crypto)?;
            }
        }
        Ok(setting)
    }

    fn seen(&self, facts: &Facts) -> Vec<WarmSeen> {
        let calls = calls(facts);
        let first = facts.warmed.iter().map(|(_, day)| day.day).min();
        let warmed: HashMap<i32, &WarmDay> = facts
            .warmed
            .iter()
            .map(|(_, day)| (day.day - first.unwrap_or(0), day))
            .collect();
        let mut ordered = 0;
        let days = (0..).zip(&self.days).map(|(number, planned)| {
            let (from, to) = (self.day * number, self.day * (number + 1));
            let of = |source: bool| {
                let of_day = calls.iter().filter(|(at, _)| *at >= from && *at < to);
                of_day.filter(|(_, ip)| (*ip == NEW.1) == source).count()
            };
            let day = i32::try_from(number).ok().and_then(|day| warmed.get(&day));
            let cap = day.and_then(|day| day.cap.as_ref());
            ordered += planned.letters;
            WarmSeen {
                cap: cap.map_or(Some(0), |cap| cap.letters),
                reason: cap.map_or_else(String::new, |cap| cap.reason.clone()),
                told: day.map_or(0, |day| day.attempted),
                from_new: of(true),
                from_old: of(false),
                waiting: ordered - calls.iter().filter(|(at, _)| *at < to).count().min(ordered),
            }
        });
        days.collect()
    }
}

/// When a letter was named to the provider, and from which address of ours.
fn calls(facts: &Facts) -> Vec<(Duration, IpAddr)> {
    let pages = &facts.pages;
    let attempts = pages.attempts.iter().filter_map(|attempt| {
        let connection = pages.connections.get(attempt.connection)?;
        Some((attempt.at, connection.from))
    });
    attempts.collect()
}

/// Two letters a second from each source: the morning's letters take some minutes.
fn shaping() -> Result<Shaping, SimError> {
    let text = "[[provider]]\nname = \"warm\"\nmx = [\".warm.example\"]\nmessages_per_minute = 120\nconnections = 4\n\
                adaptive = false\n";
    Shaping::parse(text).map_err(|faults| SimError::crypto(format!("{faults:?}")))
}
