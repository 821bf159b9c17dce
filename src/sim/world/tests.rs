//! Worlds that are broken on purpose: every law must notice its own breach, or it is no law.

use std::{sync::Arc, time::Duration};

use super::{
    day::{Terms, run},
    desk::LEASE,
    facts::Facts,
    fair,
    laws::LAWS,
    setting::Setting,
    store::Tables,
    troubled::Hand,
};
use crate::{
    mail::{
        Content, EventKind, LetterId, Next, Reason, Scope, State, Suppression, Timestamp, Verdict,
    },
    port::{
        LeaseAsk, Leased, Settlement,
        inbound::{Kept, LateSettlement, Settled},
    },
};

/// Letters enough for every law to have something to judge.
const LETTERS: usize = 60;

/// Seeds of which one must show the breach.
const SEEDS: u64 = 12;

fn breaches(law: &str, facts: &Facts) -> usize {
    let law = LAWS.iter().find(|known| known.name == law).unwrap();
    (law.judge)(facts).len()
}

/// A law must break in a world with this fault, and hold in the same world without it.
fn check(law: &str, fault: impl Fn(&mut Setting, &mut Terms)) {
    let noticed = (0..SEEDS).any(|seed| {
        let setting = Setting::of(seed, LETTERS).unwrap();
        let sound = run(&setting, Terms::usual()).unwrap();
        assert_eq!(breaches(law, &sound), 0, "{law} in the sound world {seed}");
        let (mut setting, mut terms) = (setting, Terms::usual());
        fault(&mut setting, &mut terms);
        breaches(law, &run(&setting, terms).unwrap()) > 0
    });
    assert!(noticed, "nobody noticed: {law}");
}

/// Statements with one fault each.
#[derive(Clone, Copy)]
enum Careless {
    /// Some verdicts are never written.
    Forgets,
    /// Every verdict is written down twice.
    Stutters,
    /// A refusal is written down as a delivery.
    Boasts,
    /// A delivery is written down as a refusal.
    Denies,
    /// A delivered letter goes back into the queue.
    Repeats,
    /// A doubt is written down as a refusal.
    Decides,
    /// Every refusal suppresses its reader.
    Slanders,
    /// Suppressed letters are not flagged.
    Overlooks,
    /// The text of one letter gets into another.
    Mixes,
    /// Mails that came back are put aside.
    Shelves,
    /// Late words are heard, and nothing comes of them.
    Shrugs,
    /// Late words are forgotten as soon as they were heard.
    Forgoes,
    /// Claims end by the clock of whoever looks.
    Hurries,
    /// Lanes have all the room they like, and always the same one comes first.
    Favours,
}

impl Hand for Careless {
    fn lease(&self, tables: &mut Tables, ask: &LeaseAsk) -> Leased {
        let mut ask = ask.clone();
        if matches!(self, Self::Favours) {
            (ask.room, ask.after, ask.per_lane) = (Vec::new(), None, u32::MAX);
        }
        let mut leased = tables.lease(&ask);
        for held in &mut leased.letters {
            match self {
                Self::Overlooks => held.suppressed = None,
                Self::Mixes => held.letter.as_mut().unwrap().content = foreign(),
                _ => {}
            }
        }
        leased
    }

    fn promote(&self, tables: &mut Tables, now: Timestamp, max: u32) -> u64 {
        if matches!(self, Self::Hurries) {
            tables.reclaim(now.minus(LEASE));
        }
        tables.promote(now, max)
    }

    fn take(&self, tables: &mut Tables, now: Timestamp, until: Timestamp, max: u32) -> Vec<Kept> {
        if matches!(self, Self::Shelves) {
            return Vec::new();
        }
        tables.take(now, until, max)
    }

    fn settle_late(&self, tables: &mut Tables, settlement: &LateSettlement) -> Settled {
        match self {
            Self::Shrugs => return Settled::Done,
            Self::Forgoes => tables.forget_words(),
            _ => {}
        }
        tables.settle_late(settlement)
    }

    fn settle(&self, tables: &mut Tables, batch: &[Settlement]) -> Vec<LetterId> {
        let mut batch = batch.to_vec();
        match self {
            Self::Forgets => batch.retain(|settlement| settlement.id.0.as_u128() % 5 != 0),
            Self::Stutters => {
                for settlement in &batch {
                    tables.history(settlement.id, settlement.verdict.event.clone());
                }
            }
            Self::Slanders => slander(tables, &mut batch),
            _ => batch
                .iter_mut()
                .for_each(|settlement| self.spoil(&mut settlement.verdict)),
        }
        tables.settle(&batch)
    }
}

impl Careless {
    fn spoil(self, verdict: &mut Verdict) {
        let kind = verdict.event.kind;
        let finish = |verdict: &mut Verdict, state, kind| {
            (verdict.next, verdict.event.kind) = (Next::Finish(state), kind);
        };
        match (self, kind) {
            (Self::Boasts, EventKind::Bounced) => {
                finish(verdict, State::Delivered, EventKind::Delivered);
            }
            (Self::Denies, EventKind::Delivered) | (Self::Decides, EventKind::InDoubt) => {
                finish(verdict, State::Bounced, EventKind::Bounced);
            }
            (Self::Repeats, EventKind::Delivered) => {
                let due = verdict.event.at.plus(Duration::from_secs(5));
                verdict.next = Next::Retry { due };
                verdict.event.kind = EventKind::Deferred;
            }
            _ => {}
        }
    }

