//! Promise 8: one slow or dead provider costs the others nothing.
//!
//! Owns the comparison of two worlds that differ in one thing: whether letters wait for a host that never answers, or answers
//! so slowly that it may as well not. Promises: both are calm, so that nothing else can explain a difference.

use std::time::Duration;

use super::{
    super::{error::SimError, plan::Health},
    day::{Terms, run},
    facts::Facts,
    setting::{HINDERING, SILENT, Setting},
    store::Row,
    weather::Weather,
};
use crate::mail::{Address, EventKind, State};

/// The name of the law.
pub(super) const NAME: &str = "one dead provider costs the others nothing";

/// The promise it stands for.
pub(super) const PROMISE: u8 = 8;

/// The part by which the others may be later ...
const PART: f64 = 1.05;

/// ... and what the clockwork of both worlds may differ in: a question to DNS, a look at the queue.
const GRAIN: Duration = Duration::from_secs(1);

/// What a node holds at most: fewer than wait for the silent host.
const IN_FLIGHT: usize = 48;

/// Letters for the silent host, in parts of the others'.
const WAITING: usize = 3;

/// Between two replies of a slow host: almost what a patient guest waits for.
const SLOW: Duration = Duration::from_secs(4);

/// Where the others' letters go.
const OTHERS: &str = "slow.example";

/// Compares the two worlds of a seed; `terms` makes those of each.
pub(super) fn judge(
    seed: u64,
    letters: usize,
    mut terms: impl FnMut() -> Terms,
) -> Result<Vec<String>, SimError> {
    let without = setting(seed, letters, false)?;
    let with = setting(seed, letters, true)?;
    let mut lived = |setting| {
        let mut terms = terms();
        terms.limits.in_flight = IN_FLIGHT;
        run(setting, terms)
    };
    let (without, with) = (lived(&without)?, lived(&with)?);
    let (alone, beside) = (last_delivered(&without), last_delivered(&with));
    let allowed = alone.mul_f64(PART) + GRAIN;
    let is_held_up = beside > allowed || count(&without) != count(&with);
    Ok(if is_held_up {
        vec![format!(
            "{} letters took {alone:?} alone, and {} of them {beside:?} beside a host that hardly answers",
            count(&without),
            count(&with),
        )]
    } else {
        Vec::new()
    })
}

/// A calm world in which everything is put in at once.
fn setting(seed: u64, letters: usize, with_silent: bool) -> Result<Setting, SimError> {
    let mut setting = Setting::of(seed, letters * (1 + WAITING))?;
    setting.weather = Weather::calm();
    setting.bans.clear();
    setting.waits_for_silent = false;
    if !is_dead(seed) {
        let hindering = setting.plan.providers.iter_mut();
        for provider in hindering.filter(|provider| provider.name == HINDERING) {
            provider.sites[0].hosts[0].health = Health::Alive;
            provider.temper.reply_delay = SLOW;
        }
    }
    let mut orders = std::mem::take(&mut setting.orders);
    for (number, order) in orders.iter_mut().enumerate() {
        order.after = Duration::ZERO;
        order.priority = 5;
        order.letter.enqueued_at = super::clock::EPOCH;
        (order.letter.send_at, order.letter.valid_until) = (None, None);
        // Those for the silent host come first, so that whoever takes letters as they come meets only them.
        let domain = if number < letters * WAITING {
            SILENT
        } else {
            OTHERS
        };
        let address = format!("reader{number}@{domain}");
        order.letter.to.mailbox.address = Address::parse(&address).map_err(SimError::crypto)?;
    }
    let beside = orders.split_off(letters * WAITING);
    setting.orders = if with_silent { orders } else { Vec::new() };
    setting.orders.extend(beside);
    Ok(setting)
}

/// Half of the hindering hosts are dead, the others slow.
const fn is_dead(seed: u64) -> bool {
    (seed / 4).is_multiple_of(2)
}

fn delivered(facts: &Facts) -> impl Iterator<Item = Duration> {
    let rows = facts.letters.values();
    let others = |row: &&Row| row.letter.to.mailbox.address.domain().as_str() == OTHERS;
    let rows = rows.filter(others);
    let rows = rows.filter(|row| row.state == Some(State::Delivered));
    rows.filter_map(|row| {
        let event = row
            .events
            .iter()
            .find(|event| event.kind == EventKind::Delivered)?;
        Some(event.at.since(row.letter.enqueued_at))
    })
}

fn last_delivered(facts: &Facts) -> Duration {
    delivered(facts).max().unwrap_or_default()
}

fn count(facts: &Facts) -> usize {
    delivered(facts).count()
}
