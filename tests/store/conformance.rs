//! The store in memory behaves as the one on PostgreSQL: the same statements get the same answers from both.
//!
//! Owns courses of statements that a seed draws, run through `port::Store` on either. Promises: whatever the engine can see
//! of a store is in the transcript: what a lease brings, which claims are lost, how letters stand and what their histories say.

mod bench;
mod late;
mod single;

use std::{collections::BTreeMap, time::Duration};

use postrider::{
    mail::{EventKind, IncomingId, LetterId, Next, Scope, State, Timestamp},
    port::{
        AdoptAsk, Claim, Cursor, Lane, LaneRoom, LeaseAsk, LeaseId, LeasedLetter, Settlement,
        Store, Tenure, URGENT,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use self::bench::{Bench, Postgres, Wish, memory};
use crate::support::{START, ban, settlement};

const DOMAINS: [&str; 3] = ["a.example", "b.example", "c.example"];

/// Statements of one course.
const STATEMENTS: usize = 180;

/// The smallest step of time.
const STEP: Duration = Duration::from_micros(1);

/// Courses; each has a database of its own.
const COURSES: u64 = 8;

/// One course on one store.
struct Course<'a, B> {
    bench: &'a B,
    dice: StdRng,
    now: Timestamp,
    letters: Vec<(LetterId, String)>,
    /// Every claim there ever was, the oldest first.
    claims: Vec<LeasedLetter>,
    mails: Vec<IncomingId>,
    are_mails_tied: bool,
    lanes: BTreeMap<Lane, String>,
    /// Letters of one moment are in the queue, which may come in any order: the next lease takes all.
    is_tied: bool,
    transcript: Vec<String>,
}

impl<'a, B: Bench> Course<'a, B> {
    fn new(bench: &'a B, seed: u64) -> Self {
        Self {
            bench,
            dice: StdRng::seed_from_u64(seed),
            now: START,
            letters: Vec::new(),
            claims: Vec::new(),
            mails: Vec::new(),
            are_mails_tied: false,
            lanes: BTreeMap::new(),
            is_tied: false,
            transcript: Vec::new(),
        }
    }

    async fn run(mut self) -> Vec<String> {
        let mut news = self.bench.store().suppression_news();
        for _ in 0..STATEMENTS {
            self.now = self.now.plus(Duration::from_millis(self.throw(700) + 1));
            match self.throw(30) {
                0..5 => self.enqueue().await,
                5..9 => self.lease().await,
                9..14 => self.settle().await,
                14 => self.release().await,
                15 => self.release_leases().await,
                16 => self.renew().await,
                17 => self.promote().await,
                18 => self.adopt().await,
                19 => self.suppress().await,
                20 => self.spoil().await,
                21 => self.keep().await,
                22 => self.take().await,
                23 => self.close().await,
                24 => self.postpone().await,
                25 => self.suppress_reported().await,
                _ => self.settle_late().await,
            }
        }
        self.look().await;
        self.hear(&mut news).await;
        self.transcript
    }

    fn throw(&mut self, sides: u64) -> u64 {
        self.dice.random_range(0..sides)
    }

    fn tell(&mut self, line: String) {
        self.transcript.push(line);
    }

    fn name(&self, id: LetterId) -> String {
        let number = self.letters.iter().position(|(known, _)| *known == id);
        number.map_or_else(|| "?".to_owned(), |number| format!("#{number}"))
    }

    /// One of the claims, of the newer ones as a rule.
    fn claim(&mut self) -> Option<LeasedLetter> {
        let count = self.claims.len() as u64;
        let back = if self.throw(4) == 0 {
            count
        } else {
            count.min(12)
        };
        let place = (back > 0).then(|| count - 1 - self.throw(back))?;
        Some(self.claims[usize::try_from(place).unwrap()].clone())
    }

    async fn enqueue(&mut self) {
        let (reader, domain) = (self.throw(9), self.throw(3));
        let domain = DOMAINS[usize::try_from(domain).unwrap()];
        let (is_urgent, is_later) = (self.throw(3) == 0, self.throw(4) == 0);
        let wish = Wish {
            to: format!("Reader{reader}@{domain}"),
            stream: if is_urgent {
                "transactional"
            } else {
                "marketing"
            },
            priority: if is_urgent { 1 } else { 5 },
            send_at: is_later.then(|| self.now.plus(Duration::from_secs(3))),
        };
        let id = self.bench.enqueue(&wish, self.now).await;
        self.tell(format!("enqueue {} {}", wish.to, id.is_some()));
        self.letters.extend(id.map(|id| (id, wish.to)));
    }

    async fn lease(&mut self) {
        let (max, per_lane, room) = (self.throw(6) + 1, self.throw(3) + 1, self.throw(3));
        let is_urgent_only = self.throw(4) == 0;
        let everything = self.is_tied;
        let known: Vec<Lane> = self.lanes.keys().copied().collect();
        let ask = LeaseAsk {
            lease: self.lease_id(),
            now: self.now,
            until: self.now.plus(Duration::from_secs(4)),
            max: if everything {
                500
            } else {
                u32::try_from(max).unwrap()
            },
            octets: u64::MAX,
            per_lane: if everything {
                500
            } else {
                u32::try_from(per_lane).unwrap()
            },
            room: match known.first() {
                Some(lane) if !everything => {
                    let normal = u32::try_from(room).unwrap();
                    let urgent = normal + 1;
                    vec![(*lane, LaneRoom { normal, urgent })]
                }
                _ => Vec::new(),
            },
            priority_max: if is_urgent_only && !everything {
                URGENT
            } else {
                9
            },
            after: known
                .get(1)
                .filter(|_| !everything)
                .map(|lane| match room % 3 {
                    0 => Cursor::After(*lane),
                    1 => Cursor::Within(1, *lane),
                    _ => Cursor::Within(5, *lane),
                }),
        };
        let leased = self.bench.store().lease(ask).await.unwrap();
        let mut lines = Vec::new();
        for held in &leased.letters {
            if let Ok(letter) = &held.letter {
                let to = letter.to.mailbox.address.domain().to_string();
                self.lanes.insert(held.lane, to);
            }
            lines.push(self.held(held));
        }
        // Letters of several lanes with one priority come in any order.
        lines.sort();
        let resume = leased
            .resume
            .and_then(|cursor| self.lanes.get(&cursor.lane()).cloned());
        self.tell(format!("lease {lines:?}, then {resume:?}"));
        self.claims.extend(sorted(leased.letters, &self.letters));
        self.is_tied = false;
    }

    fn held(&self, held: &LeasedLetter) -> String {
        let flag = held.suppressed.map_or("", |_| " suppressed");
        let broken = held.letter.as_ref().err();
        let broken = broken.map_or_else(String::new, |broken| {
            format!(" broken {}", broken.fault.field)
        });
        format!(
            "{} tried {}{flag}{broken}",
            self.name(held.id()),
            held.attempts
        )
    }

    fn lease_id(&mut self) -> LeaseId {
        LeaseId(Uuid::from_u64_pair(
            self.throw(u64::MAX),
            self.throw(u64::MAX),
        ))
    }

    async fn settle(&mut self) {
        let Some(held) = self.claim() else { return };
        let settlement = self.verdict(&held);
        let lost = self
            .bench
            .store()
            .settle(std::slice::from_ref(&settlement))
            .await;
        let (name, kind) = (self.name(held.id()), settlement.verdict.event.kind.name());
        let is_lost = !lost.unwrap().is_empty();
        self.tell(format!("settle {name} as {kind}, lost {is_lost}"));
    }

    fn verdict(&mut self, held: &LeasedLetter) -> Settlement {
        let due = self.now.plus(Duration::from_millis(900 + self.throw(900)));
        let again = Next::Retry { due };
        let (next, kind) = match self.throw(6) {
            0 | 1 => (Next::Finish(State::Delivered), EventKind::Delivered),
            2 => (again, EventKind::Deferred),
            3 => (again, EventKind::InDoubt),
            4 => (Next::Finish(State::InDoubt), EventKind::InDoubt),
            _ => (Next::Finish(State::Bounced), EventKind::Bounced),
        };
        let mut settlement = settlement(held, next, kind);
        settlement.verdict.event.at = self.now;
        settlement.verdict.event.due = (next == again).then_some(due);
        settlement.verdict.event.text = Some(format!("word {}", self.transcript.len()));
        if let (EventKind::Bounced, Ok(letter)) = (kind, &held.letter) {
            let to = letter.to.mailbox.address.clone();
            settlement.verdict.suppress = Some(ban(&to.to_string(), Scope::Everything));
        }
        settlement
    }

    async fn release(&mut self) {
        let Some(held) = self.claim() else { return };
        let claim = vec![(held.lease, held.shard(), held.id())];
        self.bench.store().release(claim, self.now).await.unwrap();
        self.tell(format!("release {}", self.name(held.id())));
    }

    async fn release_leases(&mut self) {
        let Some(held) = self.claim() else { return };
        let (store, leases) = (self.bench.store(), [held.lease]);
        let freed = store.release_leases(&leases, self.now).await.unwrap();
        self.is_tied = true;
        self.tell(format!(
            "release the lease of {}: {freed}",
            self.name(held.id())
        ));
    }

    async fn renew(&mut self) {
        let Some(held) = self.claim() else { return };
        let claim = vec![(held.lease, held.shard(), held.id())];
        let until = self.now.plus(Duration::from_secs(4));
        let lost = self.bench.store().renew(claim, until).await.unwrap();
        self.tell(format!(
            "renew {}, lost {}",
            self.name(held.id()),
            lost.len()
        ));
    }

    async fn promote(&mut self) {
        let max = u32::try_from(self.throw(4) + 1).unwrap();
        let moved = self.bench.store().promote(self.now, max).await.unwrap();
        self.tell(format!("promote {moved}"));
    }

    async fn adopt(&mut self) {
        let mut forsaken = self.bench.store().tenures(500).await.unwrap();
        self.tell(format!("tenures {forsaken:?}"));
        // Those that a clock calls ended, or any one.
        match self.throw(3) {
            0 if !forsaken.is_empty() => {
                let place = self.throw(forsaken.len() as u64);
                forsaken = vec![forsaken[usize::try_from(place).unwrap()]];
            }
            _ => forsaken.retain(|tenure| tenure.until < self.now),
        }
        if self.throw(4) == 0 {
            // Renewed since it was seen.
            let later = |tenure: &mut Tenure| tenure.until = tenure.until.plus(STEP);
            forsaken.iter_mut().for_each(later);
        }
        let ask = AdoptAsk {
            lease: self.lease_id(),
            now: self.now,
            forsaken,
            until: self.now.plus(Duration::from_secs(4)),
            max: 500,
        };
        let adopted = self.bench.store().adopt(ask).await.unwrap();
        let mut lines: Vec<String> = adopted.iter().map(|held| self.held(held)).collect();
        lines.sort();
        self.tell(format!("adopt {lines:?}"));
        self.claims.extend(sorted(adopted, &self.letters));
    }

    async fn suppress(&mut self) {
        let place = self.throw(self.letters.len().max(1) as u64);
        let Some((_, to)) = self.letters.get(usize::try_from(place).unwrap()).cloned() else {
            return;
        };
        let scope = match self.throw(3) {
            0 => Scope::Everything,
            1 => Scope::Marketing,
            _ => Scope::Stream("transactional".to_owned()),
        };
        self.tell(format!("suppress {to} for {}", scope.name()));
        self.bench.suppress(&to, scope).await;
    }

    async fn spoil(&mut self) {
        let place = self.throw(self.letters.len().max(1) as u64);
        if let Some((id, _)) = self.letters.get(usize::try_from(place).unwrap()).cloned() {
            self.bench.spoil(id).await;
            self.tell(format!("spoil {}", self.name(id)));
        }
    }

    /// Every letter at the end, and what can still be recalled.
    async fn look(&mut self) {
        for (number, (id, _)) in self.letters.clone().into_iter().enumerate() {
            let (state, due, events) = self.bench.standing(id).await;
            let words = events.iter().map(|event| {
                let text = event.text.as_deref().unwrap_or_default();
                format!(
                    "{} {:?} {:?} {text}",
                    event.kind.name(),
                    event.attempt,
                    event.due
                )
            });
            let words: Vec<String> = words.collect();
            self.tell(format!(
                "#{number} {} {due:?}: {}",
                state.name(),
                words.join("; ")
            ));
        }
        let claims: Vec<Claim> = self.claims.iter().map(claim).collect();
        let recalled = self.bench.store().recall(&claims).await.unwrap();
        let lines: Vec<String> = recalled.iter().map(|held| self.held(held)).collect();
        self.tell(format!("recall {lines:?}"));
        self.look_at_mails().await;
    }
}

/// In an order that both stores share.
fn sorted(mut held: Vec<LeasedLetter>, letters: &[(LetterId, String)]) -> Vec<LeasedLetter> {
    held.sort_by_key(|held| letters.iter().position(|(id, _)| *id == held.id()));
    held
}

fn claim(held: &LeasedLetter) -> Claim {
    Claim {
        lease: held.lease,
        shard: held.shard(),
        id: held.id(),
        attempts: held.attempts,
    }
}

#[tokio::test]
async fn both_stores_answer_the_same_statements_alike() {
    for seed in 0..COURSES {
        let (postgres, memory) = (Postgres::new().await, memory());
        let (on_postgres, in_memory) = (
            Course::new(&postgres, seed).run().await,
            Course::new(&memory, seed).run().await,
        );
        for (place, pair) in on_postgres.iter().zip(&in_memory).enumerate() {
            let before = &on_postgres[place.saturating_sub(25)..place];
            assert_eq!(pair.0, pair.1, "course {seed} after\n{}", before.join("\n"));
        }
        assert_eq!(on_postgres.len(), in_memory.len());
    }
}
