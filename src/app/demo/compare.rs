//! Both ends side by side: what we believe of each letter, and what its provider counted.
//!
//! Owns the comparison. Promises: every letter is looked at; a disagreement names the letter. The laws are promises 1
//! to 3 of the house: delivered means taken, anything else means not taken, and twice only where nobody can know.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Run, desk::DemoDesk};
use crate::{
    mail::{Letter, State},
    sim::{Letters, SmallInternet},
    store::{LetterFilter, LetterView, PgStore},
};

/// Letters of one page.
const PAGE: u32 = 2_000;

/// Disagreements shown by name.
const SHOWN_MAX: usize = 10;

/// What the comparison found.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    /// Letters looked at.
    pub letters: u64,
    /// Letters by state.
    pub states: BTreeMap<String, u64>,
    /// Letters that both ends agree on.
    pub agreed: u64,
    /// Letters whose fate nobody knows, and that had arrived.
    pub in_doubt_arrived: u64,
    /// Letters whose fate nobody knows, and that had not.
    pub in_doubt_lost: u64,
    /// The first disagreements, in words.
    pub disagreements: Vec<String>,
    /// A letter whose story is worth telling.
    pub example: Option<LetterView>,
}

pub(super) async fn compare(
    store: &PgStore,
    internet: &SmallInternet,
    desk: &DemoDesk,
    run: &Run,
) -> Result<Comparison> {
    let seen = internet.letters();
    let mut found = Comparison::default();
    let mut filter = LetterFilter {
        campaign: Some(run.campaign.clone()),
        max: PAGE,
        ..LetterFilter::default()
    };
    loop {
        let page = store.letters(&filter).await?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        filter.before = Some(last.id);
        for view in page {
            found.look_at(view, &seen, desk);
        }
    }
}

impl Comparison {
    fn look_at(&mut self, view: LetterView, seen: &Letters, desk: &DemoDesk) {
        self.letters += 1;
        *self.states.entry(view.state.name().to_owned()).or_default() += 1;
        let copies = view
            .letter
            .as_ref()
            .map_or(0, |letter| copies(letter, seen, desk));
        match verdict(view.state, copies) {
            Ok(()) => self.agreed += 1,
            Err(why) if self.disagreements.len() < SHOWN_MAX => {
                self.disagreements
                    .push(format!("letter {}: {why}", view.id));
            }
            Err(_) => {}
        }
        if view.state == State::InDoubt {
            let count = if copies > 0 {
                &mut self.in_doubt_arrived
            } else {
                &mut self.in_doubt_lost
            };
            *count += 1;
        }
        if self.example.is_none() && view.state == State::Bounced {
            self.example = Some(view);
        }
    }
}

/// Copies that the letter's provider took.
fn copies(letter: &Letter, seen: &Letters, desk: &DemoDesk) -> u16 {
    let return_path = desk.identity.return_path(letter);
    let recipient = letter.to.mailbox.address.to_string();
    seen.by_envelope(&return_path, &recipient)
        .map_or(0, |record| record.accepted)
}

fn verdict(state: State, copies: u16) -> Result<(), String> {
    match (state, copies) {
        (State::Delivered, 1) | (State::InDoubt, 0 | 1) => Ok(()),
        (State::Queued | State::Leased, _) => Err("has no final state".to_owned()),
        (State::Delivered | State::InDoubt, _) => Err(format!(
            "{}, and its provider took {copies} copies",
            state.name()
        )),
        (_, 0) => Ok(()),
        (_, _) => Err(format!(
            "{}, and its provider took {copies} copies",
            state.name()
        )),
    }
}
