//! Worlds about pace: a provider that counts and punishes, and nodes that have to find out.
//!
//! Owns [`PaceWorld`]. Promises: both ends are counted; what the provider allows is known here and nowhere else, unless the
//! shaping says it. Leaves judging to whoever asks.

use std::time::Duration;

use super::{
    super::{
        dialect::{Dialect, Refusal},
        error::SimError,
        plan::{Plan, ProviderPlan},
        temper::{Temper, Window},
    },
    clock::EPOCH,
    day::{Terms, run},
    desk::Habits,
    facts::Facts,
    setting::Setting,
    weather::Weather,
};
use crate::{mail::Address, policy::Shaping};

const DOMAIN: &str = "counts.example";

/// A world about pace.
#[derive(Clone, Debug)]
pub struct PaceWorld {
    /// What chance there is.
    pub seed: u64,
    /// How long it lasts.
    pub lasts: Duration,
    /// What the provider allows and punishes.
    pub window: Window,
    /// Connections that it lets in at once from one source.
    pub connections_max: u32,
    /// What the operator knows of it.
    pub shaping: Shaping,
    /// Nodes that send from the same source.
    pub nodes: usize,
    /// Whether processes die, statements fail and lines break.
    pub is_stormy: bool,
    /// Letters that wait from the beginning.
    pub letters: usize,
}

/// What was seen of it.
#[derive(Clone, Debug)]
pub struct PaceSeen {
    /// Letters that the provider took, by the minute of the world.
    pub by_minute: Vec<usize>,
    /// Letters named to it.
    pub attempts: usize,
    /// Refused for their pace.
    pub refused: usize,
    /// Letters that it took within any minute at most.
    pub busiest_minute: usize,
    /// Connections at once at most.
    pub connections_peak: usize,
    /// What became of the pace, and why.
    pub changes: Vec<String>,
}

impl PaceWorld {
    /// Lives it. Must not be called from within a runtime.
    pub fn live(&self) -> Result<PaceSeen, SimError> {
        let setting = self.setting()?;
        let mut terms = Terms::usual();
        terms.limits.connections_per_site = 100;
        terms.limits.letters_per_connection = 100;
        terms.habits = Habits {
            shaping: self.shaping.clone(),
            has_one_source: true,
            give_up: self.lasts * 2,
            new_source: None,
            quiet: None,
        };
        Ok(self.seen(&run(&setting, terms)?))
    }

    fn setting(&self) -> Result<Setting, SimError> {
        let mut setting = Setting::of(self.seed, self.letters)?;
        setting.plan = self.plan();
        setting.weather = Weather {
            nodes: self.nodes,
            lasts: self.lasts,
            ..if self.is_stormy {
                Weather::of(self.seed)
            } else {
                Weather::calm()
            }
        };
        // A line that keeps a command for many seconds brings it into another minute, which nobody can foresee; and a clock
        // that is set is another world's trouble.
        setting.weather.wires = Weather::calm().wires;
        setting.weather.clock_jump = Duration::ZERO;
        setting.bans.clear();
        setting.waits_for_silent = false;
        for (number, order) in setting.orders.iter_mut().enumerate() {
            order.after = Duration::ZERO;
            order.priority = 5;
            order.letter.enqueued_at = EPOCH;
            (order.letter.send_at, order.letter.valid_until) = (None, None);
            let address = format!("reader{number}@{DOMAIN}");
            order.letter.to.mailbox.address = Address::parse(&address).map_err(SimError::crypto)?;
        }
        Ok(setting)
    }

    fn plan(&self) -> Plan {
        let temper = Temper {
            window: Some(self.window),
            connections_max: self.connections_max,
            ..Temper::default()
        };
        let provider = ProviderPlan::new("counts", Dialect::Postfix, temper);
        let mut plan = Plan::empty(self.seed);
        plan.providers = vec![provider.serving(&[DOMAIN], &["mx.counts.example"])];
        plan
    }

    fn seen(&self, facts: &Facts) -> PaceSeen {
        let pages = &facts.pages;
        let mut taken: Vec<Duration> = pages
            .copies
            .values()
            .map(|copy| copy.at)
            .filter(|at| *at < self.lasts)
            .collect();
        taken.sort_unstable();
        let minute = Duration::from_mins(1);
        let minutes = usize::try_from(self.lasts.as_secs() / 60).unwrap_or(0);
        let mut by_minute = vec![0; minutes];
        for at in &taken {
            let place = usize::try_from(at.as_secs() / 60).unwrap_or(0);
            if let Some(count) = by_minute.get_mut(place) {
                *count += 1;
            }
        }
        let within = |from: usize| {
            taken[from..]
                .iter()
                .take_while(|at| **at < taken[from] + minute)
                .count()
        };
        let refusals = pages.refusals.values().flatten();
        let began = |at: &crate::mail::Timestamp| at.since(EPOCH).as_secs();
        let changes = facts.paces.iter().map(|(_, state)| {
            let (phase, cause) = (state.phase.name(), &state.cause);
            format!("{:>5} s  {phase}: {cause}", began(&state.changed_at))
        });
        PaceSeen {
            attempts: pages
                .attempts
                .iter()
                .filter(|attempt| attempt.at < self.lasts)
                .count(),
            refused: refusals
                .filter(|refusal| **refusal == Refusal::RateLimited)
                .count(),
            busiest_minute: (0..taken.len()).map(within).max().unwrap_or(0),
            connections_peak: peak(facts),
            by_minute,
            changes: changes.collect(),
        }
    }
}

/// Connections open at the same time, over all nodes.
fn peak(facts: &Facts) -> usize {
    let connections = facts.pages.connections.iter();
    let mut changes: Vec<(Duration, i32)> = connections
        .flat_map(|connection| {
            let closed = connection.closed.map(|closed| (closed, -1));
            [Some((connection.opened, 1)), closed].into_iter().flatten()
        })
        .collect();
    // What closes at a moment is gone before what opens at it.
    changes.sort_unstable();
    let (mut open, mut most) = (0, 0);
    for (_, change) in changes {
        open += change;
        most = most.max(open);
    }
    usize::try_from(most).unwrap_or(0)
}
