//! A node: one machine with a disk and a clock, on which one process after another runs the real engine.
//!
//! Owns the joining of simulated edges into a [`port::World`](crate::port::World), and the life, death and return of
//! processes. Promises: a process that dies takes everything with it but its journal and what it had handed to others; the
//! next one finds both.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    book::{Book, Copy, Process},
    chance::Chance,
    clock::{NodeClock, WorldTime},
    desk::letter_of,
    dial::{Calls, Exchange},
    journal::{Disk, MemJournal},
    life::Life,
    names::{Names, Zones},
    post::Post,
    troubled::{Server, StoreLine},
    weather::Ends,
};
use crate::{
    compose::Identity,
    engine::{
        Desk, Engine,
        feedback::{self, Feedback, FeedbackDesk},
    },
    port::World,
};

/// The world as one process sees it.
pub(super) struct Surroundings {
    store: StoreLine,
    dns: Names,
    dial: Calls,
    journal: MemJournal,
    clock: NodeClock,
    dice: Chance,
}

impl World for Surroundings {
    type Store = StoreLine;
    type Dns = Names;
    type Dial = Calls;
    type Journal = MemJournal;
    type Clock = NodeClock;
    type Dice = Chance;
    type Watch = ();

    fn store(&self) -> &StoreLine {
        &self.store
    }

    fn dns(&self) -> &Names {
        &self.dns
    }

    fn dial(&self) -> &Calls {
        &self.dial
    }

    fn journal(&self) -> &MemJournal {
        &self.journal
    }

    fn clock(&self) -> &NodeClock {
        &self.clock
    }

    fn dice(&self) -> &Chance {
        &self.dice
    }

    fn watch(&self) -> &() {
        &()
    }
}

/// What all nodes share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) seed: u64,
    pub(super) identity: Identity,
    pub(super) time: WorldTime,
    pub(super) book: Arc<Book>,
    pub(super) server: Arc<Server>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) zones: Arc<Zones>,
    pub(super) post: Arc<Post>,
    pub(super) feedback: FeedbackDesk,
    pub(super) is_healed: Arc<AtomicBool>,
    pub(super) journal_troubled: f64,
    pub(super) ends: Ends,
}

impl Common {
    /// What this node's processes had heard and nobody had settled may be gone with the machine.
    fn forget(&self, node: usize) {
        let tables = self.server.store.tables();
        let finished = |copy: &Copy| {
            let id = letter_of(&self.identity, &copy.return_path);
            let row = id.and_then(|id| tables.letters.get(&id));
            row.is_some_and(|row| row.state.is_some())
        };
        self.book.forget(node, finished);
    }
}

/// One node.
pub(super) struct Node {
    pub(super) number: usize,
    pub(super) common: Common,
    pub(super) desk: Arc<Desk>,
    pub(super) clock: NodeClock,
    disk: Arc<Disk>,
    chance: Chance,
    processes: u32,
}

/// How one process is going to end.
enum End {
    /// Not before the world does.
    Never,
    AtStep(u64),
    After(Duration),
    InOrderAfter(Duration),
}

/// A process dies after so many steps at most; a busy one makes some thousands in a minute.
const STEPS: u64 = 3_000;

/// The latest moment at which a process ends.
const MOMENT: Duration = Duration::from_mins(1);

/// How long a node is away.
const AWAY: Duration = Duration::from_secs(20);

/// Notes that a stopping machine may lose.
const NOTES: u64 = 12;

impl Node {
    pub(super) fn new(number: usize, common: Common, desk: Arc<Desk>) -> Self {
        let purpose = format!("node {number}");
        Self {
            number,
            clock: NodeClock::new(common.time),
            chance: Chance::new(common.seed, &purpose),
            common,
            desk,
            disk: Arc::default(),
            processes: 0,
        }
    }

