//! The engine: leases letters, delivers them, settles what became of them.
//!
//! Owns the flow and its bounds; decides nothing about a letter's fate (`policy`), knows no database and no socket
//! (`port`). Promises: every letter leased ends in exactly one settlement or goes back to the store; [`Engine::run`]
//! returns only when no task is left. Read `runner` for the beat, then `dispatch`, `worker`, and `deliver`, which
//! is one letter's way in a sentence; `settler` writes what the judge said; `heir` speaks for those who died.

mod brakes;
mod connection;
mod court;
mod crew;
mod deliver;
mod desk;
mod dispatch;
pub mod feedback;
mod grip;
mod heir;
mod holds;
mod janitor;
mod keeper;
mod ledger;
mod limits;
mod listener;
mod live;
mod marks;
mod pace;
mod place;
mod prepare;
mod returns;
mod runner;
mod secured;
mod settler;
mod site;
mod sites;
mod tenures;
mod tls;
mod warmup;
mod way;
mod worker;

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::{
    court::Court,
    crew::Crew,
    heir::Heir,
    holds::Holds,
    ledger::{Ledger, Room},
    pace::{Pace, beat::Heart},
    prepare::Prepare,
    secured::Secured,
};
pub use self::{
    desk::{Desk, Stream},
    limits::Limits,
    live::Live,
    pace::Drill,
    way::Trust,
};
use crate::port::{Journal, NodeId, Store, World};

/// Of the letters in flight, one site may hold this part before its lanes are left out of the lease ...
const SITE_PART: usize = 8;

/// ... and so many parts when a lease that began before brings more: then letters go back.
const SITE_PARTS_MAX: usize = 3;

/// One engine over one world.
pub struct Engine<W: World> {
    world: Arc<W>,
    desk: Arc<Desk>,
}

impl<W: World> Engine<W> {
    /// An engine that has not started yet.
    pub fn new(world: Arc<W>, desk: Arc<Desk>) -> Self {
        Self { world, desk }
    }

    /// Runs until `stop`, then drains: no new lease, letters under way finish, verdicts settle, the others go back.
    pub async fn run(self, stop: CancellationToken) {
        let limits = &self.desk.limits;
        let room = Room {
            total: limits.in_flight,
            per_lane: limits.in_flight_per_lane,
            per_site: limits.in_flight / SITE_PART,
            per_site_max: limits.in_flight / SITE_PART * SITE_PARTS_MAX,
        };
        let ledger = Arc::new(Ledger::new(room));
        let pace = Arc::new(Pace::new(&self.desk.sources, self.desk.warmups.clone()));
        let (verdicts, judged) = mpsc::channel(room.total);
        let settled = CancellationToken::new();
        let holds = Arc::new(Holds::default());
        let mut helpers = self.helpers(&ledger, &holds, judged, &settled);
        let secured = Arc::new(Secured::default());
        let (world, counted, done) = (
            Arc::clone(&self.world),
            Arc::clone(&secured),
            settled.clone(),
        );
        helpers
            .keepers
            .spawn(async move { tls::bring(world.as_ref(), &counted, done).await });
        let halt = stop.child_token();
        self.start_heart(&mut helpers, &pace, &settled);
        self.start_warmups(&mut helpers, &pace, &settled);
        let (heir, halted) = (Heir::new(self.court()), halt.clone());
        helpers
            .keepers
            .spawn(async move { heir.serve(halted).await });
        let (world, desk) = (Arc::clone(&self.world), Arc::clone(&self.desk));
        let crew = Arc::new(Crew {
            world,
            desk,
            court: self.court(),
            ledger: Arc::clone(&ledger),
            pace: Arc::clone(&pace),
            holds,
            secured: Arc::clone(&secured),
            prepare: Prepare::new(limits.processors),
            verdicts,
            stop: halt.clone(),
        });
        {
            let mut work = std::pin::pin!(runner::run(&crew, &halt));
            // Without a settler every letter delivered would be sent again: then nothing more is begun.
            tokio::select! {
                biased;
                () = &mut work => {}
                _ = helpers.settler.join_next() => {
                    error!("The settler died; this engine stops, and its journal tells whoever comes next");
                    halt.cancel();
                    work.await;
                }
            }
        }
        // The last sender goes with the crew; the settler then writes what is left and ends, and claims are kept till then.
        drop(crew);
        helpers.settler.join_next().await;
        settled.cancel();
        while helpers.keepers.join_next().await.is_some() {}
        // What could not be given back stays in the journal, and whoever comes next finds it there.
        if let Err(trouble) = self.world.journal().shorten(&ledger.leases()) {
            error!(error = ?trouble, "The journal stays as it is");
        }
    }

