//! Calls from nodes to mail hosts.
//!
//! Owns the hosts by address, the hardships of each new connection, and the tasks that receive. Promises: the receiving side
//! is the small internet's own session and provider code; every connection is in the book. Leaves octets to `pipe`.

use std::{
    collections::BTreeMap,
    future::pending,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        plan::Health,
        provider::Provider,
        session::{Privacy, Session},
        wire::Wire,
    },
    book::{Book, Process},
    chance::Chance,
    life::Life,
    pipe::{End, Fate, Manner, pipe},
    plug::Plug,
    weather::Wires,
};
use crate::{
    mail::{Stage, Trouble, TroubleKind},
    port::Dial,
};

/// A talk about one letter is about so many octets in each direction: fates fall within a few letters.
const SAID: u64 = 6_000;
const HEARD: u64 = 1_200;

/// The quickest way.
const QUICK: Duration = Duration::from_micros(200);

/// Pieces of a dripping line.
const DRIP_OCTETS: u64 = 64;

/// Between two of them.
const DRIP: Duration = Duration::from_millis(400);

/// A mail host that can be called.
pub(super) struct MailHost {
    pub(super) name: String,
    pub(super) site: String,
    pub(super) health: Health,
    pub(super) provider: Arc<Provider>,
}

/// Every host, and the state of the lines to them.
pub(super) struct Exchange {
    pub(super) hosts: BTreeMap<IpAddr, MailHost>,
    pub(super) chance: Chance,
    pub(super) wires: Wires,
    pub(super) is_healed: AtomicBool,
    pub(super) book: Arc<Book>,
    pub(super) guests: Mutex<JoinSet<()>>,
}

impl Exchange {
    /// From now on every new connection is a good one.
    pub(super) fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    fn wires(&self) -> Wires {
        if self.is_healed.load(Ordering::Relaxed) {
            Wires::default()
        } else {
            self.wires
        }
    }

    /// What both directions of a new connection are like.
    fn manners(&self, wires: &Wires) -> (Manner, Manner) {
        let chance = &self.chance;
        let is_dripping = chance.falls(wires.dripping);
        let plain = || Manner {
            latency: chance.span(QUICK, wires.latency_max),
            piece_max: usize::MAX,
            drip: Duration::ZERO,
            fate: None,
        };
        let (mut there, mut back) = (plain(), plain());
        if is_dripping {
            let dripping = if chance.falls(0.5) {
                &mut there
            } else {
                &mut back
            };
            dripping.piece_max = usize::try_from(chance.between(1, DRIP_OCTETS)).unwrap_or(1);
            dripping.drip = chance.span(Duration::ZERO, DRIP);
        }
        let (is_there, point) = (chance.falls(0.5), chance.point());
        let after = chance.between(0, if is_there { SAID } else { HEARD });
        let fated = if is_there { &mut there } else { &mut back };
        fated.fate = fate(wires, point, after);
        (there, back)
    }

    fn receive(&self, host: &MailHost, end: End, source: IpAddr) {
        let (name, health) = (host.name.clone(), host.health);
        let provider = Arc::clone(&host.provider);
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        while guests.try_join_next().is_some() {}
        guests.spawn(async move {
            match health {
                Health::Alive => receive(end, &name, provider, source).await,
                // The line stays open, and nobody is there.
                Health::Silent | Health::Refusing => {
                    let _held = end;
                    pending::<()>().await;
                }
            }
        });
    }
}

fn fate(wires: &Wires, point: f64, after: u64) -> Option<Fate> {
    if point < wires.broken {
        Some(Fate::Refuse(after))
    } else if point < wires.broken + wires.lost {
        Some(Fate::Lose(after))
    } else if point < wires.broken + wires.lost + wires.muted {
        Some(Fate::Mute(after))
    } else {
        None
    }
}

/// The receiving side, as the small internet has it on its sockets, without TLS: handshakes have real chance in them.
async fn receive(end: End, host: &str, provider: Arc<Provider>, source: IpAddr) {
    let delay = provider.temper().reply_delay;
    let mut wire = Wire::new(end, delay, CancellationToken::new());
    if let Some(saying) = provider.welcome(source) {
        let reply = saying.render("", &source.to_string());
        wire.close(&reply).await;
        return;
    }
    let guest = Arc::clone(&provider);
    let session = Session::new(&mut wire, guest, host, source, Privacy::Never);
    session.run().await;
    provider.farewell(source);
}

/// One process's way to call hosts.
pub(super) struct Calls {
    pub(super) exchange: Arc<Exchange>,
    pub(super) process: Process,
    pub(super) life: Arc<Life>,
}

impl Dial for Calls {
    type Wire = Plug;

    async fn dial(&self, from: Option<IpAddr>, to: IpAddr) -> Result<Plug, Trouble> {
        self.life.gate().await;
        let host = self.exchange.hosts.get(&to).ok_or_else(|| refused(to))?;
        let wires = self.exchange.wires();
        self.reach(host, &wires, to).await?;
        Ok(self.connect(host, &wires, from.unwrap_or(to)))
    }
}

impl Calls {
    /// Waits until the host lets us in, if it does.
    async fn reach(&self, host: &MailHost, wires: &Wires, to: IpAddr) -> Result<(), Trouble> {
        let (chance, book) = (&self.exchange.chance, &self.exchange.book);
        let wait = chance.span(QUICK, wires.latency_max);
        let (is_refused, is_unanswered) =
            (chance.falls(wires.refused), chance.falls(wires.unanswered));
        tokio::time::sleep(wait).await;
        self.life.gate().await;
        if is_refused || host.health == Health::Refusing {
            book.tell(format!("{} is refused by {}", self.process, host.name));
            return Err(refused(to));
        }
        if is_unanswered {
            book.tell(format!(
                "{} gets no answer from {}",
                self.process, host.name
            ));
            pending::<()>().await;
        }
        Ok(())
    }

    fn connect(&self, host: &MailHost, wires: &Wires, from: IpAddr) -> Plug {
        let (exchange, process) = (&self.exchange, self.process);
        let (there, back) = exchange.manners(wires);
        let (ours, theirs) = pipe(there, back);
        let number = exchange.book.connected(process, &host.site, from);
        let (name, ahead) = (&host.name, describe(there, back));
        let book = &exchange.book;
        book.tell(format!(
            "{process} opens connection {number} to {name}{ahead}"
        ));
        exchange.receive(host, theirs, from);
        let life = Arc::clone(&self.life);
        Plug::new(ours, life, Arc::clone(book), (number, process))
    }
}

/// What lies ahead of a connection, for the story.
fn describe(there: Manner, back: Manner) -> String {
    let one = |way: &str, manner: Manner| {
        let fate = manner.fate.map(|fate| match fate {
            Fate::Refuse(after) => format!("; {way} it breaks after {after} octets"),
            Fate::Lose(after) => format!("; {way} it loses all after {after} octets"),
            Fate::Mute(after) => format!("; {way} it falls silent after {after} octets"),
        });
        fate.unwrap_or_default()
    };
    one("there", there) + &one("back", back)
}

fn refused(to: IpAddr) -> Trouble {
    let what = format!("{to} refuses");
    Trouble::new(Stage::Connect, TroubleKind::Refused, what)
}