    /// Runs process after process until `stop`, then ends the last one in order.
    pub(super) async fn serve(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.processes += 1;
            let process = Process {
                node: self.number,
                number: self.processes,
            };
            if self.live(process, &stop).await {
                let away = self.chance.span(Duration::ZERO, AWAY);
                stop.run_until_cancelled(tokio::time::sleep(away)).await;
            }
        }
    }

    /// One process; whether it died.
    async fn live(&self, process: Process, stop: &CancellationToken) -> bool {
        let end = self.end();
        let life = Arc::new(match end {
            End::AtStep(fated) => Life::until(fated),
            _ => Life::until(u64::MAX),
        });
        let surroundings = self.surroundings(process, &life);
        surroundings.journal.open();
        self.common.book.tell(format!("{process} starts"));
        let halt = stop.child_token();
        let reading = feedback::serve(
            Arc::new(self.feedback(process, &life)),
            self.clock.clone(),
            halt.clone(),
        );
        let engine = Engine::new(Arc::new(surroundings), Arc::clone(&self.desk));
        let working = async { tokio::join!(engine.run(halt.clone()), reading) };
        let hand = async {
            match end {
                End::After(moment) => {
                    tokio::time::sleep(moment).await;
                    life.kill();
                }
                End::InOrderAfter(moment) => {
                    tokio::time::sleep(moment).await;
                    halt.cancel();
                }
                End::Never | End::AtStep(_) => {}
            }
            std::future::pending::<()>().await;
        };
        // Death first: whatever else is due at that moment does not happen any more.
        let died = tokio::select! {
            biased;
            () = life.ended() => true,
            () = hand => true,
            _ = working => false,
        };
        self.bury(process, died);
        died
    }

    fn bury(&self, process: Process, died: bool) {
        let common = &self.common;
        if died {
            common.book.died(process);
        }
        if died && self.chance.falls(common.ends.with_machine) {
            let notes = self.chance.between(0, NOTES);
            common.book.tell(format!(
                "{process} dies with its machine; {notes} notes are lost"
            ));
            self.disk.stop(usize::try_from(notes).unwrap_or(0));
            common.forget(self.number);
        } else {
            let how = if died { "dies" } else { "stops" };
            common.book.tell(format!("{process} {how}"));
        }
        self.disk.leave(process);
    }

    /// After healing nobody dies any more.
    fn end(&self) -> End {
        let (ends, chance) = (&self.common.ends, &self.chance);
        let (point, step) = (chance.point(), chance.between(0, STEPS));
        let moment = chance.span(Duration::ZERO, MOMENT);
        if self
            .common
            .is_healed
            .load(std::sync::atomic::Ordering::Relaxed)
        {
            End::Never
        } else if point < ends.at_a_step {
            End::AtStep(step)
        } else if point < ends.at_a_step + ends.at_a_moment {
            End::After(moment)
        } else if point < ends.at_a_step + ends.at_a_moment + ends.in_order {
            End::InOrderAfter(moment)
        } else {
            End::Never
        }
    }

    /// The reading of what comes back.
    fn feedback(&self, process: Process, life: &Arc<Life>) -> Feedback<StoreLine, Names, ()> {
        Feedback {
            store: self.line(process, life),
            dns: self.names(life),
            watch: (),
            desk: self.common.feedback.clone(),
        }
    }

    fn line(&self, process: Process, life: &Arc<Life>) -> StoreLine {
        StoreLine {
            server: Arc::clone(&self.common.server),
            process,
            life: Arc::clone(life),
        }
    }

    fn names(&self, life: &Arc<Life>) -> Names {
        Names {
            zones: Arc::clone(&self.common.zones),
            life: Arc::clone(life),
        }
    }

    fn surroundings(&self, process: Process, life: &Arc<Life>) -> Surroundings {
        let common = &self.common;
        let chance = |what: &str| Chance::new(common.seed, &format!("{what} of {process}"));
        let (store, dns) = (self.line(process, life), self.names(life));
        let life = || Arc::clone(life);
        Surroundings {
            store,
            dns,
            dial: Calls {
                exchange: Arc::clone(&common.exchange),
                process,
                life: life(),
            },
            journal: MemJournal {
                disk: Arc::clone(&self.disk),
                process,
                life: life(),
                chance: chance("journal"),
                troubled: common.journal_troubled,
                is_healed: Arc::clone(&common.is_healed),
                book: Arc::clone(&common.book),
            },
            clock: self.clock.clone(),
            dice: chance("dice"),
        }
    }
}