    fn hand(self) -> Arc<dyn Hand> {
        Arc::new(self)
    }
}

fn slander(tables: &Tables, batch: &mut [Settlement]) {
    for settlement in batch {
        let event = &settlement.verdict.event;
        if event.kind != EventKind::Delivered {
            settlement.verdict.suppress = Some(Suppression {
                address: tables.letters[&settlement.id]
                    .letter
                    .to
                    .mailbox
                    .address
                    .clone(),
                scope: Scope::Everything,
                reason: Reason::HardBounce,
                evidence: "any refusal will do".to_owned(),
                letter: Some(settlement.id),
                since: event.at,
                until: None,
            });
        }
    }
}

fn foreign() -> Content {
    Content::Texts {
        subject: "Чужой заказ".to_owned(),
        text: Some("Чужое письмо.".to_owned()),
        html: None,
        parts: Vec::new(),
    }
}

#[test]
fn a_lost_verdict_breaks_the_law_of_one_fate() {
    check("every letter has one fate", |_, terms| {
        terms.hand = Careless::Forgets.hand();
    });
}

#[test]
fn a_verdict_written_twice_breaks_the_law_of_one_terminal_event() {
    check("every letter has one terminal event", |_, terms| {
        terms.hand = Careless::Stutters.hand();
    });
}

#[test]
fn an_invented_delivery_breaks_the_law_of_mailboxes() {
    check("delivered means in the mailbox", |_, terms| {
        terms.hand = Careless::Boasts.hand();
    });
}

#[test]
fn a_forgotten_reply_breaks_the_law_of_what_was_heard() {
    check("what was heard is delivered", |_, terms| {
        terms.hand = Careless::Denies.hand();
    });
}

#[test]
fn a_letter_sent_again_breaks_the_law_of_copies() {
    check("a second copy only when it is unknowable", |_, terms| {
        terms.hand = Careless::Repeats.hand();
    });
}

#[test]
fn claims_that_end_by_the_clock_break_the_law_of_copies() {
    check(
        "a second copy only when it is unknowable",
        |setting, terms| {
            setting.weather.nodes = 3;
            setting.weather.clock_offset = LEASE * 5;
            terms.hand = Careless::Hurries.hand();
        },
    );
}

#[test]
fn a_hidden_doubt_breaks_the_law_of_doubts() {
    check("every doubt is counted", |_, terms| {
        terms.hand = Careless::Decides.hand();
    });
}

#[test]
fn an_overlooked_entry_breaks_the_law_of_suppression() {
    check("suppressed means not sent", |_, terms| {
        terms.hand = Careless::Overlooks.hand();
    });
}

#[test]
fn an_engine_with_looser_bounds_breaks_the_law_of_limits() {
    check("limits hold", |_, terms| {
        terms.limits.letters_per_connection += 1;
    });
    check("limits hold", |setting, terms| {
        terms.limits.connections_per_site += 1;
        setting
            .orders
            .iter_mut()
            .for_each(|order| order.after = Duration::ZERO);
    });
}

#[test]
fn an_unknown_key_and_a_foreign_text_break_the_law_of_quality() {
    check("every letter leaves correct", |_, terms| {
        terms.is_key_published = false;
    });
    check("every letter leaves correct", |_, terms| {
        terms.hand = Careless::Mixes.hand();
    });
}

#[test]
fn an_entry_without_proof_breaks_the_law_of_proof() {
    check("only proof suppresses", |_, terms| {
        terms.hand = Careless::Slanders.hand();
    });
}

#[test]
fn a_mail_put_aside_breaks_the_law_of_reading() {
    check("what came back is read", |_, terms| {
        terms.hand = Careless::Shelves.hand();
    });
}

#[test]
fn a_word_that_changes_nothing_breaks_the_law_of_proven_words() {
    check("a proven word acts", |_, terms| {
        terms.hand = Careless::Shrugs.hand();
    });
}

#[test]
fn a_forgers_secret_among_ours_breaks_the_laws_of_proof() {
    check("forgery changes nothing", |_, terms| {
        terms.is_gullible = true;
    });
    check("only proof suppresses", |_, terms| {
        terms.is_gullible = true;
    });
}

#[test]
fn a_word_heard_twice_breaks_the_law_of_one_hearing() {
    check("the same word counts once", |_, terms| {
        terms.hand = Careless::Forgoes.hand();
    });
}

#[test]
fn a_favoured_host_breaks_the_law_of_fairness() {
    let careless = || Terms {
        hand: Careless::Favours.hand(),
        ..Terms::usual()
    };
    // The one is dead, the other slow.
    for seed in [0, 4] {
        assert_eq!(fair::judge(seed, 20, Terms::usual).unwrap(), [""; 0]);
        assert_ne!(fair::judge(seed, 20, careless).unwrap(), [""; 0]);
    }
}

#[test]
fn every_law_has_a_world_that_breaks_it() {
    let here = include_str!("tests.rs");
    for law in LAWS {
        assert!(
            here.contains(&format!("check(\"{}\"", law.name)),
            "{}",
            law.name
        );
    }
}
