//! `postrider top`: what happens now, once or again and again.
//!
//! Owns the looks, the terminal and the keys. Promises: a queue of a million letters is not counted every second: counting takes
//! at most a tenth of the time; the terminal is left as it was found; without one, looks are printed one below the other. Leaves the
//! picture to [`picture`].

mod keys;
mod picture;

use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::Args;
use tokio::time::{Instant, sleep, timeout};

use self::{
    keys::{Key, Keys},
    picture::{Look, Order},
};
use super::{
    out::Out,
    session::{self, Session, now},
    settings::Settings,
};
use crate::store::{Mark, PgStore, Waits};

/// Rates are those of this time.
const WINDOW: Duration = Duration::from_secs(10);
/// Counting the queue takes this part of the time at most.
const COUNTING_PART: u32 = 10;
/// Clocks of nodes may be off by so much.
const CLOCKS: Duration = Duration::from_mins(10);
/// Sites and holds beyond these are not shown.
const LINES: u32 = 10;

/// Watch what happens: rates by provider, the queue, slow routes, nodes and holds.
///
/// Keys: q quits; r sorts by rate, d by deferrals, b by bounces, w by what waits, n by name. Without a terminal, each look is
/// printed below the last one.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Look once, over one interval, and end.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 1, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

impl Top {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        session::with(settings, async |session| self.watch(session, out).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn watch(&self, session: &Session, out: &mut Out) -> Result<()> {
        let every = Duration::from_secs(self.every);
        let mut watcher = Watcher::new(session.store.clone()).await?;
        let is_live =
            !self.once && !out.is_json() && stdout().is_terminal() && stdin().is_terminal();
        let mut keys = if is_live { Some(Keys::listen()?) } else { None };
        let mut order = Order::default();
        loop {
            if pressed(keys.as_mut(), every, &mut order).await {
                return Ok(());
            }
            let look = watcher.look().await?;
            if out.is_json() {
                out.json(&picture::wire(&look))?;
            } else if is_live {
                // Home, the picture line by line, and nothing of the last one below it.
                let text = picture::draw(&look, order).replace('\n', "\u{1b}[K\r\n");
                out.line(format!("\u{1b}[H{text}\u{1b}[K\r\n\u{1b}[J"))?;
            } else {
                out.line(picture::draw(&look, order))?;
            }
            out.flush()?;
            if self.once {
                return Ok(());
            }
        }
    }
}

/// Waits for the next look; `true` when somebody wants to leave. A key that sorts shows at once.
async fn pressed(keys: Option<&mut Keys>, every: Duration, order: &mut Order) -> bool {
    let Some(keys) = keys else {
        sleep(every).await;
        return false;
    };
    match timeout(every, keys.next()).await {
        Ok(Key::Quit) => true,
        Ok(Key::Sort(wanted)) => {
            *order = wanted;
            false
        }
        Err(_) => false,
    }
}

/// Remembers what a look needs of the looks before.
struct Watcher {
    store: PgStore,
    /// Points in the stream of transactions, the oldest first; the first is about as old as the window.
    marks: Vec<(Instant, Mark)>,
    waits: Waits,
    counted: Option<Instant>,
    counting: Duration,
}

impl Watcher {
    async fn new(store: PgStore) -> Result<Self> {
        let mark = store.mark_now().await?;
        Ok(Self {
            store,
            marks: vec![(Instant::now(), mark)],
            waits: Waits::default(),
            counted: None,
            counting: Duration::ZERO,
        })
    }

    async fn look(&mut self) -> Result<Look> {
        let at = now();
        let mark = self.store.mark_now().await?;
        let (since, first) = &self.marks[0];
        let over = since.elapsed();
        let outcomes = self.store.outcomes_since(first, at.minus(CLOCKS)).await?;
        self.marks.push((Instant::now(), mark));
        while self.marks.len() > 1 && self.marks[1].0.elapsed() >= WINDOW {
            self.marks.remove(0);
        }
        self.count().await?;
        Ok(Look {
            at,
            over,
            outcomes,
            waits: self.waits.clone(),
            counted_ago: self.counted.map_or(Duration::ZERO, |at| at.elapsed()),
            routes: self.store.routes(None, None, at).await?,
            nodes: self.store.nodes().await?,
            holds: self.store.holds(false, LINES).await?,
        })
    }

    /// Counts the queue anew when the last count is ten times older than it took.
    async fn count(&mut self) -> Result<()> {
        let is_fresh = |at: Instant| at.elapsed() < self.counting * COUNTING_PART;
        if self.counted.is_some_and(is_fresh) {
            return Ok(());
        }
        let begun = Instant::now();
        self.waits = self.store.waits(LINES, 0).await?;
        self.counting = begun.elapsed();
        self.counted = Some(Instant::now());
        Ok(())
    }
}
