//! How a world went, for whoever asked.
//!
//! Owns [`Report`]: story, fates, laws. Promises: the same seed and number of letters give the same report, byte for byte.
//! Leaves printing to `cli::sim`.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    super::error::SimError,
    day::{Terms, run},
    facts::Facts,
    fair,
    laws::LAWS,
    setting::Setting,
};

/// One of so many seeds also compares the two worlds of promise 8, which costs as much as two more.
const FAIR_EVERY: u64 = 4;

/// Letters of that comparison: enough to fill what one node holds.
const FAIR_LETTERS: usize = 20;

/// How a world went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which world.
    pub seed: u64,
    /// Letters that were put in.
    pub letters: usize,
    /// Letters by their final state; those refused at the door are `not_taken`.
    pub states: BTreeMap<&'static str, usize>,
    /// Copies in mailboxes, and how many of them nobody heard of.
    pub copies: usize,
    /// Of these, those whose reply reached no living process.
    pub unheard: usize,
    /// Every law with its breaches.
    pub laws: Vec<Judgement>,
    /// A line per happening, each under the world's time in seconds.
    pub story: Vec<String>,
}

/// What one law says of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The law.
    pub law: &'static str,
    /// The promise it stands for.
    pub promise: u8,
    /// What broke it; empty when it held.
    pub breaches: Vec<String>,
}

impl Report {
    /// Whether every law held.
    pub fn is_clean(&self) -> bool {
        self.laws.iter().all(|law| law.breaches.is_empty())
    }

    pub(super) fn of(setting: &Setting, facts: Facts, more: Vec<Judgement>) -> Self {
        let mut states = BTreeMap::new();
        for row in facts.letters.values() {
            let state = row.state.map_or("open", crate::mail::State::name);
            *states.entry(state).or_default() += 1;
        }
        if facts.refused_at_door > 0 {
            states.insert("not_taken", facts.refused_at_door);
        }
        let laws = LAWS.iter().map(|law| Judgement {
            law: law.name,
            promise: law.promise,
            breaches: (law.judge)(&facts),
        });
        let copies = facts.pages.copies.values();
        Self {
            seed: setting.seed,
            letters: setting.orders.len(),
            states,
            unheard: copies.filter(|copy| copy.heard.is_none()).count(),
            copies: facts.pages.copies.len(),
            laws: laws.chain(more).collect(),
            story: facts.pages.story,
        }
    }
}

/// The breaches, one a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for law in &self.laws {
            let verdict = if law.breaches.is_empty() {
                "holds"
            } else {
                "BROKEN"
            };
            writeln!(f, "promise {}: {} {verdict}", law.promise, law.law)?;
            for breach in &law.breaches {
                writeln!(f, "    {breach}")?;
            }
        }
        let states = self
            .states
            .iter()
            .map(|(state, count)| format!("{state} {count}"));
        let states: Vec<String> = states.collect();
        let (copies, unheard) = (self.copies, self.unheard);
        write!(
            f,
            "{}; copies {copies}, of them unheard {unheard}",
            states.join(", ")
        )
    }
}

/// Lives the world of a seed with so many letters, and judges it. Must not be called from within a runtime.
pub fn simulate(seed: u64, letters: usize) -> Result<Report, SimError> {
    let setting = Setting::of(seed, letters)?;
    let facts = run(&setting, Terms::usual())?;
    let mut more = Vec::new();
    if seed.is_multiple_of(FAIR_EVERY) {
        more.push(Judgement {
            law: fair::NAME,
            promise: fair::PROMISE,
            breaches: fair::judge(seed, FAIR_LETTERS, Terms::usual)?,
        });
    }
    Ok(Report::of(&setting, facts, more))
}