    fn court(&self) -> Court<W> {
        Court {
            world: Arc::clone(&self.world),
            desk: Arc::clone(&self.desk),
        }
    }

    /// Without limits and warm-ups there is nothing to divide, and nobody to tell.
    fn start_heart(&self, helpers: &mut Helpers, pace: &Arc<Pace>, settled: &CancellationToken) {
        let has_warmups = !self.desk.warmups.is_empty();
        if self.desk.shaping.get().is_free() && !has_warmups {
            return;
        }
        let node = NodeId(runner::lease_id(self.world.as_ref()).0);
        let heart = Heart::new(node, &self.desk.node);
        let (world, pace, done) = (Arc::clone(&self.world), Arc::clone(pace), settled.clone());
        helpers
            .keepers
            .spawn(async move { heart.serve(world.as_ref(), &pace, done).await });
    }

    /// Days of warm-ups are opened where there are any.
    fn start_warmups(&self, helpers: &mut Helpers, pace: &Arc<Pace>, settled: &CancellationToken) {
        if self.desk.warmups.is_empty() {
            return;
        }
        let (world, desk) = (Arc::clone(&self.world), Arc::clone(&self.desk));
        let (pace, done) = (Arc::clone(pace), settled.clone());
        helpers.keepers.spawn(async move {
            warmup::keep(world.as_ref(), &pace, &desk.warmups, done).await;
        });
    }

    fn helpers(
        &self,
        ledger: &Arc<Ledger>,
        holds: &Arc<Holds>,
        judged: mpsc::Receiver<crate::port::Settlement>,
        settled: &CancellationToken,
    ) -> Helpers {
        let mut helpers = Helpers {
            settler: JoinSet::new(),
            keepers: JoinSet::new(),
        };
        let (world, book) = (Arc::clone(&self.world), Arc::clone(ledger));
        helpers.settler.spawn(async move {
            let (store, watch, journal) = (world.store(), world.watch(), world.journal());
            settler::settle_all(store, watch, journal, &book, judged).await;
        });
        let (world, book) = (Arc::clone(&self.world), Arc::clone(ledger));
        let (lease, done) = (self.desk.limits.lease, settled.clone());
        helpers.keepers.spawn(async move {
            keeper::keep_alive(world.store(), world.clock(), &book, lease, done).await;
        });
        let (world, book) = (Arc::clone(&self.world), Arc::clone(ledger));
        let done = settled.clone();
        helpers.keepers.spawn(async move {
            returns::give_back(world.store(), world.clock(), &book, done).await;
        });
        let (world, book) = (Arc::clone(&self.world), Arc::clone(ledger));
        let (holds, done) = (Arc::clone(holds), settled.clone());
        helpers.keepers.spawn(async move {
            holds::keep(world.store(), world.clock(), &holds, &book, done).await;
        });
        let news = self.world.store().suppression_news();
        let (book, done) = (Arc::clone(ledger), settled.clone());
        helpers
            .keepers
            .spawn(async move { listener::listen(news, &book, done).await });
        if let Some(brakes) = self.desk.brakes {
            let (world, desk) = (Arc::clone(&self.world), Arc::clone(&self.desk));
            let done = settled.clone();
            helpers.keepers.spawn(async move {
                brakes::watch(world.as_ref(), &desk, &brakes, done).await;
            });
        }
        let (world, done) = (Arc::clone(&self.world), settled.clone());
        helpers.keepers.spawn(async move {
            janitor::promote_due(world.store(), world.clock(), done).await;
        });
        helpers
    }
}

/// The tasks beside the runner.
struct Helpers {
    settler: JoinSet<()>,
    keepers: JoinSet<()>,
}
